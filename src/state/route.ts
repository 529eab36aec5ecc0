import { type Family, familyOf } from './ip.ts'
import { linkWord } from './link.ts'
import { formatPrefix, type Prefix, prefixKey } from './prefix.ts'

export const table = { default: 253, main: 254, local: 255 } as const

/** The name that `ip` knows a table by, where every machine has it, else its number. */
export const tableName = (number: number): string =>
  Object.entries(table).find(([, value]) => value === number)?.[0] ?? String(number)

/** Route types of rtnetlink(7), by number. */
export const routeTypes = [
  'unspec',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
  'nat',
] as const
export type RouteType = (typeof routeTypes)[number]

/** Metrics of RTA_METRICS that `ip route` takes by name, with their RTAX number (linux/rtnetlink.h). */
export const routeMetrics = {
  mtu: 2,
  window: 3,
  advmss: 8,
  hoplimit: 10,
  initcwnd: 11,
  initrwnd: 14,
  quickack: 15,
} as const
export type RouteMetric = keyof typeof routeMetrics

export interface Nexthop {
  /** Index of the outgoing link; undefined for a route without one (blackhole). */
  readonly oif?: number
  /** Canonical text; of the other family for an IPv4 route via an IPv6 router. Undefined: the destination is on-link. */
  readonly gateway?: string
  readonly onlink: boolean
  /** 1-256, as `ip route … weight`. */
  readonly weight: number
  /** The kernel passes it over at present (RTNH_F_DEAD): its link is down, or without carrier and configured so. */
  readonly dead?: true
}

/** A route, as RTM_NEWROUTE tells it. */
export interface Route {
  readonly family: Family
  readonly table: number
  readonly type: RouteType
  readonly destination: Prefix
  readonly tos: number
  /** `metric`, the kernel's priority: the smaller wins. IPv6 routes without one have 1024. */
  readonly metric: number
  readonly protocol: number
  readonly scope: number
  readonly nexthops: readonly Nexthop[]
  readonly prefsrc?: string
  /** IPv6 source-specific routes only. */
  readonly source?: Prefix
  readonly metrics: Readonly<Partial<Record<RouteMetric, number>>>
  /** The nexthop object behind the route (`ip nexthop`), where there is one. */
  readonly nexthopId?: number
  /** `pref` of an IPv6 route (RFC 4191); medium where it is absent. */
  readonly preference?: 'low' | 'high'
}

/** What the kernel tells routes of one table apart by: two routes with one key can't both win. */
export const routeKey = (route: Route): string =>
  [
    route.family,
    route.table,
    prefixKey(route.destination),
    route.source ? prefixKey(route.source) : '',
    route.tos,
    route.metric,
  ].join(' ')

/** Equal in everything that decides about packets or ownership: two routes with one identity are the same route. */
export const routeIdentity = (route: Route): string =>
  [
    routeKey(route),
    route.type,
    route.protocol,
    route.scope,
    route.prefsrc ?? '',
    route.nexthopId ?? '',
    ...route.nexthops.map((hop) => `${hop.oif ?? ''},${hop.gateway ?? ''},${hop.onlink},${hop.weight}`),
    ...Object.entries(route.metrics)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name}=${value}`),
  ].join(' ')

/** The route as one would type it after `ip route add`, without the command. */
export function formatRoute(route: Route, linkName: (index: number) => string): string {
  const words: string[] = route.type === 'unicast' ? [] : [route.type]
  words.push(route.destination.length === 0 ? 'default' : formatPrefix(route.destination))
  if (route.source && route.source.length > 0) {
    words.push('from', formatPrefix(route.source))
  }
  if (route.tos !== 0) {
    words.push('tos', `0x${route.tos.toString(16)}`)
  }
  if (route.nexthopId !== undefined) {
    words.push('nhid', String(route.nexthopId))
  } else if (route.nexthops.length === 1) {
    words.push(...nexthopWords(route.nexthops[0] as Nexthop, route.family, linkName))
  }
  words.push('table', tableName(route.table), 'proto', String(route.protocol))
  if (route.family === 4 && route.scope !== 0) {
    words.push('scope', formatScope(route.scope))
  }
  if (route.prefsrc) {
    words.push('src', route.prefsrc)
  }
  if (route.metric !== 0) {
    words.push('metric', String(route.metric))
  }
  for (const [name, value] of Object.entries(route.metrics)) {
    words.push(name, String(value))
  }
  if (route.nexthopId === undefined && route.nexthops.length > 1) {
    for (const hop of route.nexthops) {
      words.push('nexthop', ...nexthopWords(hop, route.family, linkName), 'weight', String(hop.weight))
    }
  }
  return words.join(' ')
}

function nexthopWords(hop: Nexthop, family: Family, linkName: (index: number) => string): string[] {
  const words: string[] = []
  if (hop.gateway) {
    const other = familyOf(hop.gateway) !== family
    words.push('via', ...(other ? ['inet6', hop.gateway] : [hop.gateway]))
  }
  if (hop.oif !== undefined) {
    words.push('dev', linkWord(linkName(hop.oif)))
  }
  return hop.onlink ? [...words, 'onlink'] : words
}

const scopeNames: Readonly<Record<number, string>> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host' }
const formatScope = (value: number): string => scopeNames[value] ?? String(value)
