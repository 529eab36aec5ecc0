import { type Family, parseAddress } from '../state/ip.ts'
import type { Prefix } from '../state/prefix.ts'
import { type Route, type RouteMetric, type RouteType, routeMetrics, routeTypes } from '../state/route.ts'
import { NLM_F, RT_TABLE_COMPAT, RTM } from './constants.ts'
import { familyNumber } from './family.ts'
import type { Request } from './framing.ts'
import { writeNexthops } from './nexthop.ts'
import { Payload } from './payload.ts'
import { ROUTE_HEADER, RTA, RTNH_F_ONLINK } from './route-attributes.ts'

const newRoute =
  (flags: number) =>
  (route: Route): Request => ({
    type: RTM.NEWROUTE,
    flags: NLM_F.ACK | NLM_F.CREATE | flags,
    payload: encodeRoute(route),
  })

/** `ip route add`; EEXIST where the table has a route of the same destination, tos and metric. */
export const addRoute = newRoute(NLM_F.EXCL)

/** `ip route replace`: takes the place of the first route of the same destination, tos and metric, or is added. */
export const replaceRoute = newRoute(NLM_F.REPLACE)

/**
 * `ip route del` with everything that is known of the route; ESRCH where there is none. A metric of 0 can't be said:
 * where that route is gone, one that differs in the metric alone goes instead.
 */
export const deleteRoute = (route: Route): Request => ({
  type: RTM.DELROUTE,
  flags: NLM_F.ACK,
  payload: encodeRoute(route),
})

/** The body of RTM_NEWROUTE or RTM_DELROUTE. Where there is a nexthop object, the kernel refuses nexthops beside it. */
export function encodeRoute(route: Route): Buffer {
  const payload = new Payload(ROUTE_HEADER)
  writeHeader(payload.header, route)
  payload.u32(RTA.TABLE, route.table)
  writePrefix(payload, RTA.DST, route.destination)
  writePrefix(payload, RTA.SRC, route.source)
  if (route.metric !== 0) payload.u32(RTA.PRIORITY, route.metric)
  const prefsrc = route.prefsrc === undefined ? undefined : parseAddress(route.prefsrc)
  if (prefsrc) payload.bytes(RTA.PREFSRC, prefsrc)
  if (route.nexthopId !== undefined) payload.u32(RTA.NH_ID, route.nexthopId)
  else writeNexthops(payload, route.nexthops, route.family)
  writeMetrics(payload, route.metrics)
  return payload.finish()
}

function writeHeader(header: Buffer, route: Route): void {
  header[0] = familyNumber(route.family)
  header[1] = route.destination.length
  header[2] = route.source?.length ?? 0
  header[3] = route.tos
  header[4] = route.table < 256 ? route.table : RT_TABLE_COMPAT
  header[5] = route.protocol
  header[6] = route.scope
  header[7] = routeTypes.indexOf(route.type)
  const alone = route.nexthopId === undefined && route.nexthops.length === 1
  header.writeUInt32LE(alone && route.nexthops[0]?.onlink ? RTNH_F_ONLINK : 0, 8)
}

function writePrefix(payload: Payload, type: number, prefix: Prefix | undefined): void {
  const bytes = prefix && parseAddress(prefix.address)
  if (bytes && prefix.length > 0) payload.bytes(type, bytes)
}

function writeMetrics(payload: Payload, metrics: Route['metrics']): void {
  const entries = Object.entries(metrics) as [RouteMetric, number][]
  if (entries.length > 0) {
    payload.nested(RTA.METRICS, () => {
      for (const [name, value] of entries) payload.u32(routeMetrics[name], value)
    })
  }
}

/** Which routes a dump is to hold; what is absent is not asked for. */
export interface RouteFilter {
  readonly family: Family
  readonly table?: number
  readonly protocol?: number
  readonly type?: RouteType
  /** Routes that have a nexthop through this link. */
  readonly oif?: number
}

/** The body of a request for routes. A kernel without strict checking may look at no more than the family. */
export function routeDumpPayload(filter: RouteFilter, strict: boolean): Buffer {
  const payload = new Payload(ROUTE_HEADER)
  payload.header[0] = familyNumber(filter.family)
  if (strict) {
    payload.header[5] = filter.protocol ?? 0
    payload.header[7] = filter.type === undefined ? 0 : routeTypes.indexOf(filter.type)
    if (filter.table !== undefined) payload.u32(RTA.TABLE, filter.table)
    if (filter.oif !== undefined) payload.u32(RTA.OIF, filter.oif)
  }
  return payload.finish()
}

/** Does the route pass the filter? */
export const passes = (route: Route, { family, table, protocol, type, oif }: RouteFilter): boolean =>
  route.family === family &&
  (table === undefined || route.table === table) &&
  (protocol === undefined || route.protocol === protocol) &&
  (type === undefined || route.type === type) &&
  (oif === undefined || route.nexthops.some((hop) => hop.oif === oif))
