import type { Link } from '../../state/link.ts'
import { table } from '../../state/route.ts'
import { selectEnis } from '../enis.ts'
import { isLinkLocal6 } from '../fib/kinds.ts'
import { type Packet, replyTo } from '../fib/packet.ts'
import { isOurRule } from '../ownership.ts'
import { type Redirection, redirectionOf } from '../redirect/redirection.ts'
import { transitEnis } from '../transit.ts'
import { type Account, accountFor, type World } from './account.ts'
import { exitsThrough, type Passage, passageOf, type Witness } from './passage.ts'

/** A connection that comes in by a link: the way in, and the way of the answer. */
export interface Arrival {
  /** What nftables makes of its destination first. */
  readonly redirection: Redirection
  readonly inward: Passage
  /** This host's own, or that of a container behind it. */
  readonly answer: Account
  /** Of a container's answer: how it passes this host. */
  readonly passage?: Passage
  /** The connection's mark on the answer, where it is forwarded and `containers = "connmark"` restores one. */
  readonly mark?: number
}

/** Follows a packet that comes in by `entrance`, and its answer, which a socket of user `uid` of the packet sends. */
export function arrivalOf(world: World, arriving: Packet, entrance: Link, witness: Witness): Arrival {
  // What comes in belongs to no user: the kernel looks it up as user 0.
  const redirection = redirectedBy(world, { ...arriving, uid: 0 }, witness)
  const packet = asRouted(world, redirection.packet, entrance)
  const inward = passageOf(world, packet, entrance, witness)
  const { packet: reply, mark } = answerTo(world, { ...packet, uid: arriving.uid }, entrance, redirection)
  const marked = mark === undefined ? {} : { mark }
  const exit = world.fib.links.get(reply.iif ?? 0)
  if (!exit) {
    return { redirection, inward, answer: accountFor(world, reply, witness.wayOf(reply), entrance), ...marked }
  }
  const passage = passageOf(world, { ...reply, uid: 0 }, exit, witness, entrance)
  return { redirection, inward, answer: passage.account, passage, ...marked }
}

function redirectedBy(world: World, packet: Packet, witness: Witness): Redirection {
  const { ruleset, unread } = witness.redirections()
  const redirection = ruleset ? redirectionOf(world, ruleset, packet) : { packet, doubts: [] }
  return { ...redirection, doubts: [...redirection.doubts, ...unread] }
}

const IPPROTO = { ICMP: 1, ICMPV6: 58 } as const

/**
 * The answer to a packet that came in by `entrance`: this host's own, or that of a container behind it, which comes in by
 * the container's link and carries the mark that the connection got where it came in. An echo of IPv4 keeps the TOS; that
 * of IPv6 is routed without, and a program has its own: none.
 */
function answerTo(
  world: World,
  packet: Packet,
  entrance: Link,
  redirection: Redirection,
): { packet: Packet; mark?: number } {
  const tos = packet.ipProtocol === IPPROTO.ICMP ? packet.tos : 0
  const reply = { ...replyTo(packet), mark: 0, tos }
  const [exit] = exitsThrough(world, packet)
  if (exit === undefined) {
    // The kernel looks for the way of an IPv6 echo as if it were bound to the link of the request (icmpv6_echo_reply).
    const echo = packet.ipProtocol === IPPROTO.ICMPV6
    const bound = echo || isLinkLocal6(packet.source)
    return { packet: { ...reply, ...(bound ? { oif: entrance.index } : {}), ...(echo ? { loose: true } : {}) } }
  }
  const noted = redirection.by !== undefined || isNoted(world, entrance, exit)
  const mark = noted ? connectionMark(world, entrance, packet.family) : undefined
  return {
    packet: { ...reply, iif: exit, ...(mark === undefined ? {} : { mark }) },
    ...(mark === undefined ? {} : { mark }),
  }
}

/** Is a connection noted with its ENI though it was not redirected? One that goes on by an ENI is not, nor an appliance's. */
function isNoted({ fib: { picture }, settings }: World, entrance: Link, exit: number): boolean {
  const { enis } = selectEnis(picture.links, settings, picture.rules)
  const onByEni = enis.some(({ link }) => link.index === exit)
  return !onByEni && !transitEnis(picture.links, picture.rules, enis, settings).has(entrance.index)
}

/** The mark by which a rule of ours leads the answers of forwarded connections to the table of the ENI. */
function connectionMark({ fib, settings }: World, entrance: Link, family: 4 | 6): number | undefined {
  const isOf = (number: number) =>
    fib.picture.routes.some((route) => route.table === number && route.nexthops[0]?.oif === entrance.index)
  const rule = markRules(fib, settings, family).find(
    ({ iif, table: number }) => iif === undefined && number !== table.main && isOf(number),
  )
  return rule?.fwmark
}

/**
 * The packet as it is routed: one to a container, redirected from an address of this host, gets a mark as it comes in
 * (IPv4, for rp_filter's sake). A rule of ours names the link and the mark.
 */
function asRouted(world: World, packet: Packet, entrance: Link): Packet {
  const rule = markRules(world.fib, world.settings, packet.family).find(({ iif }) => iif === entrance.name)
  const onwards = exitsThrough(world, packet).length > 0
  return rule?.fwmark !== undefined && packet.mark === 0 && onwards ? { ...packet, mark: rule.fwmark } : packet
}

const markRules = (fib: World['fib'], settings: World['settings'], family: 4 | 6) =>
  fib.rules(family).filter((rule) => rule.fwmark !== undefined && !rule.invert && isOurRule(settings, rule))
