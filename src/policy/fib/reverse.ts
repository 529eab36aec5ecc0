import type { Choice } from './found.ts'
import { type Packet, replyTo } from './packet.ts'
import type { Fib } from './picture.ts'
import { type Way, wayThrough } from './way.ts'

/** What of a link's IPv4 settings decides about packets that come in by it. */
export interface Reception {
  /** rp_filter in force: the greater of the link's and of `all`. 0 off, 1 strict, 2 loose. */
  readonly rpFilter: number
  /** src_valid_mark: the check looks the sender up with the packet's mark. */
  readonly validMark: boolean
  readonly acceptLocal: boolean
  readonly forwarding: boolean
}

export interface ReversePath {
  readonly passes: boolean
  readonly why: string
  /** The lookup of the sender that decides; undefined where there is none. */
  readonly way?: Way
}

/**
 * The check of the sender of an IPv4 packet that came in by `packet.iif` (fib_validate_source); IPv6 has none. `onwards`
 * is the link that the packet is forwarded by; undefined for one to this host.
 */
export function reversePath(fib: Fib, packet: Packet, reception: Reception, onwards?: number): ReversePath {
  const mark = reception.validMark ? packet.mark : 0
  const way = wayThrough(fib, { ...replyTo(packet), iif: onwards ?? loopback, mark })
  const [fate] = way.fates
  if (fate?.kind === 'local') {
    return reception.acceptLocal
      ? { passes: true, why: "the sender's address is this host's own, and accept_local allows it", way }
      : { passes: false, why: "the sender's address is this host's own: the packet is dropped as a martian", way }
  }
  return { ...verdict(fate?.kind === 'leaves' ? fate.choices : [], packet, reception.rpFilter), way }
}

const loopback = 1
const modes = ['off', 'strict', 'loose'] as const

function verdict(choices: readonly Choice[], { iif }: Packet, mode: number): Omit<ReversePath, 'way'> {
  if (mode === 0) {
    return { passes: true, why: 'rp_filter is off' }
  }
  const word = `rp_filter is ${modes[mode] ?? mode}`
  const [first] = choices
  if (!first) {
    return { passes: false, why: `${word}, and no route to the sender is found: the packet is dropped` }
  }
  const hops = first.route.nexthops.length > 0 ? first.route.nexthops : [first.hop]
  if (hops.some(({ oif }) => oif === iif)) {
    return { passes: true, why: `${word}, and the route to the sender leaves by this link` }
  }
  return mode === 1
    ? { passes: false, why: `${word}, and the route to the sender does not leave by this link: the packet is dropped` }
    : { passes: true, why: `${word}: any route to the sender is enough` }
}
