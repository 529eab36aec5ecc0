import { setTimeout as sleep } from 'node:timers/promises'
import { type Applied, isDone } from '../applied.ts'
import { prove } from '../assess.ts'
import { Contention } from '../contention.ts'
import { exit } from '../exit.ts'
import { type Problem, problems } from '../policy/health.ts'
import { requireNetAdmin } from '../privilege.ts'
import { type Memory, noMemory, type PassOutcome, reconcile, refusalsOf } from '../reconcile.ts'
import { linkNamer } from '../state/snapshot.ts'
import { paint, wantsColour } from '../terminal.ts'
import { changeJson, planLine, print, printJson, printProblems } from './output.ts'
import { type CommonOptions, type Session, withSession } from './session.ts'

/** ms that apply waits for what the kernel does not allow yet: duplicate address detection takes 1 to 2 s. */
const patience = 5_000
const step = 100

/** Brings the kernel into the desired state once. */
export const apply = (options: CommonOptions): Promise<number> => {
  requireNetAdmin('apply')
  return withSession(options, async (session) => {
    const { outcome, applied } = await passUntilDone(session)
    const found = problemsAfter(session, outcome)
    const good = outcome.verified && !found.some(({ severity }) => severity === 'error')
    report(options, outcome, applied, found, good)
    return good ? exit.ok : exit.failed
  })
}

async function passUntilDone({ kernel, settings, tables }: Session) {
  const contention = new Contention()
  const deadline = performance.now() + patience
  const applied: Applied[] = []
  let memory: Memory = { ...noMemory, tables }
  let told: string | undefined
  for (;;) {
    const outcome = reconcile({
      kernel,
      settings,
      memory,
      contention,
      thorough: true,
      hint: { what: 'apply' },
      now: performance.now(),
    })
    applied.push(...outcome.applied.filter(isDone))
    memory = outcome.memory
    const waiting = waitingFor(outcome)
    if (waiting === undefined || performance.now() > deadline) {
      return { outcome, applied }
    }
    if (waiting !== told) {
      process.stderr.write(`waiting, ${patience / 1000} s at most: ${waiting}\n`)
      told = waiting
    }
    await sleep(step)
  }
}

/** What time alone can mend; undefined where nothing is. */
function waitingFor({ snapshot, desired, refused }: PassOutcome): string | undefined {
  const managed = new Set(desired.enis.filter(({ eni }) => eni.managed).map(({ eni }) => eni.link.index))
  const tentative = snapshot.addresses.find(
    (a) => managed.has(a.linkIndex) && a.tentative && !a.dadFailed && a.scope < 253,
  )
  if (tentative) {
    return `duplicate address detection of ${tentative.address}`
  }
  const [first] = refused
  return first && !first.result.done
    ? `the kernel says ${first.result.code} to ${planLine(first.change, linkNamer(snapshot)).slice(2)}`
    : undefined
}

function problemsAfter({ kernel, settings }: Session, { snapshot, desired, refused }: PassOutcome): Problem[] {
  return problems(
    { snapshot, desired, outcomes: prove(kernel, snapshot, desired, settings), refusals: refusalsOf(refused) },
    settings,
  )
}

function report(
  options: CommonOptions,
  { snapshot, desired }: PassOutcome,
  applied: readonly Applied[],
  found: readonly Problem[],
  good: boolean,
): void {
  const name = linkNamer(snapshot)
  if (options.json) {
    printJson({
      inSync: good,
      active: desired.active,
      changes: applied.map(({ change }) => changeJson(change, name)),
      problems: found,
    })
    return
  }
  const styles = paint(wantsColour(process.stdout))
  for (const { change } of applied) {
    print(`${planLine(change, name)}${styles.dim(`  # ${change.cause}`)}`)
  }
  print(good ? styles.green(`in sync after ${applied.length} changes`) : styles.red('not in sync'))
  printProblems(found, styles)
}
