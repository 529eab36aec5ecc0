import type { Look } from './look.ts'
import type { WantedRule } from './policy/holding.ts'
import { KeptKeys } from './policy/kept.ts'
import type { WantedRoute } from './policy/routes.ts'
import { addressKey } from './state/address.ts'
import { type Change, groupKey, objectKey } from './state/change.ts'
import { markTableKey } from './state/marking.ts'
import { type Route, routeIdentity } from './state/route.ts'
import { type Rule, ruleKey } from './state/rule.ts'

/** What is desired and was seen in the kernel: if it has to be put there again, somebody took it. */
export interface Stood {
  readonly rules: readonly WantedRule[]
  readonly routes: readonly WantedRoute[]
  /** Addresses, link groups and the nftables table, by their key. */
  readonly others: ReadonlySet<string>
}

export const nothingStood: Stood = { rules: [], routes: [], others: new Set() }

const ruleKeys = new KeptKeys<WantedRule>(({ rule }) => ruleKey(rule))
const routeKeys = new KeptKeys<WantedRoute>(({ route }) => routeIdentity(route))

export function hasStood(stood: Stood, change: Change): boolean {
  switch (change.kind) {
    case 'rule':
      return stood.rules.length > 0 && ruleKeys.of(stood.rules).has(objectKey(change))
    case 'route':
      return routeKeys.of(stood.routes).has(objectKey(change))
    default:
      return stood.others.has(objectKey(change))
  }
}

/** What stands after a pass, or stood before and is desired still: what the kernel refuses never stood. */
export function stoodAfter(seen: Look, before: Stood): Stood {
  const { snapshot, desired, pending } = seen
  return {
    // Where nothing is left to do, all that is desired is there: thousands of rules need no look.
    rules: pending.length === 0 ? desired.rules : rulesSeen(desired.rules, snapshot.rules, before),
    routes: pending.length === 0 ? desired.routes : routesSeen(desired.routes, snapshot.routes, before),
    others: othersSeen(seen, before),
  }
}

function rulesSeen(wanted: readonly WantedRule[], rules: readonly Rule[], { rules: before }: Stood) {
  const seen = new Set(rules.map(ruleKey))
  return wanted.filter(({ rule }) => seen.has(ruleKey(rule)) || ruleKeys.of(before).has(ruleKey(rule)))
}

function routesSeen(wanted: readonly WantedRoute[], routes: readonly Route[], { routes: before }: Stood) {
  const seen = new Set(routes.map(routeIdentity))
  return wanted.filter(({ route }) => seen.has(routeIdentity(route)) || routeKeys.of(before).has(routeIdentity(route)))
}

function othersSeen({ snapshot, desired }: Look, before: Stood): ReadonlySet<string> {
  const seen = new Set([
    // What is held was seen.
    ...desired.addressing.hold.map(addressKey),
    ...snapshot.links.map((link) => groupKey(link.index, link.group)),
    ...(snapshot.marking?.table ? [markTableKey(snapshot.marking.table)] : []),
  ])
  const wanted = [
    ...desired.addressing.hold.map(addressKey),
    ...[...desired.groups].map(([index, group]) => groupKey(index, group)),
    ...(desired.marking.table ? [markTableKey(desired.marking.table)] : []),
  ]
  return new Set(wanted.filter((key) => seen.has(key) || before.others.has(key)))
}
