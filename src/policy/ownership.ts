import type { Link } from '../state/link.ts'
import type { Route } from '../state/route.ts'
import { table } from '../state/route.ts'
import type { Rule } from '../state/rule.ts'
import { isNamed } from './enis.ts'
import { inPriorityBand, inTableBand, type Numbers, type Settings } from './settings.ts'

/**
 * Ownership is told by the protocol number inside the bands: no state file, so nothing is forgotten by a crash, and
 * nothing that lies outside the bands is ever touched, whatever its protocol.
 */
export function isOurRule(settings: Settings, rule: Rule): boolean {
  return everyNumbers(settings).some(
    (numbers) =>
      rule.protocol === numbers.protocol && inPriorityBand(numbers, rule.priority) && leadsIntoBands(numbers, rule),
  )
}

/** The program's rules ask main or a table of the band, or are of the index: they lead within the band, or are its end. */
function leadsIntoBands(numbers: Numbers, rule: Rule): boolean {
  switch (rule.action) {
    case 'lookup':
      return rule.table === table.main || inTableBand(numbers, rule.table)
    case 'goto':
      return inPriorityBand(numbers, rule.gotoPriority ?? 0)
    default:
      return rule.action === 'nop'
  }
}

export function isOurRoute(settings: Settings, route: Route): boolean {
  return everyNumbers(settings).some(
    (numbers) => route.protocol === numbers.protocol && inTableBand(numbers, route.table),
  )
}

/**
 * May a link have got its group from the program? A group carries no mark of who gave it, so only that of a link which
 * the configuration names, or named, is taken back.
 */
export const mayHaveGrouped = (settings: Settings, link: Link): boolean =>
  [settings, ...settings.retired].some(({ include }) => isNamed(link, { include, knowledge: settings.knowledge }))

/** Link groups that the program gives out, or gave out under an earlier configuration. */
export const ourGroups = (settings: Settings): ReadonlySet<number> =>
  new Set(
    everyNumbers(settings)
      .map((numbers) => numbers.linkGroup)
      .filter((group) => group !== 0),
  )

/** The numbers in force and those that were. */
export const everyNumbers = (settings: Settings): readonly Numbers[] => [
  settings.numbers,
  ...settings.retired.map(({ numbers }) => numbers),
]
