import { familyOf } from '../../state/ip.ts'
import { type Nexthop, type Route, table } from '../../state/route.ts'
import type { Choice, Found } from './found.ts'
import { isLimitedBroadcast, isLinkLocal6, isLocalMulticast, isLoopback, isMulticast, isZero } from './kinds.ts'
import type { Packet } from './packet.ts'
import type { Fib } from './picture.ts'
import { askRules, type Search, type Step } from './rules.ts'
import { lookup4 } from './table4.ts'
import { lookup6 } from './table6.ts'

/** Where a packet goes. */
export type Fate =
  /** To this host itself; without a route where no table is asked. */
  | { readonly kind: 'local'; readonly route?: Route }
  /** By one of these; which of several, the kernel decides by a hash or by which router is alive. */
  | { readonly kind: 'leaves'; readonly choices: readonly Choice[] }
  /** IPv4, bound to a link: no route through it is found, so that the kernel takes the destination for a neighbour. */
  | { readonly kind: 'on-link'; readonly hop: Nexthop }
  /** With an errno; `because` where it is none of a rule or route. */
  | { readonly kind: 'refused'; readonly error: string; readonly because?: string }

export interface Way {
  /** The rules that were asked, in their order; none where the matter is settled before. */
  readonly steps: readonly Step[]
  /** More than one only where a multipath route is suppressed for some of its nexthops. */
  readonly fates: readonly Fate[]
}

/**
 * The way of a packet that this host sends. `asked` is for a comparison with RTM_GETROUTE, which in IPv6 does not hold the
 * packet to the link that it is bound to, as the kernel does with a socket's.
 */
export function wayOut(fib: Fib, packet: Packet, { asked = false } = {}): Way {
  const settled = packet.family === 4 ? settledBefore(fib, packet) : undefined
  if (settled) {
    return { steps: [], fates: [settled] }
  }
  const held = packet.oif !== undefined && !asked && !packet.loose
  const strict = held || isLinkScoped(packet.destination)
  const search = searchTables(fib, packet, packet.oif, strict)
  const fates = fatesOf(search)
  const onLink = packet.family === 4 && packet.oif !== undefined && search.choices.length === 0
  return {
    steps: search.steps,
    fates: (onLink ? [boundTo(packet.oif)] : fates).flatMap((fate) => sent(fib, packet, fate)),
  }
}

/** What comes from 127.0.0.0/8 stays here, unless the link allows it (__mkroute_output). */
function sent({ picture, links }: Fib, { family, source }: Packet, fate: Fate): Fate[] {
  if (family === 6 || !isLoopback(source) || fate.kind === 'local' || fate.kind === 'refused') {
    return [fate]
  }
  const may = ({ oif }: Nexthop) => picture.localnetLinks?.has(oif ?? 0) || links.get(oif ?? 0)?.loopback
  const choices = fate.kind === 'leaves' ? fate.choices.filter(({ hop }) => may(hop)) : []
  const all = fate.kind === 'leaves' ? choices.length === fate.choices.length : may(fate.hop)
  const stays: Fate = { kind: 'refused', error: 'EINVAL', because: `${source} never leaves this host` }
  return all ? [fate] : [...(choices.length > 0 ? [{ ...fate, choices } as Fate] : []), stays]
}

/**
 * The way of a packet that came in by a link: to this host, onwards, or nowhere. rp_filter is judged by `reversePath`.
 * `forwarding` is the link's setting of IPv4; of IPv6's the lookup takes no notice.
 */
export function wayThrough(fib: Fib, packet: Packet, forwarding = true): Way {
  if (isLimitedBroadcast(packet.destination)) {
    return { steps: [], fates: [{ kind: 'local' }] }
  }
  const strict = isLinkScoped(packet.destination)
  const search = searchTables(fib, packet, packet.family === 6 ? packet.iif : undefined, strict)
  const fates = fatesOf(search).map(received)
  const delivered = fates.some(({ kind }) => kind === 'local')
  if (packet.family === 4 && !forwarding && !delivered) {
    return { steps: search.steps, fates: [notForwarded] }
  }
  return { steps: search.steps, fates }
}

