import type { Nexthop, Route } from '../../state/route.ts'
import { isLimitedBroadcast, isLoopback, isMulticast, isZero } from './kinds.ts'
import { type Packet, replyTo } from './packet.ts'
import type { Fib } from './picture.ts'
import { type Fate, type Way, wayThrough } from './way.ts'

/** What of a link's settings decides about packets that come in by it. */
export interface Reception {
  /** rp_filter in force: the greater of the link's and of `all`. 0 off, 1 strict, 2 loose. */
  readonly rpFilter: number
  /** src_valid_mark: the check looks the sender up with the packet's mark. */
  readonly validMark: boolean
  readonly acceptLocal: boolean
  /** send_redirects: a packet that goes on by this same link is checked with more care. */
  readonly sendRedirects: boolean
  /** route_localnet: 127.0.0.0/8 is an address like any other. */
  readonly routeLocalnet: boolean
  /** IPv4 packets that come in by it may go on. */
  readonly forwarding: boolean
  readonly forwardingIpv6: boolean
  /** Has it an IPv4 address at all? */
  readonly addressed: boolean
}

export interface ReversePath {
  readonly passes: boolean
  readonly why: string
  /** The lookup of the sender that decides; undefined where there is none. */
  readonly way?: Way
}

/**
 * The check of the sender of an IPv4 packet that came in by `packet.iif` (fib_validate_source); IPv6 has none. `onwards`
 * is the link that the packet is forwarded by; undefined for one to this host. A `broadcast` is judged without regard to
 * its destination.
 */
export function reversePath(
  fib: Fib,
  packet: Packet,
  reception: Reception,
  { onwards, broadcast = false }: { onwards?: number; broadcast?: boolean } = {},
): ReversePath {
  const vrf = vrfAt(fib, packet.iif)
  const question = {
    ...replyTo(packet),
    ...(broadcast ? { source: '0.0.0.0' } : {}),
    iif: onwards ?? loopback,
    mark: reception.validMark ? packet.mark : 0,
    ...(vrf === undefined ? {} : { vrf }),
  }
  const way = wayThrough(fib, dissected(fib, question))
  return { ...judge(fib, way.fates[0], packet, reception, onwards), way }
}

const loopback = 1
const modes = ['off', 'strict', 'loose'] as const

/** The kernel reads protocol and ports for this check only where a rule of packets that come in may ask for them. */
function dissected(fib: Fib, packet: Packet): Packet {
  const asks = fib
    .rules(packet.family)
    .some((rule) => rule.iif !== 'lo' && (rule.ipProto ?? rule.sourcePort ?? rule.destinationPort) !== undefined)
  return asks ? packet : { ...packet, ipProtocol: 0, sourcePort: 0, destinationPort: 0 }
}

function vrfAt({ links }: Fib, index: number | undefined): number | undefined {
  const link = links.get(index ?? 0)
  return link?.vrfTable !== undefined ? link.index : link?.slaveKind === 'vrf' ? link.master : undefined
}

function judge(
  fib: Fib,
  fate: Fate | undefined,
  packet: Packet,
  { rpFilter: mode, acceptLocal, sendRedirects, addressed }: Reception,
  onwards: number | undefined,
): Omit<ReversePath, 'way'> {
  if (mode === 0 && acceptLocal && !(sendRedirects && onwards === packet.iif)) {
    return { passes: true, why: 'rp_filter is off, and accept_local allows any sender' }
  }
  const route = routeOf(fate)
  if (route?.type === 'local' && !acceptLocal) {
    return { passes: false, why: "the sender's address is this host's own: the packet is dropped as a martian" }
  }
  if (route && !['local', 'unicast'].includes(route.type)) {
    return { passes: false, why: `the sender has a ${route.type} address: the packet is dropped as a martian` }
  }
  if (mode === 0) {
    return { passes: true, why: 'rp_filter is off' }
  }
  const word = `rp_filter is ${modes[mode] ?? mode}`
  if (!route) {
    return { passes: false, why: `${word}, and no route to the sender is found: the packet is dropped` }
  }
  if (hopsOf(route, fate).some(({ oif }) => isBy(fib, oif, packet.iif))) {
    return { passes: true, why: `${word}, and the route to the sender leaves by this link` }
  }
  const otherwise = `${word}, and the route to the sender does not leave by this link`
  if (!addressed) {
    return { passes: false, why: `${otherwise}, which has no IPv4 address: the packet is dropped` }
  }
  return mode === 1
    ? { passes: false, why: `${otherwise}: the packet is dropped` }
    : { passes: true, why: `${word}: any route to the sender is enough` }
}

function routeOf(fate: Fate | undefined): Route | undefined {
  if (fate?.kind === 'leaves') return fate.choices[0]?.route
  return fate?.kind === 'local' ? fate.route : undefined
}

function hopsOf(route: Route, fate: Fate | undefined): readonly Nexthop[] {
  const picked = fate?.kind === 'leaves' ? fate.choices.slice(0, 1).map(({ hop }) => hop) : []
  return route.nexthops.length > 0 ? route.nexthops : picked
}

/** A VRF stands for the links that are enslaved to it. */
const isBy = (fib: Fib, oif: number | undefined, iif: number | undefined): boolean =>
  oif === iif || (oif !== undefined && vrfAt(fib, oif) === iif)

/** Why the kernel drops a packet for its addresses, before it looks for any way; undefined where it does not. */
export function martian({ family, source, destination }: Packet, { routeLocalnet }: Reception): string | undefined {
  if (isMulticast(source) || isLimitedBroadcast(source)) {
    return `${source} can't be a source`
  }
  if (family === 6) {
    return isLoopback(source) || isLoopback(destination) ? '::1 never comes in by a link' : undefined
  }
  if (isLimitedBroadcast(destination)) {
    return undefined
  }
  const zero = [source, destination].find(isZero)
  if (zero !== undefined) {
    return `${zero} is no address of a host`
  }
  return !routeLocalnet && [destination, source].some(isLoopback)
    ? '127.0.0.0/8 never comes in by a link, unless route_localnet allows it'
    : undefined
}
