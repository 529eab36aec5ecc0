import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Row } from './row.ts'
import { type Spread, spread } from './spread.ts'
import { type Stage, withStage } from './stage.ts'

export interface Effort {
  readonly tries: number
  /** ms that "after a time without events" means. */
  readonly idleMs: number
}

const awaited = '172.16.16.77'

const task = async (stage: Stage, tries: number) => ({
  ...{ kind: 'address' as const, linkIndex: await stage.linkIndex('eth1'), addresses: [awaited], prefixLength: 20 },
  ...{ tries, pauseMs: 30 },
})

/** Compiles the C floor; undefined, and said, where this machine has no compiler. */
function floorProgram(): string | undefined {
  const file = join(mkdtempSync(join(tmpdir(), 'eni-routed-bench-')), 'floor')
  try {
    execFileSync('cc', ['-O2', '-o', file, fileURLToPath(new URL('floor.c', import.meta.url))])
    return file
  } catch (error) {
    console.log(`no C floor: ${(error as Error).message.split('\n')[0]}; apt-get install gcc libc6-dev`)
    return undefined
  }
}

/** `ip monitor` and a shell loop that feeds `ip -batch`: what a person would script. */
const shellLoop = (link: string) => `echo ready
ip -o -4 monitor address dev ${link} | while read -r a b c d e rest; do
  case $a in Deleted) verb=del address=\${e%/*};; *) verb=add address=\${d%/*};; esac
  echo "rule $verb priority 20000 from $address lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol 213
rule $verb priority 20001 from $address lookup 20001 protocol 213" | ip -batch -
done`

type Reactor = (stage: Stage) => Promise<unknown>

const timed = (addresses: number, tries: number, reactor: Reactor, idleMs = 1_500): Promise<Spread> =>
  withStage(2, addresses, async (stage) => {
    await reactor(stage)
    await sleep(idleMs)
    return spread(await stage.time(await task(stage, tries)))
  })

const daemon: Reactor = (stage) => stage.daemon()

/** Address appears → its rule is there. */
export async function reactions({ tries, idleMs }: Effort): Promise<Row[]> {
  const program = floorProgram()
  const floor: Reactor = async (stage) => stage.start(program!, [String(await stage.linkIndex('eth1')), '20001'])
  const shell: Reactor = (stage) => stage.start('sh', ['-c', shellLoop('eth1')])
  const two = await timed(0, tries, daemon)
  const floorSpread = program && (await timed(0, tries, floor))
  const yardsticks = [
    ...(floorSpread ? [{ name: 'C floor', spread: floorSpread }] : []),
    { name: 'ip monitor | ip -batch', spread: await timed(0, Math.min(tries, 30), shell) },
  ]
  const many = await timed(3_000, Math.min(tries, 60), daemon, 4_000)
  const idle = await timed(0, Math.min(tries, 20), daemon, idleMs)
  const row = { item: 'reaction', unit: 'ms' } as const
  const own = [{ name: 'ours with 2 addresses', spread: two }]
  return [
    { ...row, what: 'address → rule, 2 addresses', ours: two, yardsticks, goal: { ratio: 1.5, ratio99: 3 } },
    { ...row, what: 'address → rule, 3,000 addresses', ours: many, yardsticks: own, goal: { ratio: 3 } },
    { ...row, what: `address → rule, after ${idleMs / 1000} idle s`, ours: idle, yardsticks: own },
    { ...row, what: 'a deleted rule → back', ours: await healing(tries), yardsticks: [] },
  ]
}

const healing = (tries: number): Promise<Spread> =>
  withStage(2, 0, async (stage) => {
    await stage.daemon()
    await sleep(1_500)
    const base = await task(stage, Math.min(tries, 40))
    // Slower than the leak of a fight's bucket, so that this counts as none.
    return spread(await stage.time({ ...base, kind: 'rule', addresses: [stage.first(1)], pauseMs: 250 }))
  })
