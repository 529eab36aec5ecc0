import type { Contention } from './contention.ts'
import type { ChangeResult, Kernel } from './kernel/port.ts'
import { type Desired, desiredState } from './policy/desired.ts'
import { diff } from './policy/diff.ts'
import { interestOf } from './policy/interest.ts'
import type { Settings } from './policy/settings.ts'
import type { Tables } from './policy/tables.ts'
import { type Change, changeKey, takesAway } from './state/change.ts'
import type { Snapshot } from './state/snapshot.ts'

/** A change that was sent to the kernel, and what became of it. */
export interface Applied {
  readonly change: Change
  readonly result: ChangeResult
}

/** What one pass found and did. */
export interface PassOutcome {
  /** The kernel as last observed, and what it should be; `desired.tables` is what the next pass has to remember. */
  readonly snapshot: Snapshot
  readonly desired: Desired
  /** In the order in which they were applied. */
  readonly applied: readonly Applied[]
  /** Changes that are still pending after the pass because the kernel refuses them. */
  readonly refused: readonly Applied[]
  /** Changes held back since somebody keeps undoing them. */
  readonly withheld: readonly Change[]
  /** Nothing is pending: the last observation equals the desired state. */
  readonly verified: boolean
}

export interface PassInput {
  readonly kernel: Kernel
  readonly settings: Settings
  /** The tables of the last pass. */
  readonly tables: Tables
  readonly contention: Contention
  /** Read everything anew, in every table. */
  readonly thorough: boolean
  /** ms of a monotonic clock. */
  readonly now: number
}

/**
 * Observations of one pass. The first round does the work, the second verifies it; more are needed where the kernel
 * takes a change only after another, or where somebody writes at the same moment.
 */
const rounds = 4

/** One pass: observe, decide, apply, and observe again until nothing is left to do. @throws {NetlinkError} */
export function reconcile(input: PassInput): PassOutcome {
  const applied: Applied[] = []
  let failures = new Map<string, Applied>()
  for (let round = 1; ; round++) {
    // What a pass itself does touches nothing of main, so the look that verifies can use what the first one read of it.
    const { snapshot, desired, pending } = look(round === 1 ? input : { ...input, thorough: false })
    const { due, withheld } = split(pending, input)
    const refused = due.map((change) => failures.get(changeKey(change))).filter((failure) => failure !== undefined)
    // The same refusals again, and nothing new: more rounds would tell the same.
    if (due.length === 0 || refused.length === due.length || round === rounds) {
      return { snapshot, desired, applied, refused, withheld, verified: pending.length === 0 }
    }
    const results = input.kernel.apply(due)
    const round_ = due.map((change, i): Applied => ({ change, result: results[i] as ChangeResult }))
    applied.push(...round_)
    failures = new Map(round_.filter(({ result }) => !result.done).map((entry) => [changeKey(entry.change), entry]))
    noteRepairs(round_, input)
  }
}

/**
 * The changes that would be made now, without making them. What is to be taken away is taken away on a thorough look
 * only: what is kept from earlier ones may be short of something. @throws {NetlinkError}
 */
export function look(input: Pick<PassInput, 'kernel' | 'settings' | 'tables' | 'thorough'>): Look {
  const { kernel, settings, tables, thorough } = input
  const snapshot = kernel.observe((links, rules) => interestOf(links, rules, settings, tables, thorough), thorough)
  const desired = desiredState(snapshot, settings, tables)
  const pending = diff(snapshot, desired, settings)
  return !thorough && pending.some(takesAway) ? look({ ...input, thorough: true }) : { snapshot, desired, pending }
}

interface Look {
  readonly snapshot: Snapshot
  readonly desired: Desired
  readonly pending: readonly Change[]
}

function split(pending: readonly Change[], { contention, now }: PassInput) {
  const due = pending.filter((change) => contention.allows(changeKey(change), now))
  return { due, withheld: due.length === pending.length ? [] : pending.filter((change) => !due.includes(change)) }
}

/** What was put there is ours to defend; what was taken away is not fought over. */
function noteRepairs(applied: readonly Applied[], { contention, now }: PassInput): void {
  for (const { change, result } of applied) {
    if (result.done && !result.already && !takesAway(change)) {
      contention.repaired(changeKey(change), now)
    }
  }
}
