import { type Change, takesAway } from '../state/change.ts'
import type { Route } from '../state/route.ts'
import { type Rule, selectorKey } from '../state/rule.ts'
import { partOf } from './index-numbers.ts'
import { everyNumbers } from './ownership.ts'
import { bandSize, inPriorityBand, type Numbers, type Settings } from './settings.ts'

/**
 * The changes in an order without a gap: groups, links and addresses, on-link routes, the others, defaults, rules; then
 * what is no longer wanted, the other way round.
 */
export function inOrder(changes: readonly Change[], settings: Settings): Change[] {
  const moved = movedSelectors(changes)
  const numbers = everyNumbers(settings)
  return changes
    .map((change) => ({ change, rank: rank(change, moved, numbers) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ change }) => change)
}

/**
 * The kernel tells two goto rules with one selector and priority apart by nothing: where one leads is changed by taking
 * it away and adding it anew, one right after the other.
 */
function movedSelectors(changes: readonly Change[]): ReadonlySet<string> {
  const gotos = (op: Change['op']) =>
    changes.flatMap((change) =>
      change.kind === 'rule' && change.op === op && change.rule.action === 'goto' ? [selectorKey(change.rule)] : [],
    )
  // First those that are taken away: a first pass over thousands of addresses has none.
  const deleted = new Set(gotos('delete'))
  return deleted.size === 0 ? deleted : new Set(gotos('add').filter((key) => deleted.has(key)))
}

/** Position of a change in its pass: smaller first. */
function rank(change: Change, moved: ReadonlySet<string>, nowAndBefore: readonly Numbers[]): number {
  const place = placeOf(change, nowAndBefore)
  const makesRoom =
    change.kind === 'rule' && change.op === 'delete' && moved.size > 0 && moved.has(selectorKey(change.rule))
  return makesRoom ? place - 0.5 : takesAway(change) ? 100_000 - place : place
}

function placeOf(change: Change, nowAndBefore: readonly Numbers[]): number {
  switch (change.kind) {
    case 'link':
      return 0
    // Once the ENI is in its group: from the moment that it is up, its subnet's route stands beside those of the others.
    case 'up':
      return 1
    case 'address':
      return 2
    case 'route':
      return 3 + routePlace(change.route)
    case 'rule':
      return 10 + rulePlace(change.rule, nowAndBefore)
    case 'src_valid_mark':
      return 41_000
    // Last to come and first to go: no packet has a mark that nobody asks for.
    case 'nft':
      return 42_000
  }
}

/** On-link routes carry the routers of the others; the default comes last. */
function routePlace(route: Route): number {
  if (route.destination.length === 0) {
    return 2
  }
  return route.nexthops.some((hop) => hop.gateway) ? 1 : 0
}

/**
 * Rules of the plain form in the order in which they are asked. In the index what is led to comes before what leads there:
 * the end, the ways out, the ENIs, the addresses, and so on up to the first section; so every search that begins ends
 * well. Before all ways out are there nothing may lead, or fall, to the ENIs.
 */
function rulePlace(rule: Rule, nowAndBefore: readonly Numbers[]): number {
  const numbers = nowAndBefore.find((those) => inPriorityBand(those, rule.priority))
  if (!numbers) {
    return bandSize.priority
  }
  const backwards = bandSize.priority - (rule.priority - numbers.priorityBase)
  switch (partOf(numbers, rule.priority)) {
    case 'end':
      return 0
    case 'eni':
      return rule.action === 'goto' ? 1 : 1 + backwards
    case 'search':
      return rule.source ? 1 + backwards : 1
    case 'plain':
      return 2 * bandSize.priority + rule.priority - numbers.priorityBase
  }
}
