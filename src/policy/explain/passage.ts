import { familyOf } from '../../state/ip.ts'
import type { Link } from '../../state/link.ts'
import type { NftSight } from '../../state/netfilter.ts'
import type { KernelWay } from '../fib/answer.ts'
import { isLimitedBroadcast, isLinkLocal6 } from '../fib/kinds.ts'
import type { Packet } from '../fib/packet.ts'
import { martian, type Reception, type ReversePath, reversePath } from '../fib/reverse.ts'
import { type Fate, wayThrough } from '../fib/way.ts'
import { type Account, accountFor, exitsOf, type World } from './account.ts'

/** Who is asked about this very kernel. */
export interface Witness {
  wayOf(packet: Packet): KernelWay
  reception(link: Link): Omit<Reception, 'addressed'>
  redirections(): NftSight
}

/** What becomes of a packet that comes in by a link: its way, and what may stop it before. */
export interface Passage {
  readonly entrance: Link
  readonly reception: Reception
  readonly account: Account
  /**
   * What rp_filter says of it, for each way on that leads to another answer; none for IPv6, which has no such check, and
   * where it does not come to one.
   */
  readonly reverse: readonly ReversePath[]
  /** What becomes of it, all told: more than one where it depends on which nexthop the kernel picks. */
  readonly fates: readonly Fate[]
}

/** Follows a packet that came in by `entrance`, whose index it has as `iif`; `expected` is the link it should leave by. */
export function passageOf(
  world: World,
  packet: Packet,
  entrance: Link,
  witness: Witness,
  expected: Link = entrance,
): Passage {
  const reception = receptionOf(world, entrance, witness)
  const account = accountFor(world, packet, witness.wayOf(packet), expected, reception.forwarding)
  const because = martian(packet, reception)
  const outcomes = account.way.fates.map((fate) => outcomeOf(world, packet, reception, fate))
  const settled: Fate | undefined =
    because === undefined ? undefined : { kind: 'refused', error: martianError, because }
  const reverse = settled ? [] : outcomes.flatMap((outcome) => outcome.reverse)
  return {
    entrance,
    reception,
    account,
    reverse: reverse.filter((one, i) => reverse.findIndex(({ passes }) => passes === one.passes) === i),
    fates: settled ? [settled] : outcomes.flatMap((outcome) => outcome.fates),
  }
}

/** Does the kernel drop it before it tells a way, or may it? Then RTM_GETROUTE says other things. */
export const isDropped = ({ fates, reverse }: Pick<Passage, 'fates' | 'reverse'>): boolean =>
  reverse.some(({ passes }) => !passes) || fates.some((fate) => fate.kind === 'refused' && fate.error === martianError)

/** That of the kernel for a martian. */
const martianError = 'EXDEV'

const receptionOf = ({ addresses }: World, link: Link, witness: Witness): Reception => ({
  ...witness.reception(link),
  addressed: addresses.some(({ linkIndex, address }) => linkIndex === link.index && familyOf(address) === 4),
})

interface Outcome {
  readonly fates: readonly Fate[]
  readonly reverse: readonly ReversePath[]
}

function outcomeOf(world: World, packet: Packet, reception: Reception, fate: Fate): Outcome {
  if (packet.family === 6) {
    return { fates: [onwards6(packet, reception, fate)], reverse: [] }
  }
  if (fate.kind === 'refused' || fate.kind === 'on-link') {
    return { fates: [fate], reverse: [] }
  }
  const broadcast =
    fate.kind === 'local' && (fate.route?.type === 'broadcast' || isLimitedBroadcast(packet.destination))
  const ways = fate.kind === 'local' ? [{ fate }] : exitsOf([fate]).map((exit) => ({ fate: only(fate, exit), exit }))
  const checked = ways.map(({ fate: one, ...onwards }) => {
    const reverse = checkOf(world, packet, reception, { broadcast, ...onwards })
    return { reverse, fate: reverse && !reverse.passes ? dropped(reverse) : one }
  })
  const passing = checked.filter(({ reverse }) => reverse?.passes !== false)
  return {
    // Where rp_filter minds no difference, it is one fate as before.
    fates: passing.length === checked.length ? [fate] : checked.map((one) => one.fate),
    reverse: checked.flatMap(({ reverse }) => reverse ?? []),
  }
}

/** 0.0.0.0 asks for its address: nobody checks such a sender. */
const checkOf = (
  { fib }: World,
  packet: Packet,
  reception: Reception,
  { exit, broadcast }: { exit?: number; broadcast: boolean },
): ReversePath | undefined =>
  broadcast && packet.source === '0.0.0.0'
    ? undefined
    : reversePath(fib, packet, reception, { broadcast, ...(exit === undefined ? {} : { onwards: exit }) })

const dropped = ({ why }: ReversePath): Fate => ({ kind: 'refused', error: martianError, because: why })

const only = (fate: Fate, exit: number): Fate =>
  fate.kind === 'leaves' ? { ...fate, choices: fate.choices.filter(({ hop }) => hop.oif === exit) } : fate

/** IPv6 asks whether it may forward after it has found the way (ip6_forward). */
function onwards6(packet: Packet, { forwardingIpv6 }: Reception, fate: Fate): Fate {
  if (fate.kind !== 'leaves') {
    return fate
  }
  const refused = (because: string): Fate => ({ kind: 'refused', error: 'EHOSTUNREACH', because })
  if (!forwardingIpv6) {
    return refused('this host does not forward IPv6: net.ipv6.conf.all.forwarding is 0')
  }
  // One that leaves by the link that it came in by is passed on, and its sender told of the shorter way.
  const choices = isLinkLocal6(packet.source) ? fate.choices.filter(({ hop }) => hop.oif === packet.iif) : fate.choices
  return choices.length > 0 ? { ...fate, choices } : refused(`${packet.source} is an address of that link alone`)
}

/** The ways that the packet would take if nothing stopped it. */
export const exitsThrough = ({ fib }: World, packet: Packet): readonly number[] =>
  exitsOf(wayThrough(fib, packet).fates)
