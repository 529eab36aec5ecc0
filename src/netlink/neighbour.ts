import type { Family } from '../state/ip.ts'
import { Attributes } from './attributes.ts'
import { familyFrom, familyNumber } from './family.ts'
import { readAddress } from './prefix.ts'

/** linux/neighbour.h */
const NDA_DST = 1
const NUD_FAILED = 0x20
/** Bytes of struct ndmsg: family, 3 of padding, interface (32 bits), state (16 bits), flags, type. */
const HEADER = 12

/** An entry of the ARP or neighbour cache. */
export interface Neighbour {
  readonly linkIndex: number
  readonly address: string
  /** It does not answer (NUD_FAILED). */
  readonly failed: boolean
}

/** The neighbour in the body of RTM_NEWNEIGH; undefined where it can't be understood, or has no address (a bridge's). */
export function decodeNeighbour(payload: Buffer): Neighbour | undefined {
  const family = familyFrom(payload[0])
  if (!family || payload.length < HEADER) {
    return undefined
  }
  const attributes = new Attributes(payload, HEADER)
  let address: string | undefined
  while (attributes.next()) {
    if (attributes.type === NDA_DST) address = readAddress(attributes, family)
  }
  return address === undefined || attributes.malformed
    ? undefined
    : { linkIndex: payload.readInt32LE(4), address, failed: (payload.readUInt16LE(8) & NUD_FAILED) !== 0 }
}

/** The body of a request for all neighbours of the family. */
export function neighbourDumpPayload(family: Family): Buffer {
  const payload = Buffer.alloc(HEADER)
  payload[0] = familyNumber(family)
  return payload
}
