import { addressBits } from '../state/ip.ts'
import { type Nexthop, type Route, type RouteMetric, routeMetrics, routeTypes } from '../state/route.ts'
import { Attributes } from './attributes.ts'
import { familyFrom } from './family.ts'
import { emptyNexthop, type NexthopDraft, readNexthopField, readNexthops } from './nexthop.ts'
import { addressBytes, prefixOf, readAddress } from './prefix.ts'
import { ROUTE_HEADER, RTA, RTM_F_CLONED } from './route-attributes.ts'

const metricNames: ReadonlyMap<number, RouteMetric> = new Map(
  Object.entries(routeMetrics).map(([name, number]) => [number, name as RouteMetric]),
)

/** linux/icmpv6.h; medium (0) is left out. */
const preferences: Readonly<Record<number, 'low' | 'high'>> = { 1: 'high', 3: 'low' }

type Draft = { -readonly [Key in keyof Route]: Route[Key] } & {
  metrics: Partial<Record<RouteMetric, number>>
  nexthops: Nexthop[]
  only: NexthopDraft
  sourceLength: number
}

/**
 * The route in the body of RTM_NEWROUTE or RTM_DELROUTE; undefined where it can't be understood, and for an entry that
 * nobody put there (RTM_F_CLONED). Of what the kernel adds while it runs, dead nexthops are told; linkdown, offload and expiry are left out.
 */
export function decodeRoute(payload: Buffer): Route | undefined {
  return payload.length >= ROUTE_HEADER && payload.readUInt32LE(8) & RTM_F_CLONED ? undefined : decodeAnyRoute(payload)
}

/** As decodeRoute, and the answer to a route lookup too. */
export function decodeAnyRoute(payload: Buffer): Route | undefined {
  const draft = fromHeader(payload)
  if (!draft) {
    return undefined
  }
  const attributes = new Attributes(payload, ROUTE_HEADER)
  while (attributes.next()) {
    const field = fields[attributes.type]
    if (field) field(draft, attributes)
    else readNexthopField(draft.only, attributes, draft.family)
  }
  return attributes.malformed ? undefined : finish(draft)
}

function fromHeader(payload: Buffer): Draft | undefined {
  const family = familyFrom(payload[0])
  const type = routeTypes[payload[7] as number]
  if (!family || !type || payload.length < ROUTE_HEADER) {
    return undefined
  }
  const destinationLength = payload[1] as number
  const sourceLength = payload[2] as number
  if (destinationLength > addressBits(family) || sourceLength > addressBits(family)) {
    return undefined
  }
  return {
    family,
    table: payload[4] as number,
    type,
    destination: prefixOf(undefined, destinationLength, family),
    tos: payload[3] as number,
    metric: 0,
    protocol: payload[5] as number,
    scope: payload[6] as number,
    nexthops: [],
    metrics: {},
    only: emptyNexthop(payload.readUInt32LE(8)),
    sourceLength,
  }
}

const fields: Readonly<Record<number, (draft: Draft, value: Attributes) => void>> = {
  [RTA.DST]: (draft, value) => {
    draft.destination = prefixOf(value.exactly(addressBytes(draft.family)), draft.destination.length, draft.family)
  },
  [RTA.SRC]: (draft, value) => {
    // An IPv4 route has no source: only the answer to a lookup repeats the one that was asked for.
    if (draft.family === 6 && draft.sourceLength > 0) {
      draft.source = prefixOf(value.exactly(addressBytes(draft.family)), draft.sourceLength, draft.family)
    }
  },
  [RTA.TABLE]: (draft, value) => {
    draft.table = value.u32()
  },
  [RTA.PRIORITY]: (draft, value) => {
    draft.metric = value.u32()
  },
  [RTA.PREFSRC]: (draft, value) => {
    const prefsrc = readAddress(value, draft.family)
    if (prefsrc !== undefined) draft.prefsrc = prefsrc
  },
  [RTA.METRICS]: (draft, value) =>
    value.nested((inner) => {
      const name = metricNames.get(inner.type)
      if (name) draft.metrics[name] = inner.u32()
    }),
  [RTA.MULTIPATH]: (draft, value) => readNexthops(draft.nexthops, value, draft.family),
  [RTA.NH_ID]: (draft, value) => {
    draft.nexthopId = value.u32()
  },
  [RTA.PREF]: (draft, value) => {
    const preference = preferences[value.u8()]
    if (preference) draft.preference = preference
  },
}

function finish({ only, sourceLength: _, ...route }: Draft): Route {
  if (only.oif !== undefined || only.gateway !== undefined) {
    route.nexthops.unshift(only)
  }
  return route
}
