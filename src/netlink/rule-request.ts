import { parseAddress } from '../state/ip.ts'
import type { Prefix } from '../state/prefix.ts'
import type { NumberRange, Rule } from '../state/rule.ts'
import { NLM_F, RT_TABLE_COMPAT, RTM } from './constants.ts'
import { familyNumber } from './family.ts'
import type { Request } from './framing.ts'
import { Payload } from './payload.ts'
import { actionNumber, FIB_RULE_INVERT, FRA, RULE_HEADER } from './rule-attributes.ts'

/** `ip rule add`; EEXIST where an equal rule of the same protocol is there (without EXCL the kernel keeps duplicates). */
export const addRule = (rule: Rule): Request => ({
  type: RTM.NEWRULE,
  flags: NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL,
  payload: encodeRule(rule),
})

/**
 * `ip rule del` with the whole tuple; ENOENT where there is none. The kernel takes the *first* rule that has everything
 * that is said here: it can't say "no source", so a rule that says more, at the same priority, may go instead.
 */
export const deleteRule = (rule: Rule): Request => ({
  type: RTM.DELRULE,
  flags: NLM_F.ACK,
  payload: encodeRule(rule),
})

/** The body of RTM_NEWRULE or RTM_DELRULE for the rule, with everything that decodeRule reads. */
export function encodeRule(rule: Rule): Buffer {
  const payload = new Payload(RULE_HEADER)
  writeHeader(payload.header, rule)
  // Bytes that decodeRule kept beside the canonical prefix stand for it.
  const kept = (attribute: number) => rule.opaque?.some(({ type }) => type === attribute)
  if (!kept(FRA.DST)) writePrefix(payload, FRA.DST, rule.destination)
  if (!kept(FRA.SRC)) writePrefix(payload, FRA.SRC, rule.source)
  payload.u32(FRA.PRIORITY, rule.priority).u8(FRA.PROTOCOL, rule.protocol)
  writeAction(payload, rule)
  writeSelectors(payload, rule)
  for (const { type, hex } of rule.opaque ?? []) {
    payload.bytes(type, Buffer.from(hex, 'hex'))
  }
  return payload.finish()
}

function writeHeader(header: Buffer, rule: Rule): void {
  header[0] = familyNumber(rule.family)
  header[1] = rule.destination?.length ?? 0
  header[2] = rule.source?.length ?? 0
  header[3] = rule.tos ?? 0
  header[4] = rule.table < 256 ? rule.table : RT_TABLE_COMPAT
  header[7] = actionNumber(rule.action)
  header.writeUInt32LE(rule.invert ? FIB_RULE_INVERT : 0, 8)
}

function writePrefix(payload: Payload, type: number, prefix: Prefix | undefined): void {
  const bytes = prefix && parseAddress(prefix.address)
  if (bytes && prefix.length > 0) payload.bytes(type, bytes)
}

function writeAction(payload: Payload, rule: Rule): void {
  if (rule.table !== 0) payload.u32(FRA.TABLE, rule.table)
  if (rule.gotoPriority !== undefined) payload.u32(FRA.GOTO, rule.gotoPriority)
  if (rule.l3mdev) payload.u8(FRA.L3MDEV, 1)
  if (rule.suppressPrefixLength !== undefined) payload.u32(FRA.SUPPRESS_PREFIXLEN, rule.suppressPrefixLength)
  if (rule.suppressGroup !== undefined) payload.u32(FRA.SUPPRESS_IFGROUP, rule.suppressGroup)
}

function writeSelectors(payload: Payload, rule: Rule): void {
  if (rule.iif !== undefined) payload.text(FRA.IIFNAME, rule.iif)
  if (rule.oif !== undefined) payload.text(FRA.OIFNAME, rule.oif)
  if (rule.fwmark !== undefined || rule.fwmask !== undefined) {
    payload.u32(FRA.FWMARK, rule.fwmark ?? 0).u32(FRA.FWMASK, rule.fwmask ?? 0xffffffff)
  }
  if (rule.uidRange) payload.bytes(FRA.UID_RANGE, uids(rule.uidRange))
  if (rule.ipProto !== undefined) payload.u8(FRA.IP_PROTO, rule.ipProto)
  if (rule.sourcePort) payload.bytes(FRA.SPORT_RANGE, ports(rule.sourcePort))
  if (rule.destinationPort) payload.bytes(FRA.DPORT_RANGE, ports(rule.destinationPort))
}

const uids = ({ from, to }: NumberRange): Uint8Array => new Uint8Array(Uint32Array.of(from, to).buffer)
const ports = ({ from, to }: NumberRange): Uint8Array => new Uint8Array(Uint16Array.of(from, to).buffer)
