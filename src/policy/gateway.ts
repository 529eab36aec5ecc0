import type { Address } from '../state/address.ts'
import { type Family, familyOf } from '../state/ip.ts'
import { addressAt, contains, type Prefix, parsePrefix, prefixKey } from '../state/prefix.ts'
import { type Nexthop, type Route, type RouteMetric, table } from '../state/route.ts'
import { isPlain, type MainRoutes } from './main-routes.ts'

/** The VPC router's IPv6 address on every subnet of EC2 (VPC user guide, "Configure route tables"). */
export const vpcRouterIpv6 = 'fe80:ec2::1'

const linkLocal = parsePrefix('fe80::/10') as Prefix
export const isLinkLocal = (address: string): boolean => contains(linkLocal, address)

/** One ENI in one family, as far as the choice of its routes needs it. */
export interface EniFamily {
  readonly index: number
  readonly family: Family
  readonly onEc2: boolean
  /** Those that can be a source of packets, of this family, on this ENI. */
  readonly addresses: readonly Address[]
  /** On-link prefixes of those addresses, each once. */
  readonly subnets: readonly Prefix[]
  /** Subnets of the VPC that the metadata tells and that hold one of the addresses. */
  readonly vpcSubnets: readonly Prefix[]
}

export interface Gateway {
  /** undefined: the default route has no router, everything is on-link. */
  readonly address?: string
  readonly metrics: Readonly<Partial<Record<RouteMetric, number>>>
  /** Where it was learned, for people. */
  readonly from: string
}

/**
 * The router of an ENI: main's default through it, else the default of another ENI of the same subnet, else the one its
 * table has already (a restart of networkd takes main's IPv6 default away until the next RA), else the VPC's convention.
 */
export function chooseGateway(
  eni: EniFamily,
  siblings: readonly EniFamily[],
  main: MainRoutes,
  tableRoutes: () => readonly Route[],
): Gateway | undefined {
  return learned(eni, main) ?? learnedBySibling(eni, siblings, main) ?? kept(eni, tableRoutes()) ?? conventional(eni)
}

function learned(eni: EniFamily, { defaults }: MainRoutes): Gateway | undefined {
  const best = bestThrough(eni.index, defaults.get(eni.index))
  return best && asGateway(best, "main's default")
}

function learnedBySibling(eni: EniFamily, siblings: readonly EniFamily[], { defaults }: MainRoutes) {
  for (const sibling of siblings) {
    const best = bestThrough(sibling.index, defaults.get(sibling.index))
    if (best?.hop.gateway && serves(best.hop.gateway, eni, sibling)) {
      return asGateway(best, "main's default through another ENI of the subnet")
    }
  }
  return undefined
}

/** A link-local router serves every ENI on the same subnet; another one those in whose subnet it lies. */
const serves = (gateway: string, eni: EniFamily, sibling: EniFamily): boolean =>
  familyOf(gateway) === 6 && isLinkLocal(gateway)
    ? eni.subnets.some((a) => sibling.subnets.some((b) => prefixKey(a) === prefixKey(b)))
    : eni.subnets.some((subnet) => contains(subnet, gateway))

function kept(eni: EniFamily, tableRoutes: readonly Route[]): Gateway | undefined {
  const isDefault = (route: Route) => route.family === eni.family && route.destination.length === 0 && isPlain(route)
  const present = bestThrough(eni.index, tableRoutes.filter(isDefault))
  return present && asGateway(present, 'kept: no router is announced at present')
}

function conventional(eni: EniFamily): Gateway | undefined {
  // The kernel's prefix may be shorter or longer than the subnet, and an address alone (/32) has none.
  const subnet = eni.vpcSubnets[0] ?? eni.subnets[0]
  if (!eni.onEc2) {
    return undefined
  }
  if (eni.family === 6) {
    return { address: vpcRouterIpv6, metrics: {}, from: 'the VPC router of every subnet' }
  }
  return subnet && { address: addressAt(subnet, 1), metrics: {}, from: "the subnet's first address, as in every VPC" }
}

interface Found {
  readonly hop: Nexthop
  readonly route: Route
}

function bestThrough(index: number, defaults: readonly Route[] = []): Found | undefined {
  let best: Found | undefined
  for (const route of defaults) {
    const hop = route.nexthops.find((candidate) => candidate.oif === index)
    if (hop && (!best || route.metric < best.route.metric)) {
      best = { hop, route }
    }
  }
  return best
}

const asGateway = ({ hop, route }: Found, from: string): Gateway => ({
  ...(hop.gateway ? { address: hop.gateway } : {}),
  metrics: route.metrics,
  from: route.table === table.main ? `${from}, metric ${route.metric}` : from,
})
