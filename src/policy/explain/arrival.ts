import type { Link } from '../../state/link.ts'
import { table } from '../../state/route.ts'
import { type Packet, replyTo } from '../fib/packet.ts'
import type { Reception, ReversePath } from '../fib/reverse.ts'
import { reversePath } from '../fib/reverse.ts'
import { wayThrough } from '../fib/way.ts'
import { isOurRule } from '../ownership.ts'
import { type Account, exitsOf, type World } from './account.ts'

/** A connection that comes in by a link: the way in, what rp_filter says of it, and the way of the answer. */
export interface Arrival {
  readonly entrance: Link
  readonly reception: Reception
  readonly inward: Account
  /** IPv4 alone. */
  readonly reverse?: ReversePath
  readonly answer: Account
  /** The connection's mark on the answer, where it is forwarded and `containers = "connmark"` restores one. */
  readonly mark?: number
}

/** What rp_filter says of the packet; undefined for IPv6, which has none. */
export const reversePathOf = ({ fib }: World, packet: Packet, reception: Reception): ReversePath | undefined =>
  packet.family === 4 ? reversePath(fib, packet, reception, exitsOf(wayThrough(fib, packet).fates)[0]) : undefined

/**
 * The answer to a packet that came in by `entrance`: this host's own, or that of a container behind it, which comes in by
 * the container's link and carries the mark that the connection got where it came in.
 */
export function answerTo(world: World, packet: Packet, entrance: Link): { packet: Packet; mark?: number } {
  const reply = { ...replyTo(packet), mark: 0 }
  const [exit] = exitsOf(wayThrough(world.fib, packet).fates)
  if (exit === undefined) {
    return { packet: reply }
  }
  const mark = connectionMark(world, entrance, packet.family)
  return {
    packet: { ...reply, iif: exit, ...(mark === undefined ? {} : { mark }) },
    ...(mark === undefined ? {} : { mark }),
  }
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
export function asRouted({ fib, settings }: World, packet: Packet, entrance: Link): Packet {
  const rule = markRules(fib, settings, packet.family).find(({ iif }) => iif === entrance.name)
  const onwards = exitsOf(wayThrough(fib, packet).fates).length > 0
  return rule?.fwmark !== undefined && packet.mark === 0 && onwards ? { ...packet, mark: rule.fwmark } : packet
}

const markRules = (fib: World['fib'], settings: World['settings'], family: 4 | 6) =>
  fib.rules(family).filter((rule) => rule.fwmark !== undefined && !rule.invert && isOurRule(settings, rule))
