import { scope } from '../state/address.ts'
import { addressBits, type Family, familyOf } from '../state/ip.ts'
import { contains, hostPrefix, type Prefix, parsePrefix, prefixKey } from '../state/prefix.ts'
import type { Nexthop, Route } from '../state/route.ts'
import { type EniFamily, type Gateway, isLinkLocal } from './gateway.ts'
import { Kept } from './kept.ts'
import type { MainRoutes } from './main-routes.ts'
import { sourceOf } from './onlink.ts'

/** A route that should be there, and why, for people. */
export interface WantedRoute {
  readonly route: Route
  readonly why: string
}

/** IPv6 routes without a metric get this one (linux/ipv6_route.h, IP6_RT_PRIO_USER). */
const ipv6Metric = 1024

/** The kernel refuses routes through a link that is down, and forgets those it had. */
export interface TableContents {
  readonly protocol: number
  readonly table: number
  /** Destinations for which main's routes through another ENI, by a router, are followed. */
  readonly honour: readonly Prefix[]
}

/** All routes of an ENI's table in one family, each destination once; on-link routes first, the default last. */
export function wantedRoutes(
  eni: EniFamily,
  siblings: readonly EniFamily[],
  gateway: Gateway | undefined,
  main: MainRoutes,
  target: TableContents,
): WantedRoute[] {
  const wanted = new Map<string, WantedRoute>()
  const put = (destination: Prefix, hop: Omit<Nexthop, 'weight' | 'oif'>, why: string, more: Partial<Route> = {}) => {
    const key = prefixKey(destination)
    if (!wanted.has(key)) {
      wanted.set(key, { route: route(eni, target, destination, hop, more), why })
    }
  }
  for (const subnet of eni.subnets) {
    put(subnet, { onlink: false }, 'the subnet of the ENI', ipv4Source(eni, sourceOf(subnet, eni.addresses)))
  }
  if (eni.family === 6) {
    put(parsePrefix('fe80::/64') as Prefix, { onlink: false }, 'neighbours on the link')
  }
  const putRouter = ({ gateway, onlink }: Omit<Nexthop, 'weight' | 'oif'>) => {
    if (gateway && !onlink && !reachable(gateway, eni.family, [...wanted.values()])) {
      put(hostPrefix(gateway), { onlink: false }, 'the router, outside every subnet of the ENI')
    }
  }
  for (const followed of followedRoutes(eni, siblings, main)) {
    putRouter(followed.hop)
    put(followed.route.destination, followed.hop, followed.why, {
      metrics: followed.route.metrics,
      ...ipv4Source(eni, ownAddress(eni, followed.route.prefsrc)),
    })
  }
  for (const { route: honoured, hop } of honouredRoutes(eni, siblings, main, target.honour)) {
    const key = prefixKey(honoured.destination)
    if (!wanted.has(key)) {
      const nexthops = [{ ...hop, weight: 1 }]
      const copy = route(eni, target, honoured.destination, hop, { metrics: honoured.metrics, nexthops })
      wanted.set(key, { route: copy, why: 'as in main through another ENI, honoured by the configuration' })
    }
  }
  if (gateway) {
    const hop = gateway.address ? { gateway: gateway.address, onlink: false } : { onlink: false }
    putRouter(hop)
    put(everything(eni), hop, gateway.from, { metrics: gateway.metrics })
  }
  return [...wanted.values()]
}

function route(
  eni: EniFamily,
  target: TableContents,
  destination: Prefix,
  hop: Omit<Nexthop, 'weight' | 'oif'>,
  more: Partial<Route>,
): Route {
  return {
    family: eni.family,
    table: target.table,
    type: 'unicast',
    destination,
    tos: 0,
    metric: eni.family === 6 ? ipv6Metric : 0,
    protocol: target.protocol,
    scope: eni.family === 4 && !hop.gateway ? scope.link : scope.universe,
    nexthops: [{ oif: eni.index, ...hop, weight: 1 }],
    metrics: {},
    ...more,
  }
}

const everything = (eni: EniFamily): Prefix => ({ address: eni.family === 4 ? '0.0.0.0' : '::', length: 0 })

/**
 * IPv6 chooses the source by RFC 6724, which prefers the outgoing link's own addresses and passes over deprecated ones;
 * a fixed source would overrule it, and the kernel refuses it while the address is tentative.
 */
