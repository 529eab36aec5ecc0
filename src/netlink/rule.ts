import { addressBits, type Family } from '../state/ip.ts'
import type { NumberRange, OpaqueAttribute, Rule } from '../state/rule.ts'
import { Attributes } from './attributes.ts'
import { familyFrom, familyNumber } from './family.ts'
import { addressBytes, hasHostBits, prefixOf } from './prefix.ts'
import { actionName, FIB_RULE_INVERT, FRA, RULE_HEADER } from './rule-attributes.ts'

const EVERY_BIT = 0xffffffff
/** The kernel's -1 for a suppressor that is not set. */
const UNSET = 0xffffffff

type Draft = { -readonly [Key in keyof Rule]: Rule[Key] } & { opaque?: OpaqueAttribute[] }

/** The rule in the body of RTM_NEWRULE or RTM_DELRULE; undefined where it can't be understood. */
export function decodeRule(payload: Buffer): Rule | undefined {
  const family = familyFrom(payload[0])
  if (!family || payload.length < RULE_HEADER || !lengthsFit(payload, addressBits(family))) {
    return undefined
  }
  const draft = fromHeader(payload, family)
  const attributes = new Attributes(payload, RULE_HEADER)
  while (attributes.next()) {
    const field = fields[attributes.type] ?? keepOpaque
    field(draft, attributes)
  }
  return attributes.malformed ? undefined : canonical(draft)
}

const lengthsFit = (payload: Buffer, bits: number): boolean =>
  (payload[1] as number) <= bits && (payload[2] as number) <= bits

function fromHeader(payload: Buffer, family: Family): Draft {
  const [destinationLength, sourceLength, tos] = [payload[1], payload[2], payload[3]]
  const draft: Draft = {
    family,
    priority: 0,
    action: actionName(payload[7] as number),
    table: payload[4] as number,
    protocol: 0,
  }
  if (destinationLength) draft.destination = prefixOf(undefined, destinationLength, family)
  if (sourceLength) draft.source = prefixOf(undefined, sourceLength, family)
  if (tos) draft.tos = tos
  if (payload.readUInt32LE(8) & FIB_RULE_INVERT) draft.invert = true
  return draft
}

const fields: Readonly<Record<number, (draft: Draft, value: Attributes) => void>> = {
  [FRA.DST]: (draft, value) => readSelector(draft, 'destination', value),
  [FRA.SRC]: (draft, value) => readSelector(draft, 'source', value),
  [FRA.IIFNAME]: (draft, value) => {
    draft.iif = value.text()
  },
  [FRA.OIFNAME]: (draft, value) => {
    draft.oif = value.text()
  },
  [FRA.GOTO]: (draft, value) => {
    draft.gotoPriority = value.u32()
  },
  [FRA.PRIORITY]: (draft, value) => {
    draft.priority = value.u32()
  },
  [FRA.FWMARK]: (draft, value) => {
    draft.fwmark = value.u32()
  },
  [FRA.FWMASK]: (draft, value) => {
    draft.fwmask = value.u32()
  },
  [FRA.TABLE]: (draft, value) => {
    draft.table = value.u32()
  },
  [FRA.SUPPRESS_PREFIXLEN]: (draft, value) => {
    const length = value.u32()
    if (length !== UNSET) draft.suppressPrefixLength = length
  },
  [FRA.SUPPRESS_IFGROUP]: (draft, value) => {
    const group = value.u32()
    if (group !== UNSET) draft.suppressGroup = group
  },
  [FRA.L3MDEV]: (draft, value) => {
    if (value.u8() !== 0) draft.l3mdev = true
  },
  [FRA.UID_RANGE]: (draft, value) => {
    draft.uidRange = { from: value.u32(), to: value.u32(4) }
  },
  [FRA.PROTOCOL]: (draft, value) => {
    draft.protocol = value.u8()
  },
  [FRA.IP_PROTO]: (draft, value) => {
    draft.ipProto = value.u8()
  },
  [FRA.SPORT_RANGE]: (draft, value) => {
    draft.sourcePort = readPorts(value)
  },
  [FRA.DPORT_RANGE]: (draft, value) => {
    draft.destinationPort = readPorts(value)
  },
  [FRA.SPORT_MASK]: keepPartialPortMask,
  [FRA.DPORT_MASK]: keepPartialPortMask,
  [FRA.PAD]: () => {},
}

/**
 * The kernel compares a selector's address as it was typed when a rule is deleted, host bits and all: where it has
 * such bits, the bytes are kept beside the canonical prefix.
 */
function readSelector(draft: Draft, which: 'source' | 'destination', value: Attributes): void {
  const bytes = value.exactly(addressBytes(draft.family))
  const length = draft[which]?.length
  if (!bytes || length === undefined) {
    return
  }
  draft[which] = prefixOf(bytes, length, draft.family)
  if (hasHostBits(bytes, length)) keepOpaque(draft, value)
}

const readPorts = (value: Attributes): NumberRange => ({ from: value.u16(), to: value.u16(2) })

/** The kernel adds a full mask to every single port by itself: only another one says something. */
function keepPartialPortMask(draft: Draft, value: Attributes): void {
  if (value.u16() !== 0xffff) keepOpaque(draft, value)
}

function keepOpaque(draft: Draft, value: Attributes): void {
  draft.opaque ??= []
  draft.opaque.push({ type: value.type, hex: value.bytes().toString('hex') })
}

/** One spelling for one rule: a mask of ones is no mask, a mask alone is mark 0, and only a lookup has a table. */
function canonical(draft: Draft): Rule {
  if (draft.fwmask !== undefined) draft.fwmark ??= 0
  if (draft.fwmask === EVERY_BIT) delete draft.fwmask
  if (draft.action !== 'lookup') draft.table = 0
  return draft
}

/** The body of a request for all rules of the family. */
export function ruleDumpPayload(family: Family): Buffer {
  const payload = Buffer.alloc(RULE_HEADER)
  payload[0] = familyNumber(family)
  return payload
}
