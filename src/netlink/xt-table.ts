import type { Family } from '../state/ip.ts'
import { bitsTouched } from './xt-mark.ts'

/** struct ipt_entry and ip6t_entry (linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h), in bytes. */
const entry: Readonly<Record<Family, { readonly offsets: number; readonly elements: number }>> = {
  4: { offsets: 88, elements: 112 },
  6: { offsets: 140, elements: 168 },
}
/** struct xt_entry_match and xt_entry_target: size (16 bits), name (29 bytes), revision (8 bits); what they are configured by follows. */
const PART = { NAME: 2, NAME_BYTES: 29, REVISION: 31, INFO: 32 } as const

/**
 * The bits of packet and connection marks that the rules of a table of iptables-legacy compare or change, from the entries
 * that the kernel gives of it. What does not add up ends the walk.
 */
export function bitsOfTable(entries: Buffer, family: Family): number {
  const { offsets, elements } = entry[family]
  let bits = 0
  for (let at = 0; at + elements <= entries.length; ) {
    const target = entries.readUInt16LE(at + offsets)
    const next = entries.readUInt16LE(at + offsets + 2)
    if (target < elements || next < target + PART.INFO || at + next > entries.length) {
      break
    }
    bits |= bitsOfMatches(entries.subarray(at + elements, at + target))
    bits |= bitsOfPart('target', entries.subarray(at + target, at + next))
    at += next
  }
  return bits >>> 0
}

function bitsOfMatches(matches: Buffer): number {
  let bits = 0
  for (let at = 0; at + PART.INFO <= matches.length; ) {
    const size = matches.readUInt16LE(at)
    if (size < PART.INFO || at + size > matches.length) {
      break
    }
    bits |= bitsOfPart('match', matches.subarray(at, at + size))
    at += size
  }
  return bits
}

function bitsOfPart(kind: 'match' | 'target', part: Buffer): number {
  const name = part.toString('latin1', PART.NAME, PART.NAME + PART.NAME_BYTES).split('\0')[0] ?? ''
  return bitsTouched({ kind, name, revision: part[PART.REVISION] ?? 0, info: part.subarray(PART.INFO) })
}
