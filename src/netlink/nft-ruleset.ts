import type { NftChain, NftFamily, NftRule, SetElement } from '../state/netfilter.ts'
import { Attributes } from './attributes.ts'
import { dataIn, expressionsIn } from './nft-expression.ts'
import { NFT_HEADER } from './nftables.ts'
import { Payload } from './payload.ts'

/** linux/netfilter/nf_tables.h; numbers are big-endian there. */
const NFTA_CHAIN = { TABLE: 1, NAME: 3, HOOK: 4, TYPE: 7 } as const
const NFTA_HOOK = { NUMBER: 1, PRIORITY: 2 } as const
const NFTA_RULE = { TABLE: 1, CHAIN: 2, HANDLE: 3, EXPRESSIONS: 4 } as const
const NFTA_SET = { TABLE: 1, NAME: 2, FLAGS: 3, DESC: 9 } as const
const NFTA_SET_DESC_CONCAT = 2
const NFTA_SET_FIELD_LEN = 1
const NFT_SET_INTERVAL = 4
const NFTA_SET_ELEM_LIST = { TABLE: 1, SET: 2, ELEMENTS: 3 } as const
const NFTA_SET_ELEM = { KEY: 1, DATA: 2, FLAGS: 3, KEY_END: 10 } as const
const NFT_SET_ELEM = { INTERVAL_END: 1 } as const

const families: Readonly<Record<number, NftFamily>> = { 1: 'inet', 2: 'ip', 10: 'ip6' }
const numbers: Readonly<Record<NftFamily, number>> = { inet: 1, ip: 2, ip6: 10 }

const u32 = (attribute: Attributes): number => (attribute.length >= 4 ? attribute.bytes().readUInt32BE() : 0)

/** The chain in the body of NFT_MSG_NEWCHAIN; undefined for one of a family that no IP packet passes. */
export function decodeChain(payload: Buffer): NftChain | undefined {
  const family = families[payload[0] ?? 0]
  const chain = { table: '', name: '', type: '', number: 0, priority: 0, hooked: false }
  const attributes = new Attributes(payload, NFT_HEADER)
  while (attributes.next()) {
    if (attributes.type === NFTA_CHAIN.TABLE) chain.table = attributes.text()
    if (attributes.type === NFTA_CHAIN.NAME) chain.name = attributes.text()
    if (attributes.type === NFTA_CHAIN.TYPE) chain.type = attributes.text()
    if (attributes.type === NFTA_CHAIN.HOOK) {
      chain.hooked = true
      attributes.nested((part) => {
        if (part.type === NFTA_HOOK.NUMBER) chain.number = u32(part)
        if (part.type === NFTA_HOOK.PRIORITY) chain.priority = u32(part) | 0
      })
    }
  }
  const { table, name, type, number, priority, hooked } = chain
  return family && { family, table, name, ...(hooked ? { hook: { number, priority, type } } : {}) }
}

/** The rule in the body of NFT_MSG_NEWRULE; undefined as above. */
export function decodeNftRule(payload: Buffer): NftRule | undefined {
  const family = families[payload[0] ?? 0]
  const rule: { -readonly [Key in keyof Omit<NftRule, 'family'>]: NftRule[Key] } = {
    table: '',
    chain: '',
    handle: 0,
    expressions: [],
  }
  const attributes = new Attributes(payload, NFT_HEADER)
  while (family && attributes.next()) {
    if (attributes.type === NFTA_RULE.TABLE) rule.table = attributes.text()
    if (attributes.type === NFTA_RULE.CHAIN) rule.chain = attributes.text()
    if (attributes.type === NFTA_RULE.HANDLE && attributes.length >= 8) {
      rule.handle = Number(attributes.bytes().readBigUInt64BE())
    }
    if (attributes.type === NFTA_RULE.EXPRESSIONS) rule.expressions = expressionsIn(attributes)
  }
  return family && { family, ...rule }
}

/** A set without its elements. */
export interface SetHead {
  readonly family: NftFamily
  readonly table: string
  readonly name: string
  readonly interval: boolean
  readonly fields: readonly number[]
}

export function decodeSet(payload: Buffer): SetHead | undefined {
  const family = families[payload[0] ?? 0]
  const set = { table: '', name: '', interval: false, fields: [] as number[] }
  const attributes = new Attributes(payload, NFT_HEADER)
  while (attributes.next()) {
    if (attributes.type === NFTA_SET.TABLE) set.table = attributes.text()
    if (attributes.type === NFTA_SET.NAME) set.name = attributes.text()
    if (attributes.type === NFTA_SET.FLAGS) set.interval = (u32(attributes) & NFT_SET_INTERVAL) !== 0
    if (attributes.type === NFTA_SET.DESC) attributes.nested((part) => fieldsIn(part, set.fields))
  }
  return family && { family, ...set }
}

function fieldsIn(part: Attributes, fields: number[]): void {
  if (part.type !== NFTA_SET_DESC_CONCAT) {
    return
  }
  part.nested((element) =>
    element.nested((field) => {
      if (field.type === NFTA_SET_FIELD_LEN) fields.push(u32(field))
    }),
  )
}

/** The body of a request for the elements of a set. */
export function elementDumpPayload({ family, table, name }: Pick<SetHead, 'family' | 'table' | 'name'>): Buffer {
  const payload = new Payload(NFT_HEADER)
  payload.header[0] = numbers[family]
  return payload.text(NFTA_SET_ELEM_LIST.TABLE, table).text(NFTA_SET_ELEM_LIST.SET, name).finish()
}

/** The elements in the body of NFT_MSG_NEWSETELEM. */
export function decodeElements(payload: Buffer): SetElement[] {
  const elements: SetElement[] = []
  const attributes = new Attributes(payload, NFT_HEADER)
  while (attributes.next()) {
    if (attributes.type === NFTA_SET_ELEM_LIST.ELEMENTS) {
      attributes.nested((element) => elements.push(elementIn(element)))
    }
  }
  return elements
}

function elementIn(nest: Attributes): SetElement {
  const element: { -readonly [Key in keyof SetElement]: SetElement[Key] } = { end: false }
  nest.nested((part) => {
    if (part.type === NFTA_SET_ELEM.KEY) Object.assign(element, named('key', dataIn(part).value))
    if (part.type === NFTA_SET_ELEM.KEY_END) Object.assign(element, named('last', dataIn(part).value))
    if (part.type === NFTA_SET_ELEM.DATA) Object.assign(element, dataIn(part))
    if (part.type === NFTA_SET_ELEM.FLAGS) element.end = (u32(part) & NFT_SET_ELEM.INTERVAL_END) !== 0
  })
  return element
}

const named = (name: 'key' | 'last', value: Uint8Array | undefined) => (value ? { [name]: value } : {})
