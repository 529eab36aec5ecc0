import { type Family, formatAddress } from '../state/ip.ts'
import { Attributes } from './attributes.ts'
import { familyFrom, familyNumber } from './family.ts'

/** linux/sock_diag.h: of a request and of each answer. */
export const SOCK_DIAG_BY_FAMILY = 20
const IPPROTO_UDP = 17
/** The state of a UDP socket that is not connected: TCP_CLOSE (net/tcp_states.h). */
const UNCONNECTED = 7
/** Bytes of struct inet_diag_req_v2 and struct inet_diag_msg (linux/inet_diag.h). */
const REQUEST = 56
const MESSAGE = 72
const INET_DIAG_SKV6ONLY = 11

/** A UDP socket that is bound and not connected. */
export interface UdpSocket {
  readonly family: Family
  readonly address: string
  readonly port: number
  /** Index of the link that it is bound to; 0: none. */
  readonly oif: number
  /** 0: the kernel's own. */
  readonly inode: number
  /** An IPv6 socket that takes no IPv4 (IPV6_V6ONLY). */
  readonly v6only: boolean
}

/** The body of a request for the UDP sockets of a family that are not connected, in this network namespace. */
export function udpDumpPayload(family: Family): Buffer {
  const payload = Buffer.alloc(REQUEST)
  payload[0] = familyNumber(family)
  payload[1] = IPPROTO_UDP
  payload.writeUInt32LE(1 << UNCONNECTED, 4)
  return payload
}

/** The socket in an answer; undefined where it can't be understood. */
export function decodeUdpSocket(payload: Buffer): UdpSocket | undefined {
  const family = familyFrom(payload[0])
  if (payload.length < MESSAGE || family === undefined) {
    return undefined
  }
  let v6only = false
  const attributes = new Attributes(payload, MESSAGE)
  while (attributes.next()) {
    if (attributes.type === INET_DIAG_SKV6ONLY) v6only = attributes.u8() !== 0
  }
  return {
    family,
    address: formatAddress(payload.subarray(8, family === 4 ? 12 : 24)),
    port: payload.readUInt16BE(4),
    oif: payload.readUInt32LE(40),
    inode: payload.readUInt32LE(68),
    v6only,
  }
}
