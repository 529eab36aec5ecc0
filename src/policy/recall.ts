import { type Family, familyOf } from '../state/ip.ts'
import type { Link } from '../state/link.ts'
import { contains, type Prefix } from '../state/prefix.ts'
import type { Route } from '../state/route.ts'
import type { Snapshot } from '../state/snapshot.ts'
import type { Eni } from './enis.ts'
import { isLinkLocal } from './gateway.ts'
import { Kept } from './kept.ts'
import type { EniFacts } from './knowledge.ts'
import { isOurRoute, isOurRule } from './ownership.ts'
import type { Settings } from './settings.ts'
import type { Tables } from './tables.ts'

/** Lengths of the prefixes that the VPC delegates (EC2 user guide, "Assigning prefixes to network interfaces"). */
const delegatedLength: Readonly<Record<Family, number>> = { 4: 28, 6: 80 }

const kept = new Kept<ReadonlyMap<string, EniFacts>>()
const nothing: ReadonlyMap<string, EniFacts> = new Map()

/**
 * What an earlier process learned from the metadata and left in the kernel, by MAC, for ENIs of which nothing was told yet:
 * prefixes that rules of ours send to the ENI's table, and the IPv6 subnets in that table. The service may be out of reach
 * at a restart, and for good.
 */
export function recall(
  snapshot: Snapshot,
  enis: readonly Eni[],
  tables: Tables,
  settings: Settings,
): ReadonlyMap<string, EniFacts> {
  const { knowledge } = settings
  const untold = knowledge.expected
    ? enis.flatMap(({ link }) => {
        const number = tables.get(link.index)?.table
        return number === undefined || knowledge.enis.has(link.mac) ? [] : [{ link, number }]
      })
    : []
  if (untold.length === 0) {
    return nothing
  }
  const { rules, routes, addresses } = snapshot
  const inputs = [rules, routes, addresses, settings, ...untold.flatMap(({ link, number }) => [link, number])]
  return kept.of('', inputs, () => new Map(untold.flatMap((eni) => factsOf(eni, snapshot, settings))))
}

function factsOf(
  { link, number }: { readonly link: Link; readonly number: number },
  { rules, routes, addresses }: Snapshot,
  settings: Settings,
): [string, EniFacts][] {
  const own = addresses.filter(({ linkIndex }) => linkIndex === link.index)
  const held = (prefix: Prefix) => own.filter(({ address }) => contains(prefix, address)).length
  const delegated = rules
    .filter((rule) => rule.table === number && isOurRule(settings, rule))
    .flatMap(({ source }) => source ?? [])
    // A rule of the index that stands for as many addresses of the ENI looks like it.
    .filter((prefix) => prefix.length === delegatedLength[familyOf(prefix.address)] && held(prefix) < 16)
  const subnets = routes
    .filter((route) => route.table === number && isSubnet(route, settings))
    .map(({ destination }) => destination)
    .filter((subnet) => held(subnet) > 0)
  const recalled = [...subnets, ...delegated]
  return recalled.length === 0
    ? []
    : [[link.mac, { mac: link.mac, subnets, vpc: [], delegated, addresses: {}, recalled }]]
}

/** In IPv6 alone: a subnet of IPv4 comes with the address. */
const isSubnet = (route: Route, settings: Settings): boolean =>
  route.family === 6 && !route.nexthops[0]?.gateway && isGlobal(route.destination) && isOurRoute(settings, route)

const isGlobal = ({ address, length }: Prefix): boolean => length > 0 && length < 128 && !isLinkLocal(address)
