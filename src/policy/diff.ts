import type { Change } from '../state/change.ts'
import { type Route, routeIdentity, routeKey } from '../state/route.ts'
import type { Snapshot } from '../state/snapshot.ts'
import type { Desired } from './desired.ts'
import { Kept } from './kept.ts'
import { diffMarking } from './marking-diff.ts'
import { inOrder } from './order.ts'
import { isOurRoute, isOurRule, mayHaveGrouped, ourGroups } from './ownership.ts'
import { RuleLedger } from './rule-ledger.ts'
import type { Settings } from './settings.ts'

/**
 * The changes that take the kernel from what was seen to what is desired, in an order without a gap.
 */
export function diff(snapshot: Snapshot, desired: Desired, settings: Settings): Change[] {
  const { links, routes, marking } = snapshot
  const changes = [
    ...kept.of('groups', [links, desired.groups, settings], () => diffGroups(snapshot, desired, settings)),
    ...diffAddressing(desired),
    ...kept.of('routes', [routes, desired.routes, settings], () => diffRoutes(snapshot, desired, settings)),
    ...diffRules(snapshot, desired, settings),
    ...kept.of('marks', [links, marking, desired.marking, settings], () => diffMarking(snapshot, desired, settings)),
  ]
  return changes.length < 2 ? changes : inOrder(changes, settings)
}

const kept = new Kept<readonly Change[]>()

function diffGroups(snapshot: Snapshot, desired: Desired, settings: Settings): Change[] {
  const ours = ourGroups(settings)
  return snapshot.links.flatMap((link): Change[] => {
    const group = desired.groups.get(link.index)
    if (group === undefined) {
      const takeBack = ours.has(link.group) && mayHaveGrouped(settings, link)
      return takeBack ? [{ op: 'reset', kind: 'link', link, group: 0, cause: 'no longer wanted' }] : []
    }
    // Somebody else's group stays; it is reported as a conflict.
    const free = link.group === 0 || ours.has(link.group)
    return link.group !== group && free ? [{ op: 'set', kind: 'link', link, group, cause: 'an ENI' }] : []
  })
}

function diffAddressing({ addressing: { up, add, remove } }: Desired): Change[] {
  return [
    ...up.map((link): Change => ({ op: 'set', kind: 'up', link, cause: 'a bare ENI' })),
    ...add.map((address): Change => ({ op: 'add', kind: 'address', address, cause: 'listed by the metadata' })),
    ...remove.map((address): Change => ({ op: 'delete', kind: 'address', address, cause: 'no longer wanted' })),
  ]
}

function diffRoutes(snapshot: Snapshot, desired: Desired, settings: Settings): Change[] {
  const seen = byKey(snapshot.routes)
  const wantedKeys = new Set(desired.routes.map(({ route }) => routeKey(route)))
  const corrections = desired.routes.flatMap(({ route, why }) => correctRoute(route, why, seen.get(routeKey(route))))
  const stale = snapshot.routes
    .filter((route) => isOurRoute(settings, route) && !wantedKeys.has(routeKey(route)))
    .map((route): Change => ({ op: 'delete', kind: 'route', route, cause: 'no longer wanted' }))
  return [...corrections, ...stale]
}

function byKey(routes: readonly Route[]): ReadonlyMap<string, readonly Route[]> {
  const groups = new Map<string, Route[]>()
  for (const route of routes) {
    const key = routeKey(route)
    groups.set(key, [...(groups.get(key) ?? []), route])
  }
  return groups
}

/** A foreign route under the key of one of ours would stand for it, or shadow it: it is drift, whoever put it there. */
function correctRoute(wanted: Route, why: string, seen: readonly Route[] = []): Change[] {
  const identity = routeIdentity(wanted)
  const right = seen.findIndex((route) => routeIdentity(route) === identity)
  if (right >= 0) {
    return seen
      .filter((_, i) => i !== right)
      .map((route) => ({ op: 'delete', kind: 'route', route, cause: `shadows: ${why}` }))
  }
  return [{ op: seen.length > 0 ? 'replace' : 'add', kind: 'route', route: wanted, cause: why }]
}

function diffRules(snapshot: Snapshot, desired: Desired, settings: Settings): Change[] {
  const { missing, surplus } = ledgerOf(settings).compare(snapshot.rules, desired.rules)
  const additions = missing.map(({ rule, why }): Change => ({ op: 'add', kind: 'rule', rule, cause: why }))
  const removals = surplus
    // A torn dump shows rules twice that exist once.
    .filter(({ wanted }) => !(snapshot.torn && wanted))
    .map(
      ({ rule, wanted }): Change => ({
        op: 'delete',
        kind: 'rule',
        rule,
        cause: wanted ? 'a duplicate' : 'no longer wanted',
      }),
    )
  return [...additions, ...removals]
}

const ledgers = new WeakMap<Settings, RuleLedger>()

function ledgerOf(settings: Settings): RuleLedger {
  const ledger = ledgers.get(settings) ?? new RuleLedger((rule) => isOurRule(settings, rule))
  ledgers.set(settings, ledger)
  return ledger
}
