import type { Expression } from '../../state/netfilter.ts'
import type { Packet } from '../fib/packet.ts'
import { addressType, type Passing } from './load.ts'

type Extension = Extract<Expression, { kind: 'xt' }>

/** Does the match of iptables hold? undefined: it is not understood, or depends on what is not known. */
export function matches({ name, revision, info }: Extension, passing: Passing): boolean | undefined {
  return info.length < (sizes[name] ?? 0) ? undefined : matchers[name]?.(info, passing, revision)
}

/** Bytes of the structs (linux/netfilter/xt_*.h); numbers are in the byte order of the machine. */
const sizes: Readonly<Record<string, number>> = {
  tcp: 12,
  udp: 9,
  icmp: 4,
  icmp6: 4,
  addrtype: 8,
  multiport: 48,
  conntrack: 152,
  state: 4,
  mark: 9,
}

const matchers: Readonly<Record<string, (info: Buffer, passing: Passing, revision: number) => boolean | undefined>> = {
  comment: () => true,
  tcp: (info, { packet }) => {
    const flags = (info[9] as number) === 0 ? true : (SYN & (info[9] as number)) === info[10]
    const option = info[8] === 0 ? true : undefined
    return all(ports(info, packet, info[11] as number), flipped(flags, info[11] as number, 4), option)
  },
  udp: (info, { packet }) => ports(info, packet, info[8] as number),
  icmp: (info, passing) => echo(info, passing, 8),
  icmp6: (info, passing) => echo(info, passing, 128),
  addrtype: (info, passing, revision) => {
    const { packet } = passing
    const flags = revision === 0 ? (info.readUInt32LE(4) ? 1 : 0) : info.readUInt32LE(4)
    // Limited to the types of one link's addresses: not followed.
    if (revision === 0 || (flags & ~3) !== 0) return undefined
    const has = (mask: number, address: string) => mask === 0 || (mask & (1 << addressType(passing, address))) !== 0
    const source = info.readUInt16LE(0)
    const destination = info.readUInt16LE(2)
    return all(
      source === 0 ? true : flipped(has(source, packet.source), flags, 1),
      destination === 0 ? true : flipped(has(destination, packet.destination), flags, 2),
    )
  },
  multiport: (info, { packet }) => {
    const wanted = Array.from({ length: info[1] as number }, (_, i) => info.readUInt16LE(2 + 2 * i))
    const among = (port: number) =>
      port === 0
        ? undefined
        : wanted.some((low, i) => (info[32 + i] ? port >= low && port <= (wanted[i + 1] ?? low) : port === low))
    const found = [() => among(packet.sourcePort), () => among(packet.destinationPort), () => undefined][
      info[0] as number
    ]
    return flipped(found?.(), info[47] as number, 1)
  },
  conntrack: (info) => {
    // "-m state" says that it is one (XT_CONNTRACK_STATE_ALIAS).
    const flags = info.readUInt16LE(146) & ~0x2000
    return flags === 1 ? flipped((info.readUInt16LE(150) & NEW) !== 0, info.readUInt16LE(148), 1) : undefined
  },
  state: (info) => (info.readUInt32LE(0) & NEW) !== 0,
  mark: (info, { mark }) => {
    const bits = ((mark ?? 0) & info.readUInt32LE(4)) >>> 0
    return mark === undefined ? undefined : flipped(bits === info.readUInt32LE(0), info[8] as number, 1)
  },
}

/** TCP's flag of a first packet; XT_CONNTRACK_STATE_BIT(IP_CT_NEW). */
const SYN = 2
const NEW = 8

const flipped = (value: boolean | undefined, flags: number, bit: number): boolean | undefined =>
  value === undefined ? undefined : (flags & bit) !== 0 ? !value : value

function all(...values: readonly (boolean | undefined)[]): boolean | undefined {
  if (values.includes(false)) return false
  return values.includes(undefined) ? undefined : true
}

/** A range of source and one of destination ports, the ends two by two. */
function ports(info: Buffer, { sourcePort, destinationPort }: Packet, inverted: number): boolean | undefined {
  const within = (port: number, at: number) => {
    const [low, high] = [info.readUInt16LE(at), info.readUInt16LE(at + 2)]
    if (low === 0 && high === 0xffff) return true
    return port === 0 ? undefined : port >= low && port <= high
  }
  return all(flipped(within(sourcePort, 0), inverted, 1), flipped(within(destinationPort, 4), inverted, 2))
}

/** 255 is any type. */
const echo = (info: Buffer, { packet }: Passing, request: number): boolean =>
  [1, 58].includes(packet.ipProtocol) &&
  flipped(info[0] === 255 || (info[0] === request && info[1] === 0), info[3] as number, 1) === true