const ipv4Source = (eni: EniFamily, source: string | undefined): Partial<Route> =>
  eni.family === 4 && source ? { prefsrc: source } : {}

const ownAddress = (eni: EniFamily, address: string | undefined): string | undefined =>
  address !== undefined && textsOf(eni).has(address) ? address : undefined

/** An IPv6 router of IPv4 routes (RFC 8950) is a neighbour: an IPv4 table has no route to it. */
const reachable = (gateway: string, family: Family, routes: readonly WantedRoute[]): boolean =>
  isLinkLocal(gateway) ||
  familyOf(gateway) !== family ||
  routes.some(({ route }) => !route.nexthops[0]?.gateway && contains(route.destination, gateway))

/**
 * All that an ENI's routes take from its addresses, as far as one more or less of them changes it: sources of IPv4 routes;
 * in IPv6 main has a route of each.
 */
export const addressesOfRoutes = (eni: EniFamily, { hosts, prefsrcs }: MainRoutes): readonly unknown[] =>
  eni.family === 6 || hosts
    ? [eni.addresses]
    : [
        ...eni.subnets.map((subnet) => sourceOf(subnet, eni.addresses)),
        ...prefsrcs.filter((prefsrc) => textsOf(eni).has(prefsrc)),
      ]

interface Followed {
  readonly route: Route
  readonly hop: Omit<Nexthop, 'weight' | 'oif'>
  readonly why: string
}

/** Main's own non-default routes that hold for this ENI, on-link ones first, of one destination the best. */
function followedRoutes(eni: EniFamily, siblings: readonly EniFamily[], main: MainRoutes): Followed[] {
  const through = (main.specific.get(eni.index) ?? []).filter((candidate) => !isOwnHostRoute(candidate, eni))
  const own = through.flatMap((candidate) =>
    candidate.nexthops.filter((hop) => hop.oif === eni.index).map((hop) => follow(candidate, hop, 'as in main')),
  )
  const routed = main.routed.filter((candidate) => !isOwnHostRoute(candidate, eni))
  const shared = routed.flatMap((candidate) =>
    candidate.nexthops
      .filter((hop) => siblings.some(({ index }) => index === hop.oif) && inSubnetOf(eni, hop.gateway))
      .map((hop) => follow(candidate, hop, 'as in main through another ENI, whose router is in this subnet too')),
  )
  const onLink = own.filter(({ hop }) => !hop.gateway)
  return [...onLink, ...own.filter(({ hop }) => hop.gateway), ...shared]
}

/**
 * Main's routes by a router behind another ENI, for chosen destinations. Never what another ENI is connected to: that is
 * what sends answers inside a subnet by the wrong ENI.
 */
function honouredRoutes(
  eni: EniFamily,
  siblings: readonly EniFamily[],
  { routed }: MainRoutes,
  honour: readonly Prefix[],
): { route: Route; hop: Omit<Nexthop, 'weight'> }[] {
  const isHonoured = ({ destination }: Route) =>
    honour.some((block) => block.length <= destination.length && contains(block, destination.address))
  return routed
    .filter((candidate) => isHonoured(candidate) && !isOwnHostRoute(candidate, eni))
    .flatMap((route) =>
      route.nexthops
        .filter(({ oif, gateway }) => gateway && siblings.some(({ index }) => index === oif))
        .map(({ weight: _, ...hop }) => ({ route, hop })),
    )
}

/** IPv6 puts each /128 address into main as a route of its own. */
const isOwnHostRoute = (route: Route, eni: EniFamily): boolean =>
  route.destination.length === addressBits(eni.family) && textsOf(eni).has(route.destination.address)

const texts = new Kept<ReadonlySet<string>>()

/** A set: each of thousands of addresses may have its route in main. */
const textsOf = ({ index, family, addresses }: EniFamily): ReadonlySet<string> =>
  texts.of(`${index} ${family}`, [addresses], () => new Set(addresses.map(({ address }) => address)))

const inSubnetOf = (eni: EniFamily, gateway: string | undefined): boolean =>
  gateway !== undefined && eni.subnets.some((subnet) => contains(subnet, gateway))

const follow = (route: Route, { gateway, onlink }: Nexthop, why: string): Followed => ({
  route,
  hop: { ...(gateway ? { gateway } : {}), onlink },
  why,
})
