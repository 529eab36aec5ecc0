import type { Link } from '../state/link.ts'
import type { Rule } from '../state/rule.ts'
import { selectEnis } from './enis.ts'
import { everyNumbers } from './ownership.ts'
import { withRecollection } from './recollection.ts'
import { bandSize, inTableBand, type Settings } from './settings.ts'
import { firstUnnumbered, slotOf, type Tables } from './tables.ts'

/** Which routes an observation has to read; a host may hold 100,000 others. */
export interface Interest {
  /** Main's routes through these links. */
  readonly mainThrough: readonly number[]
  /** Every route of these tables. */
  readonly tables: readonly number[]
  /** Every route with one of these protocol numbers, wherever it is. */
  readonly protocols: readonly number[]
  /** Our nftables table and what others do with marks; else only a table of ours that should not be there. */
  readonly marking: boolean
}

/**
 * Tells from links and rules which routes matter. A thorough look finds ours in every table of the band; otherwise the
 * tables that rules or the last pass name are enough, and much cheaper: the kernel walks every route for a protocol.
 * `spare` tables are read beyond one for each ENI, for those that have none yet to choose from.
 */
export function interestOf(
  links: readonly Link[],
  rules: readonly Rule[],
  settings: Settings,
  remembered: Tables,
  { thorough, spare }: { readonly thorough: boolean; readonly spare: number },
): Interest {
  const { enis } = selectEnis(links, withRecollection(settings, { links, rules }), rules)
  const active = enis.length >= 2
  const managed = enis.filter((eni) => eni.managed)
  const unassigned = active ? managed.filter(({ link }) => !hasTable(link, remembered, settings)) : []
  const slots = unassigned.flatMap(({ link }) => slotOf(link.mac, settings) ?? [])
  const first = firstUnnumbered(settings)
  const end = Math.min(first + managed.length + spare, settings.numbers.tableBase + bandSize.table)
  const free = unassigned.length > 0 ? Array.from({ length: end - first }, (_, i) => first + i) : []
  const named = rules.map((rule) => rule.table).filter((number) => inTableBand(settings.numbers, number))
  const given = [...remembered.values()].map((assignment) => assignment.table)
  return {
    mainThrough: active ? enis.map(({ link }) => link.index) : [],
    tables: [...new Set([...named, ...given, ...slots, ...free])],
    protocols: thorough ? ourInterest(settings).protocols : [],
    marking: active && settings.markMask !== undefined,
  }
}

/** A table of an earlier band, or of a link that had the ifindex before, is none. */
function hasTable(link: Link, remembered: Tables, { numbers }: Settings): boolean {
  const last = remembered.get(link.index)
  return last !== undefined && last.mac === link.mac && inTableBand(numbers, last.table)
}

/** Our own routes alone: all that has to be read in order to take them away. */
export const ourInterest = (settings: Settings): Interest => ({
  mainThrough: [],
  tables: [],
  protocols: [...new Set(everyNumbers(settings).map(({ protocol }) => protocol))],
  marking: false,
})
