import { type Family, parseAddress } from '../state/ip.ts'
import type { Nexthop } from '../state/route.ts'
import { type Attributes, align } from './attributes.ts'
import { familyFrom, familyNumber } from './family.ts'
import type { Payload } from './payload.ts'
import { addressBytes, readAddress } from './prefix.ts'
import { NEXTHOP_HEADER, RTA, RTNH_F_DEAD, RTNH_F_ONLINK } from './route-attributes.ts'

export type NexthopDraft = { -readonly [Key in keyof Nexthop]: Nexthop[Key] }

export const emptyNexthop = (flags: number): NexthopDraft => {
  const hop: NexthopDraft = { onlink: (flags & RTNH_F_ONLINK) !== 0, weight: 1 }
  if (flags & RTNH_F_DEAD) hop.dead = true
  return hop
}

/** Takes RTA_OIF, RTA_GATEWAY and RTA_VIA, which stand in a route of one nexthop, and inside each one of several. */
export function readNexthopField(hop: NexthopDraft, value: Attributes, family: Family): void {
  if (value.type === RTA.OIF) hop.oif = value.u32()
  else if (value.type === RTA.GATEWAY) setGateway(hop, readAddress(value, family))
  else if (value.type === RTA.VIA) setGateway(hop, readVia(value))
}

function setGateway(hop: NexthopDraft, gateway: string | undefined): void {
  if (gateway !== undefined) hop.gateway = gateway
}

/** struct rtvia: the family in 16 bits, then an address of it. */
function readVia(value: Attributes): string | undefined {
  const family = familyFrom(value.u16())
  return family && readAddress(value, family, 2)
}

/** Reads the rtnexthop records of RTA_MULTIPATH. */
export function readNexthops(hops: Nexthop[], value: Attributes, family: Family): void {
  const records = value.bytes()
  let at = 0
  while (at + NEXTHOP_HEADER <= records.length) {
    const length = records.readUInt16LE(at)
    if (length < NEXTHOP_HEADER || at + length > records.length) {
      value.malformed = true
      return
    }
    const hop = emptyNexthop(records[at + 2] as number)
    hop.weight = (records[at + 3] as number) + 1
    const oif = records.readUInt32LE(at + 4)
    if (oif !== 0) hop.oif = oif
    value.nested((inner) => readNexthopField(hop, inner, family), at + NEXTHOP_HEADER, at + length)
    hops.push(hop)
    at += align(length)
  }
}

/** Writes the nexthops of a route: one beside its other attributes, several inside RTA_MULTIPATH. */
export function writeNexthops(payload: Payload, hops: readonly Nexthop[], family: Family): void {
  if (hops.length > 1) {
    payload.nested(RTA.MULTIPATH, () => {
      for (const hop of hops) writeRecord(payload, hop, family)
    })
  } else if (hops[0]) {
    if (hops[0].oif !== undefined) payload.u32(RTA.OIF, hops[0].oif)
    writeGateway(payload, hops[0].gateway, family)
  }
}

function writeRecord(payload: Payload, hop: Nexthop, family: Family): void {
  const fill = (buffer: Buffer, at: number) => {
    buffer[at + 2] = hop.onlink ? RTNH_F_ONLINK : 0
    buffer[at + 3] = hop.weight - 1
    buffer.writeUInt32LE(hop.oif ?? 0, at + 4)
  }
  payload.record(NEXTHOP_HEADER, fill, () => writeGateway(payload, hop.gateway, family))
}

function writeGateway(payload: Payload, gateway: string | undefined, family: Family): void {
  const bytes = gateway === undefined ? undefined : parseAddress(gateway)
  if (!bytes) {
    return
  }
  if (bytes.length === addressBytes(family)) {
    payload.bytes(RTA.GATEWAY, bytes)
  } else {
    payload.bytes(RTA.VIA, Buffer.concat([Buffer.of(familyNumber(family === 4 ? 6 : 4), 0), bytes]))
  }
}
