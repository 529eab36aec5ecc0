import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { monotonicMs } from '../../src/lab/agent.ts'
import { NLM_F } from '../../src/netlink/constants.ts'
import type { Request } from '../../src/netlink/framing.ts'
import { RequestSocket } from '../../src/netlink/request.ts'
import { addRoute, deleteRoute } from '../../src/netlink/route-request.ts'
import { addRule, deleteRule } from '../../src/netlink/rule-request.ts'
import type { Route } from '../../src/state/route.ts'
import { formatRule, type Rule } from '../../src/state/rule.ts'
import type { GoldenNumbers } from './golden.ts'
import { type Listing, listing, without } from './judge-listing.ts'
import { Recorder } from './judge-recorder.ts'

/*
 * Runs in the instance's namespace and answers requests from stdin, a JSON line each, until that ends (see judge.ts). It
 * reads the kernel through src/netlink and shares no decision with the product.
 */

/** What the state is compared with. */
export interface Expectation {
  readonly ours: readonly string[]
  /** Foreign lines that must not be there any more: what stood in our place. */
  readonly gone: readonly string[]
}

export interface Verdict {
  readonly healed: boolean
  /** The longest outage; see judge-recorder.ts. */
  readonly ms: number
  /** Samples that showed a fault. */
  readonly bad: number
  readonly missing: readonly string[]
  readonly surplus: readonly string[]
}

export interface JudgeOperations {
  look(request: { numbers?: GoldenNumbers }): Promise<Listing>
  watch(expected: Expectation): Promise<object>
  verdict(request: { possibleAt?: number; patienceMs: number; quietMs: number }): Promise<Verdict>
  duplicate(request: { line: string }): Promise<object>
  storm(request: { rules: number; routes: number; bursts: number; pauseMs: number }): Promise<object>
  fight(request: { line: string; forMs: number }): Promise<{ lastAt: number; deletions: number }>
}

const socket = RequestSocket.open()
/** ms between two samples; a sample itself takes about as long. */
const period = 1

const operations: JudgeOperations = {
  look: async ({ numbers }) => listing(socket, numbers),
  watch,
  verdict,
  duplicate,
  storm,
  fight,
}

let watching: { readonly expected: Expectation; readonly recorder: Recorder; bad: number; last: Listing } | undefined

async function watch(expected: Expectation): Promise<object> {
  const mine = { expected, recorder: new Recorder(), bad: 0, last: listing(socket) }
  watching = mine
  sample(mine)
  void keepSampling(mine)
  return {}
}

async function keepSampling(mine: NonNullable<typeof watching>): Promise<void> {
  while (watching === mine) {
    await sleep(period)
    sample(mine)
  }
}

function sample(mine: NonNullable<typeof watching>): void {
  mine.last = listing(socket)
  const { missing, surplus } = compare(mine.expected, mine.last)
  const good = missing.length + surplus.length === 0
  mine.bad += good ? 0 : 1
  mine.recorder.note({ at: monotonicMs(), good, world: mine.last.world.join('\n') })
}

function compare({ ours, gone }: Expectation, seen: Listing) {
  const shadows = gone.filter((line) => seen.foreign.includes(line))
  return { missing: without(ours, seen.ours), surplus: [...without(seen.ours, ours), ...shadows] }
}

/** Waits until all has been right for `quietMs`, or gives up after `patienceMs`. Ends the watch. */
async function verdict({
  possibleAt,
  patienceMs,
  quietMs,
}: Parameters<JudgeOperations['verdict']>[0]): Promise<Verdict> {
  const mine = watching!
  const asked = monotonicMs()
  const quiet = () =>
    mine.recorder.goodSince !== undefined && monotonicMs() - Math.max(asked, mine.recorder.goodSince) > quietMs
  while (!quiet() && monotonicMs() - asked < patienceMs) {
    await sleep(period)
  }
  watching = undefined
  const healed = mine.recorder.goodSince !== undefined
  return { healed, ms: mine.recorder.longest(possibleAt), bad: mine.bad, ...compare(mine.expected, mine.last) }
}

/** A rule once more: ip(8) refuses that (NLM_F_EXCL), the kernel does not. */
async function duplicate({ line }: { line: string }): Promise<object> {
  const { flags, ...request } = addRule(find(line)!)
  return refuseErrors([{ ...request, flags: flags & ~NLM_F.EXCL }])
}

const find = (line: string): Rule | undefined =>
  ([4, 6] as const)
    .flatMap((family) => socket.rules(family).items)
    .find((rule) => `rule ${rule.family} ${formatRule(rule)}` === line)

/** Foreign rules and routes come and go in bursts, as fast as the kernel takes them. */
async function storm({ rules, routes, bursts, pauseMs }: Parameters<JudgeOperations['storm']>[0]): Promise<object> {
  const adds = [...times(rules, foreignRule).map(addRule), ...times(routes, foreignRoute).map(addRoute)]
  const deletes = [...times(rules, foreignRule).map(deleteRule), ...times(routes, foreignRoute).map(deleteRoute)]
  for (let burst = 0; burst < bursts; burst++) {
    refuseErrors(adds)
    refuseErrors(deletes)
    await sleep(pauseMs)
  }
  return {}
}

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index))

const foreignRule = (index: number): Rule => ({
  ...{ family: 4, priority: 10_000 + index, action: 'lookup', table: 700, protocol: 4 },
  source: { address: `10.${index >> 8}.${index & 255}.0`, length: 24 },
})

const foreignRoute = (index: number): Route => ({
  ...{ family: 4, table: 700, type: 'blackhole', tos: 0, metric: 0, protocol: 4, scope: 0, nexthops: [], metrics: {} },
  destination: { address: `10.${index >> 8}.${index & 255}.0`, length: 24 },
})

function refuseErrors(requests: readonly Request[]): object {
  const error = socket.batch(requests).find((outcome) => outcome !== undefined)
  if (error) {
    throw error
  }
  return {}
}

/** Deletes one rule whenever it is there, as a program does that thinks the rules are its own. */
async function fight({ line, forMs }: { line: string; forMs: number }): Promise<{ lastAt: number; deletions: number }> {
  const end = monotonicMs() + forMs
  const seen = { lastAt: 0, deletions: 0 }
  while (monotonicMs() < end) {
    const rule = find(line)
    if (rule && socket.batch([deleteRule(rule)])[0] === undefined) {
      seen.lastAt = monotonicMs()
      seen.deletions++
    }
    await sleep(1)
  }
  return seen
}

const lines = createInterface({ input: process.stdin })
lines.on('close', () => process.exit())
lines.on('line', async (text) => {
  const { id, operation, ...request } = JSON.parse(text)
  const perform = operations[operation as keyof JudgeOperations] as (request: object) => Promise<object>
  const answer = await perform(request).catch((error: Error) => ({ failure: error.stack }))
  process.stdout.write(`${JSON.stringify({ id, ...answer })}\n`)
})
