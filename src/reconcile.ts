import { type Applied, confirmed, isDone } from './applied.ts'
import type { Contention } from './contention.ts'
import type { ChangeResult } from './kernel/port.ts'
import { type Look, type LookInput, look } from './look.ts'
import type { Refusal } from './policy/health.ts'
import type { Tables } from './policy/tables.ts'
import { type Change, changeKey, formatChange, objectKey, takesAway } from './state/change.ts'
import { linkNamer } from './state/snapshot.ts'
import { hasStood, nothingStood, type Stood, stoodAfter } from './stood.ts'

/** What a process remembers from one pass to the next. All of it can be lost: the kernel is the database. */
export interface Memory {
  readonly tables: Tables
  readonly stood: Stood
}

export const noMemory: Memory = { tables: new Map(), stood: nothingStood }

/** What one pass found and did; `pending` is what it left. */
export interface PassOutcome extends Look {
  readonly memory: Memory
  /** In the order in which they were applied. */
  readonly applied: readonly Applied[]
  /** Changes that are still pending after the pass because the kernel refuses them. */
  readonly refused: readonly Applied[]
  /** Changes held back since somebody keeps undoing them. */
  readonly withheld: readonly Change[]
  /** Nothing is pending: the last observation equals the desired state. */
  readonly verified: boolean
}

export interface PassInput extends Omit<LookInput, 'tables'> {
  readonly memory: Memory
  readonly contention: Contention
  /** What led to the pass, for people. Is read once the changes are made: it may have to be looked up. */
  readonly hint: { readonly what: string }
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
  let seen = look({ ...input, tables: input.memory.tables })
  for (let round = 1; ; round++) {
    const { due, withheld } = split(seen.pending, input)
    const refused = failures.size === 0 ? [] : due.flatMap((change) => failures.get(changeKey(change)) ?? [])
    // The same refusals again, and nothing new: more rounds would tell the same.
    if (due.length === 0 || refused.length === due.length || round === rounds) {
      return { ...conclude(seen, applied, input), refused, withheld, verified: seen.pending.length === 0 }
    }
    const sent = make(due, input)
    const next = lookAgain(sent, seen, input)
    const made = next ? confirmed(sent, next.snapshot) : sent
    applied.push(...made)
    failures = new Map(made.filter(({ result }) => !result.done).map((entry) => [changeKey(entry.change), entry]))
    noteRepairs(made, seen, input)
    if (!next) {
      return { ...conclude(seen, applied, input), refused: [], withheld: [], verified: false }
    }
    seen = next
  }
}

function make(due: readonly Change[], { kernel, memory }: PassInput): Applied[] {
  const results = kernel.apply(due)
  return due.map((change, i) => ({
    change,
    result: results[i] as ChangeResult,
    repair: !takesAway(change) && hasStood(memory.stood, change),
  }))
}

/**
 * What was done must be told, even where the kernel can't be read just now: the next pass finds out why. What a pass
 * itself does touches nothing of main, so the look that verifies can use what the first one read of it; but what the
 * kernel would not let go may lie where only a thorough look finds it again.
 */
function lookAgain(sent: readonly Applied[], { desired }: Look, input: PassInput): Look | undefined {
  const thorough = sent.some(({ change, result }) => takesAway(change) && !result.done)
  try {
    return look({ ...input, tables: desired.tables, thorough })
  } catch {
    return undefined
  }
}

function split(pending: readonly Change[], { contention, now }: PassInput) {
  if (contention.isPeaceful) {
    return { due: pending, withheld: [] }
  }
  const due = pending.filter((change) => takesAway(change) || contention.allows(objectKey(change), now))
  return { due, withheld: due.length === pending.length ? [] : pending.filter((change) => !due.includes(change)) }
}

/** What stood and was put there again is ours to defend; what was taken away is not fought over. */
function noteRepairs(made: readonly Applied[], { snapshot }: Look, { contention, hint, now }: PassInput): void {
  const linkName = linkNamer(snapshot)
  for (const entry of made) {
    if (entry.repair && isDone(entry)) {
      const { change } = entry
      contention.repaired(objectKey(change), { object: formatChange(change, linkName), by: hint.what }, now)
    }
  }
}

function conclude(seen: Look, applied: readonly Applied[], { memory }: PassInput) {
  const { desired, pending } = seen
  const { rules, routes } = memory.stood
  // Equal lists of which everything was made anew would be held beside them.
  const isAsBefore = pending.length > 0 || (desired.rules === rules && desired.routes === routes)
  const isKept = applied.length === 0 && memory.stood !== nothingStood && isAsBefore
  return {
    ...seen,
    applied,
    memory: { tables: desired.tables, stood: isKept ? memory.stood : stoodAfter(seen, memory.stood) },
  }
}

/** What the kernel refused, for people. */
export const refusalsOf = (refused: readonly Applied[]): Refusal[] =>
  refused.flatMap(({ change, result }) => (result.done ? [] : [{ change, code: result.code, message: result.message }]))