/** A broadcast that comes in is this host's, too. IPv4 forwards by unicast routes alone. */
function received(fate: Fate): Fate {
  const route = fate.kind === 'leaves' ? fate.choices[0]?.route : undefined
  if (route?.type === 'broadcast') {
    return { kind: 'local', route }
  }
  return route?.family === 4 && route.type !== 'unicast'
    ? { kind: 'refused', error: 'EINVAL', because: `a route of type ${route.type} forwards nothing` }
    : fate
}

const notForwarded: Fate = {
  kind: 'refused',
  error: 'EHOSTUNREACH',
  because: 'this host does not forward what comes in by that link',
}

function searchTables(fib: Fib, packet: Packet, link: number | undefined, strict: boolean): Search {
  // A VRF stands for its whole table, not for a link in it.
  const through = fib.links.get(link ?? 0)?.vrfTable === undefined ? link : undefined
  const lookup = (number: number): Found => {
    const asked = fib.table(packet.family, number)
    return packet.family === 4
      ? lookup4(asked, packet, packet.iif === undefined ? through : undefined)
      : lookup6(asked, packet, { fib, link: through, strict })
  }
  return askRules(fib, packet, lookup)
}

function fatesOf({ choices, error }: Search): Fate[] {
  const [first] = choices
  const found: Fate[] = []
  if (first) {
    found.push(isOwn(first.route) ? { kind: 'local', route: first.route } : { kind: 'leaves', choices })
  }
  return error === undefined ? found : [...found, { kind: 'refused', error }]
}

/** An IPv6 router takes what is for the anycast address of its subnets. */
const isOwn = ({ family, type }: Route): boolean => type === 'local' || (family === 6 && type === 'anycast')

const boundTo = (oif: number): Fate => ({ kind: 'on-link', hop: { oif, onlink: false, weight: 1 } })

/** What IPv4 decides before it asks any rule (ip_route_output_key_hash_rcu). */
function settledBefore(fib: Fib, { source, destination, oif }: Packet): Fate | undefined {
  const group = isMulticast(destination) || isLimitedBroadcast(destination)
  if (isMulticast(source) || isLimitedBroadcast(source) || isZero(source)) {
    return { kind: 'refused', error: 'EINVAL', because: `${source} can't be a source` }
  }
  if (isZero(destination)) {
    return { kind: 'local' }
  }
  if (!isLocal(fib, source)) {
    return { kind: 'refused', error: 'ENETUNREACH', because: `no link of this host has ${source}` }
  }
  if (oif === undefined) {
    const owner = group ? ownerOf(fib, source) : undefined
    return owner === undefined ? undefined : boundTo(owner)
  }
  if (!fib.links.get(oif)?.up) {
    return { kind: 'refused', error: 'ENETUNREACH', because: 'the link is down' }
  }
  return isLocalMulticast(destination) || isLimitedBroadcast(destination) ? boundTo(oif) : undefined
}

/** Link-local and multicast destinations, and loopback's, hold the search to the packet's link (rt6_need_strict). */
const isLinkScoped = (address: string): boolean =>
  familyOf(address) === 6 && (isLinkLocal6(address) || isMulticast(address) || isLoopback(address))

/** Is the address this host's own? The local table says it, also of addresses that no link has (AnyIP). */
export const isLocal = (fib: Fib, address: string): boolean => localRoute(fib, address) !== undefined

const localRoute = (fib: Fib, address: string): Route | undefined => {
  const [routes] = fib.table(familyOf(address), table.local).holding(address)
  return routes?.find(({ type }) => type === 'local')
}

const ownerOf = (fib: Fib, address: string): number | undefined => localRoute(fib, address)?.nexthops[0]?.oif
