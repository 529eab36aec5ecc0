import type { Family } from '../../state/ip.ts'

/** A packet as rules and routes see it (struct flowi of the kernel). Numbers that are not known are 0, as there. */
export interface Packet {
  readonly family: Family
  readonly source: string
  readonly destination: string
  /** Index of the link that it came in by; undefined for a packet that this host makes itself. */
  readonly iif?: number
  /** Index of the link that its socket is bound to. */
  readonly oif?: number
  /** That link is preferred, no more (IPv6): so the kernel itself answers echo requests. */
  readonly loose?: true
  /** Index of the VRF whose table an `l3mdev` rule asks, where neither of those links tells it. */
  readonly vrf?: number
  readonly mark: number
  /** The whole byte of IPv4's TOS or IPv6's traffic class. */
  readonly tos: number
  /** Of the socket's owner. What came in, and what the kernel sends by itself, has 0. */
  readonly uid: number
  /** IPPROTO_TCP, … */
  readonly ipProtocol: number
  readonly sourcePort: number
  readonly destinationPort: number
}

/** What a packet has where nothing else is said of it: TCP, no mark, ports not known yet. */
export const plainPacket = { mark: 0, tos: 0, uid: 0, ipProtocol: 6, sourcePort: 0, destinationPort: 0 } as const

/** The answer to a packet: both ends, and their ports, change places; it leaves this host, whoever made it. */
export function replyTo(packet: Packet): Packet {
  const { iif: _, ...rest } = packet
  return {
    ...rest,
    source: packet.destination,
    destination: packet.source,
    sourcePort: packet.destinationPort,
    destinationPort: packet.sourcePort,
  }
}
