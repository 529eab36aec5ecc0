import { parseAddress } from '../../state/ip.ts'
import type { Link } from '../../state/link.ts'
import type { Loadable } from '../../state/netfilter.ts'
import { table } from '../../state/route.ts'
import { isMulticast } from '../fib/kinds.ts'
import type { Packet } from '../fib/packet.ts'
import type { Fib } from '../fib/picture.ts'
import { type Bytes, hostOrder, knownBytes, networkOrder } from './bytes.ts'

/** A packet, the first of its connection, as netfilter sees it where it comes in. */
export interface Passing {
  readonly fib: Fib
  readonly packet: Packet
  readonly entrance: Link
  /** Rules may set it; undefined: to what is not known. */
  mark: number | undefined
}

/** linux/netfilter.h, linux/rtnetlink.h, linux/netfilter/nf_conntrack_common.h */
const NFPROTO = { 4: 2, 6: 10 } as const
const ETH_P = { 4: 0x0800, 6: 0x86dd } as const
const CT_STATE_NEW = 8
const RTN = { UNICAST: 1, LOCAL: 2, BROADCAST: 3, MULTICAST: 5 } as const
const FIB = { ADDRTYPE: 3, SADDR: 1, DADDR: 2 } as const
const BASE = { NETWORK: 1, TRANSPORT: 2 } as const
const IFNAMSIZ = 16

/** What the load puts into a register, and in words what it is; of nothing known, `length` bytes. */
export function loaded(what: Loadable, passing: Passing): { readonly bytes: Bytes; readonly whence: string } {
  switch (what.from) {
    case 'meta': {
      const value = metaOf(what.key, passing)
      return { bytes: value ? knownBytes(value) : unknownBytes(IFNAMSIZ), whence: `meta ${what.key}` }
    }
    case 'ct':
      return { bytes: ctOf(what.key), whence: `ct ${what.key}` }
    case 'payload':
      return {
        bytes: payloadOf(what.base, what.offset, what.length, passing.packet),
        whence: payloadName(what.base, what.offset, passing.packet),
      }
    case 'fib':
      return { bytes: fibOf(what.result, what.flags, passing), whence: 'fib' }
    case 'elsewhere':
      return { bytes: unknownBytes(IFNAMSIZ), whence: what.name }
  }
}

const unknownBytes = (length: number): Bytes => ({
  values: new Uint8Array(length),
  known: Array.from({ length }, () => false),
})

function metaOf(key: string, { packet, entrance, mark }: Passing): Uint8Array | undefined {
  switch (key) {
    case 'protocol':
      return networkOrder(ETH_P[packet.family])
    case 'nfproto':
      return Uint8Array.of(NFPROTO[packet.family])
    case 'l4proto':
      return Uint8Array.of(packet.ipProtocol)
    case 'mark':
      return mark === undefined ? undefined : hostOrder(mark)
    case 'iif':
      return hostOrder(entrance.index)
    case 'iifgroup':
      return hostOrder(entrance.group)
    case 'iifname':
      return nameBytes(entrance.name)
    case 'pkttype':
      return Uint8Array.of(0)
    default:
      return undefined
  }
}

function nameBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(IFNAMSIZ)
  bytes.set(new TextEncoder().encode(name).subarray(0, IFNAMSIZ - 1))
  return bytes
}

function ctOf(key: string): Bytes {
  if (key === 'state') return knownBytes(hostOrder(CT_STATE_NEW))
  if (key === 'direction') return knownBytes(Uint8Array.of(0))
  return key === 'mark' || key === 'status' ? knownBytes(hostOrder(0)) : unknownBytes(IFNAMSIZ)
}

/** The type of an address, as the local table has it. */
export function addressType({ fib, packet }: Pick<Passing, 'fib' | 'packet'>, address: string): number {
  if (isMulticast(address)) return RTN.MULTICAST
  const [routes = []] = fib.table(packet.family, table.local).holding(address)
  if (routes.some(({ type }) => type === 'local')) return RTN.LOCAL
  return routes.some(({ type }) => type === 'broadcast') ? RTN.BROADCAST : RTN.UNICAST
}

function fibOf(result: number, flags: number, passing: Passing): Bytes {
  const { source, destination } = passing.packet
  // With "iif" or "mark" among them a lookup is made that this does not follow.
  if (result !== FIB.ADDRTYPE || (flags !== FIB.SADDR && flags !== FIB.DADDR)) {
    return unknownBytes(IFNAMSIZ)
  }
  return knownBytes(hostOrder(addressType(passing, flags === FIB.SADDR ? source : destination)))
}

function payloadOf(base: number, offset: number, length: number, packet: Packet): Bytes {
  const header = base === BASE.NETWORK ? networkHeader(packet) : base === BASE.TRANSPORT ? transportHeader(packet) : []
  const part = Array.from({ length }, (_, i) => header[offset + i])
  return { values: Uint8Array.from(part, (byte) => byte ?? 0), known: part.map((byte) => byte !== undefined) }
}

/** A header byte by byte; those that are not known are undefined. */
type Header = readonly (number | undefined)[]
const gap = (length: number): undefined[] => Array.from({ length }, () => undefined)

function networkHeader({ family, source, destination, tos, ipProtocol }: Packet): Header {
  const addresses = [...(parseAddress(source) ?? []), ...(parseAddress(destination) ?? [])]
  return family === 4
    ? [0x45, tos, ...gap(4), 0, 0, undefined, ipProtocol, ...gap(2), ...addresses]
    : [0x60 | (tos >> 4), ...gap(5), ipProtocol, undefined, ...addresses]
}

const IPPROTO = { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58, SCTP: 132 } as const
const SYN = 2

/** A connection begins with SYN, and an echo with its request. */
function transportHeader({ ipProtocol, sourcePort, destinationPort }: Packet): Header {
  const ports = [sourcePort, destinationPort].flatMap((port) => (port === 0 ? gap(2) : [port >> 8, port & 255]))
  if (ipProtocol === IPPROTO.TCP) return [...ports, ...gap(4), 0, 0, 0, 0, undefined, SYN, ...gap(6)]
  if (ipProtocol === IPPROTO.UDP || ipProtocol === IPPROTO.SCTP) return [...ports, ...gap(4)]
  if (ipProtocol === IPPROTO.ICMP) return [8, 0, ...gap(6)]
  return ipProtocol === IPPROTO.ICMPV6 ? [128, 0, ...gap(6)] : []
}

function payloadName(base: number, offset: number, { ipProtocol }: Packet): string {
  const ported = base === BASE.TRANSPORT && [6, 17, 132].includes(ipProtocol)
  if (ported && offset < 4) return offset < 2 ? 'the source port' : 'the destination port'
  return 'a part of the packet that is not told here'
}
