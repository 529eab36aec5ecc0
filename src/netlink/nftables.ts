import { Attributes } from './attributes.ts'
import { NLM_F } from './constants.ts'
import { HEADER_BYTES, type Request } from './framing.ts'
import { Payload } from './payload.ts'

/** nfnetlink's subsystem of nftables, in the upper byte of a message type (linux/netfilter/nfnetlink.h). */
const SUBSYSTEM = 10 << 8
/** linux/netfilter/nf_tables.h */
export const NFT_MSG = {
  NEWTABLE: SUBSYSTEM | 0,
  GETTABLE: SUBSYSTEM | 1,
  DELTABLE: SUBSYSTEM | 2,
  NEWCHAIN: SUBSYSTEM | 3,
  GETCHAIN: SUBSYSTEM | 4,
  NEWRULE: SUBSYSTEM | 6,
  GETRULE: SUBSYSTEM | 7,
  DELRULE: SUBSYSTEM | 8,
  NEWSET: SUBSYSTEM | 9,
  GETSET: SUBSYSTEM | 10,
  NEWSETELEM: SUBSYSTEM | 12,
  GETSETELEM: SUBSYSTEM | 13,
} as const
/** Multicast group of nfnetlink. */
export const NFNLGRP_NFTABLES = 7
const NFPROTO_INET = 1
/** Bytes of struct nfgenmsg: family, version, resource. */
export const NFT_HEADER = 4
/** NFTA_TABLE_NAME, and the first attribute of every object inside a table: its table. */
const NFTA_TABLE = 1

/** Asks for the table of family inet with this name. ENOENT where there is none. */
export function tableRequest(name: string): Request {
  const payload = new Payload(NFT_HEADER)
  payload.header[0] = NFPROTO_INET
  return { type: NFT_MSG.GETTABLE, flags: NLM_F.ACK, payload: payload.text(NFTA_TABLE, name).finish() }
}

/** The body of a request for all rules of all families. */
export const ruleDumpPayload = (): Buffer => Buffer.alloc(NFT_HEADER)

/** What one message of the multicast group tells. */
export interface NftEvent {
  /** Of the inet table with that name. */
  readonly ours: boolean
  /** A rule came or went, or a table with all its rules. */
  readonly rules: boolean
}

/** Reads the events in a datagram, as far as they concern a table of family inet or somebody's rules. */
export function nftEvents(datagram: Buffer, table: string): NftEvent[] {
  const events: NftEvent[] = []
  for (let at = 0; at + HEADER_BYTES + NFT_HEADER <= datagram.length; ) {
    const length = datagram.readUInt32LE(at)
    if (length < HEADER_BYTES + NFT_HEADER || at + length > datagram.length) break
    const type = datagram.readUInt16LE(at + 4)
    const family = datagram[at + HEADER_BYTES]
    const ours = family === NFPROTO_INET && tableOf(datagram, at + HEADER_BYTES + NFT_HEADER, at + length) === table
    const rules = type === NFT_MSG.NEWRULE || type === NFT_MSG.DELRULE || type === NFT_MSG.DELTABLE
    if (ours || rules) {
      events.push({ ours, rules })
    }
    at += Math.ceil(length / 4) * 4
  }
  return events
}

function tableOf(datagram: Buffer, start: number, end: number): string | undefined {
  const attributes = new Attributes(datagram, start, end)
  while (attributes.next()) {
    if (attributes.type === NFTA_TABLE) return attributes.text()
  }
  return undefined
}
