import { Attributes } from './attributes.ts'
import { NFT_HEADER } from './nftables.ts'
import { bitsTouched, type XtPart } from './xt-mark.ts'

/** linux/netfilter/nf_tables.h */
const NFTA_RULE = { TABLE: 1, CHAIN: 2, EXPRESSIONS: 4 } as const
const NFTA_EXPR = { NAME: 1, DATA: 2 } as const
const NFTA_META = { DREG: 1, KEY: 2, SREG: 3 } as const
const NFTA_CT = { DREG: 1, KEY: 2, SREG: 4 } as const
const NFTA_BITWISE = { SREG: 1, DREG: 2, MASK: 4, XOR: 5, OPERATION: 6 } as const
/** The others shift, or take a second register: what becomes of the bits is not followed. */
const NFT_BITWISE_MASK_XOR = 0
const NFTA_IMMEDIATE_DREG = 1
const NFTA_SREG = { cmp: 1, range: 1 } as const
const NFTA_XT = { NAME: 1, REVISION: 2, INFO: 3 } as const
/** NFT_META_MARK and NFT_CT_MARK happen to be the same number. */
const MARK = 3
const EVERY_BIT = 0xffffffff
const families: Readonly<Record<number, string>> = { 1: 'inet', 2: 'ip', 3: 'arp', 5: 'netdev', 7: 'bridge', 10: 'ip6' }

/** A rule of nftables that reads or writes marks. */
export interface NftMarkUse {
  readonly family: string
  readonly table: string
  readonly chain: string
  readonly bits: number
}

/** What a register holds, where it comes from a mark: the bits that are left of it, and those that were changed. */
interface Held {
  readonly from: 'meta' | 'ct'
  readonly left: number
  readonly changed: number
}

/**
 * The bits of packet and connection marks that the rule in the body of NFT_MSG_NEWRULE compares or changes; undefined for
 * a rule without any. libnftables would hide those of iptables-nft: it prints no foreign extension. In doubt, more bits.
 */
export function decodeMarkUse(payload: Buffer): NftMarkUse | undefined {
  const rule = { table: '', chain: '', bits: 0 }
  const attributes = new Attributes(payload, NFT_HEADER)
  while (attributes.next()) {
    if (attributes.type === NFTA_RULE.TABLE) rule.table = attributes.text()
    if (attributes.type === NFTA_RULE.CHAIN) rule.chain = attributes.text()
    if (attributes.type === NFTA_RULE.EXPRESSIONS) rule.bits = bitsOfExpressions(attributes)
  }
  const family = families[payload[0] ?? 0] ?? `family ${payload[0]}`
  return rule.bits === 0 ? undefined : { family, ...rule }
}

function bitsOfExpressions(list: Attributes): number {
  const registers = new Map<number, Held>()
  let bits = 0
  list.nested((element) => {
    const { name, data } = expressionIn(element)
    bits |= expressions[name]?.(data, registers) ?? 0
  })
  return bits >>> 0
}

/** Attributes of an expression: numbers as the kernel sends them, big-endian, and bytes. */
type Values = ReadonlyMap<number, Buffer>

function expressionIn(element: Attributes): { name: string; data: Values } {
  let name = ''
  const data = new Map<number, Buffer>()
  element.nested((part) => {
    if (part.type === NFTA_EXPR.NAME) name = part.text()
    if (part.type === NFTA_EXPR.DATA) part.nested((value) => data.set(value.type, value.bytes()))
  })
  return { name, data }
}

type Reader = (data: Values, registers: Map<number, Held>) => number

const expressions: Readonly<Record<string, Reader>> = {
  meta: (data, registers) => markAccess('meta', NFTA_META, data, registers),
  ct: (data, registers) => markAccess('ct', NFTA_CT, data, registers),
  bitwise: (data, registers) => {
    const held = registers.get(number(data, NFTA_BITWISE.SREG))
    const mask = constant(data, NFTA_BITWISE.MASK, EVERY_BIT)
    if (held) {
      const known = number(data, NFTA_BITWISE.OPERATION) === NFT_BITWISE_MASK_XOR
      const changed = known ? (held.changed | ~mask | constant(data, NFTA_BITWISE.XOR, 0)) >>> 0 : EVERY_BIT
      registers.set(number(data, NFTA_BITWISE.DREG), { ...held, left: (held.left & mask) >>> 0, changed })
    }
    return 0
  },
  cmp: (data, registers) => registers.get(number(data, NFTA_SREG.cmp))?.left ?? 0,
  range: (data, registers) => registers.get(number(data, NFTA_SREG.range))?.left ?? 0,
  immediate: (data, registers) => {
    registers.delete(number(data, NFTA_IMMEDIATE_DREG))
    return 0
  },
  // A mark may be any part of a concatenation that is looked up.
  lookup: (_, registers) => [...registers.values()].reduce((bits, { left }) => bits | left, 0),
  match: (data) => xt('match', data),
  target: (data) => xt('target', data),
}

/** `meta` and `ct` load a mark into a register, or set it from one. */
function markAccess(
  from: 'meta' | 'ct',
  attribute: { readonly DREG: number; readonly KEY: number; readonly SREG: number },
  data: Values,
  registers: Map<number, Held>,
): number {
  const isMark = number(data, attribute.KEY) === MARK
  if (data.has(attribute.SREG)) {
    const held = registers.get(number(data, attribute.SREG))
    return isMark ? (held?.from === from ? held.changed : EVERY_BIT) : 0
  }
  const register = number(data, attribute.DREG)
  registers.delete(register)
  if (isMark) {
    registers.set(register, { from, left: EVERY_BIT, changed: 0 })
  }
  return 0
}

function number(data: Values, type: number): number {
  const value = data.get(type)
  return value && value.length >= 4 ? value.readUInt32BE() : 0
}

/** A constant beside a mark: NFTA_DATA_VALUE in a nest, in the byte order of the machine. */
function constant(data: Values, type: number, otherwise: number): number {
  const value = data.get(type)
  return value && value.length >= 8 ? value.readUInt32LE(4) : otherwise
}

function xt(kind: XtPart['kind'], data: Values): number {
  const name = data.get(NFTA_XT.NAME)?.toString('latin1').split('\0')[0] ?? ''
  return bitsTouched({
    kind,
    name,
    revision: number(data, NFTA_XT.REVISION),
    info: data.get(NFTA_XT.INFO) ?? Buffer.alloc(0),
  })
}
