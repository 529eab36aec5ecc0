import type { Kernel } from './kernel/port.ts'
import { look } from './look.ts'
import type { Desired } from './policy/desired.ts'
import { type Problem, problems } from './policy/health.ts'
import { judge, type WrongOutcome, whilePending } from './policy/outcome.ts'
import { questions } from './policy/questions.ts'
import type { Settings } from './policy/settings.ts'
import type { Tables } from './policy/tables.ts'
import type { Change } from './state/change.ts'
import { families } from './state/ip.ts'
import type { Snapshot } from './state/snapshot.ts'

/** The present state, judged, with nothing changed. */
export interface Assessment {
  readonly snapshot: Snapshot
  readonly desired: Desired
  /** What a pass would do now. */
  readonly pending: readonly Change[]
  /** Ways that the kernel would send packets and ought not to. */
  readonly outcomes: readonly WrongOutcome[]
  readonly problems: readonly Problem[]
}

/** @throws {NetlinkError} */
export function assess(kernel: Kernel, settings: Settings, tables: Tables): Assessment {
  const { snapshot, desired, pending } = look({ kernel, settings, tables, thorough: true })
  const outcomes = prove(kernel, snapshot, desired, settings)
  const told = pending.length === 0 ? outcomes : outcomes.map(whilePending)
  return {
    snapshot,
    desired,
    pending,
    outcomes,
    problems: problems({ snapshot, desired, outcomes: told, refusals: [] }, settings),
  }
}

/** Asks the kernel by which way packets would leave, and returns the ways that are wrong. */
export function prove(kernel: Kernel, snapshot: Snapshot, desired: Desired, settings: Settings): WrongOutcome[] {
  const answers = questions(desired, snapshot, settings).map((question) => ({ question, answer: kernel.ask(question) }))
  const refused = families.filter((family) =>
    answers.some(({ question, answer }) => question.family === family && 'error' in answer),
  )
  const refusing = refused.flatMap((family) => kernel.refusingRoutes(family))
  return answers
    .map(({ question, answer }) => judge(question, answer, { snapshot, desired, settings, refusing }))
    .filter((wrong) => wrong !== undefined)
}
