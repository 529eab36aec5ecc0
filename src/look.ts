import type { Kernel } from './kernel/port.ts'
import { type Desired, desiredState } from './policy/desired.ts'
import { diff } from './policy/diff.ts'
import { type Interest, interestOf } from './policy/interest.ts'
import { Kept } from './policy/kept.ts'
import { bandSize, type Settings } from './policy/settings.ts'
import { spareTables, type Tables } from './policy/tables.ts'
import { type Change, takesAway } from './state/change.ts'
import type { Snapshot } from './state/snapshot.ts'

/** The kernel as it is, as it should be, and what lies between. */
export interface Look {
  readonly snapshot: Snapshot
  readonly desired: Desired
  /** In the order in which they have to be made. */
  readonly pending: readonly Change[]
}

export interface LookInput {
  readonly kernel: Kernel
  readonly settings: Settings
  /** The tables of the last pass. */
  readonly tables: Tables
  /** Read everything anew, in every table. */
  readonly thorough: boolean
}

/**
 * The changes that would be made now, without making them. What is to be taken away is taken away on a thorough look
 * only: what is kept from earlier ones may be short of something. @throws {NetlinkError}
 */
export function look(input: LookInput): Look {
  const seen = lookAmong(input, spareTables)
  return !input.thorough && seen.pending.some(takesAway) ? look({ ...input, thorough: true }) : seen
}

const interests = new Kept<Interest>()

/** Looks among `spare` free tables for those that ENIs lack, and among more where all of them are in foreign use. */
function lookAmong(input: LookInput, spare: number): Look {
  const { kernel, settings, tables, thorough } = input
  const snapshot = kernel.observe(
    (links, rules) =>
      interests.of(`${thorough} ${spare}`, [links, rules, settings, tables], () =>
        interestOf(links, rules, settings, tables, { thorough, spare }),
      ),
    thorough,
  )
  const desired = desiredState(snapshot, settings, tables)
  if (desired.starved && spare < bandSize.table) {
    return lookAmong(input, spare * 8)
  }
  return { snapshot, desired, pending: diff(snapshot, desired, settings) }
}
