import type { Kernel } from './kernel/port.ts'
import type { Desired } from './policy/desired.ts'
import { type Problem, problems } from './policy/health.ts'
import { judge, questions, type WrongOutcome } from './policy/outcome.ts'
import type { Settings } from './policy/settings.ts'
import type { Tables } from './policy/tables.ts'
import { look } from './reconcile.ts'
import type { Change } from './state/change.ts'
import type { Snapshot } from './state/snapshot.ts'

/** The present state, judged, with nothing changed. */
export interface Assessment {
  readonly snapshot: Snapshot
  readonly desired: Desired
  /** What a pass would do now. */
  readonly pending: readonly Change[]
  readonly problems: readonly Problem[]
}

/** @throws {NetlinkError} */
export function assess(kernel: Kernel, settings: Settings, tables: Tables): Assessment {
  const { snapshot, desired, pending } = look({ kernel, settings, tables, thorough: true })
  const outcomes = prove(kernel, snapshot, desired, settings)
  return { snapshot, desired, pending, problems: problems({ snapshot, desired, outcomes, refusals: [] }, settings) }
}

/** Asks the kernel by which way packets would leave, and returns the ways that are wrong. */
export const prove = (kernel: Kernel, snapshot: Snapshot, desired: Desired, settings: Settings): WrongOutcome[] =>
  questions(desired, snapshot)
    .map((question) => judge(question, kernel.ask(question), snapshot, desired, settings))
    .filter((wrong) => wrong !== undefined)
