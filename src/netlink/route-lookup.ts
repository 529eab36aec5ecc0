import { addressBits, type Family, parseAddress } from '../state/ip.ts'
import { RTM } from './constants.ts'
import { familyNumber } from './family.ts'
import type { Request } from './framing.ts'
import { Payload } from './payload.ts'
import { ROUTE_HEADER, RTA, RTM_F_FIB_MATCH, RTM_F_LOOKUP_TABLE } from './route-attributes.ts'

/** A packet whose way is asked for, as `ip route get` has it. */
export interface RouteQuery {
  readonly family: Family
  readonly destination: string
  readonly source?: string
  /** Index of the link that the socket is bound to. */
  readonly oif?: number
  /** Index of the link that the packet came in on: asks about forwarding. */
  readonly iif?: number
  readonly mark?: number
  /** IPPROTO_TCP, …: for rules that tell packets apart by it. The kernel takes TCP, UDP and ICMP alone. */
  readonly ipProtocol?: number
  readonly sourcePort?: number
  readonly destinationPort?: number
  /** Of the socket's owner; this process's own where it is not given. */
  readonly uid?: number
  readonly tos?: number
  /** The table's entry that matched, instead of what the packet gets. */
  readonly fibMatch?: boolean
}

export function lookupRequest(query: RouteQuery): Request {
  const payload = new Payload(ROUTE_HEADER)
  const { header } = payload
  header[0] = familyNumber(query.family)
  header[1] = addressBits(query.family)
  header[2] = query.source === undefined ? 0 : addressBits(query.family)
  header[3] = query.tos ?? 0
  // IPv6 tells the table unasked, and with strict checking refuses to be asked.
  const lookupTable = query.family === 4 ? RTM_F_LOOKUP_TABLE : 0
  header.writeUInt32LE(lookupTable | (query.fibMatch ? RTM_F_FIB_MATCH : 0), 8)
  payload.bytes(RTA.DST, bytesOf(query.destination))
  if (query.source !== undefined) payload.bytes(RTA.SRC, bytesOf(query.source))
  if (query.iif !== undefined) payload.u32(RTA.IIF, query.iif)
  if (query.oif !== undefined) payload.u32(RTA.OIF, query.oif)
  if (query.mark !== undefined) payload.u32(RTA.MARK, query.mark)
  if (query.uid !== undefined) payload.u32(RTA.UID, query.uid)
  if (query.ipProtocol !== undefined) payload.u8(RTA.IP_PROTO, query.ipProtocol)
  if (query.sourcePort) payload.bytes(RTA.SPORT, bigEndian(query.sourcePort))
  if (query.destinationPort) payload.bytes(RTA.DPORT, bigEndian(query.destinationPort))
  return { type: RTM.GETROUTE, flags: 0, payload: payload.finish() }
}

const bigEndian = (port: number): Uint8Array => Uint8Array.of(port >> 8, port & 255)

function bytesOf(address: string): Uint8Array {
  const bytes = parseAddress(address)
  if (!bytes) {
    throw new TypeError(`not an IP address: ${address}`)
  }
  return bytes
}
