import type { Family } from '../state/ip.ts'
import type { Route } from '../state/route.ts'

/**
 * Routes of main as short as this, or shorter, count as a default and are not followed for an ENI's addresses: OpenVPN
 * splits IPv4's default in two (/1), others IPv6's global space in parts (2000::/3).
 */
export const defaultLength = { 4: 1, 6: 4 } as const

type ByLink = ReadonlyMap<number, readonly Route[]>

/** What main has in one family, sorted once for all ENIs: each looking through all of it would take their number squared. */
export interface MainRoutes {
  /** Those of no length, by the link of each of their nexthops. */
  readonly defaults: ByLink
  /** Those that ENIs may follow, the lowest metric first, by the link of each of their nexthops. */
  readonly specific: ByLink
  /** Those of them that have a router. */
  readonly routed: readonly Route[]
  /** The source that each of main's routes gives, where it gives one. */
  readonly prefsrcs: readonly string[]
  /** A host has a route of its own. */
  readonly hosts: boolean
}

/** Routes of main, of any family. */
export function sortMain(family: Family, routes: readonly Route[]): MainRoutes {
  const ours = routes.filter((route) => route.family === family)
  const plain = ours.filter(isPlain)
  const specific = plain
    .filter(({ destination }) => destination.length > defaultLength[family])
    .sort((a, b) => a.metric - b.metric)
  return {
    defaults: byLink(plain.filter(({ destination }) => destination.length === 0)),
    specific: byLink(specific),
    routed: specific.filter(({ nexthops }) => nexthops.some(({ gateway }) => gateway !== undefined)),
    prefsrcs: ours.flatMap(({ prefsrc }) => prefsrc ?? []),
    hosts: ours.some(({ destination }) => destination.length === 32),
  }
}

/** A route that every packet to its destination may take. */
export const isPlain = ({ type, tos, source }: Route): boolean => type === 'unicast' && tos === 0 && !source

function byLink(routes: readonly Route[]): ByLink {
  const found = new Map<number, Route[]>()
  for (const route of routes) {
    for (const oif of linksOf(route)) {
      const others = found.get(oif)
      if (others) others.push(route)
      else found.set(oif, [route])
    }
  }
  return found
}

/** Each once. */
function linksOf({ nexthops }: Route): Iterable<number> {
  const oifs = nexthops.flatMap(({ oif }) => oif ?? [])
  return oifs.length < 2 ? oifs : new Set(oifs)
}
