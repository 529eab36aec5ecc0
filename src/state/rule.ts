import { type Family, formatAddress } from './ip.ts'
import { linkWord } from './link.ts'
import { formatPrefix, type Prefix } from './prefix.ts'
import { tableName } from './route.ts'

/** Rule actions of linux/fib_rules.h that `ip rule` can type; anything newer is kept by its number. */
export type RuleAction = 'lookup' | 'goto' | 'nop' | 'blackhole' | 'unreachable' | 'prohibit' | `action-${number}`

/** A selector that this program does not know, kept byte for byte so that the rule can still be told apart and deleted. */
export interface OpaqueAttribute {
  readonly type: number
  readonly hex: string
}

export interface NumberRange {
  readonly from: number
  readonly to: number
}

/** A policy rule, as RTM_NEWRULE tells it. An absent selector matches everything. */
export interface Rule {
  readonly family: Family
  readonly priority: number
  readonly action: RuleAction
  /** 0 for an action other than lookup. */
  readonly table: number
  readonly protocol: number
  readonly source?: Prefix
  readonly destination?: Prefix
  readonly iif?: string
  readonly oif?: string
  readonly tos?: number
  readonly fwmark?: number
  readonly fwmask?: number
  readonly invert?: true
  /** Routes of this prefix length or shorter that the rule finds are passed over. */
  readonly suppressPrefixLength?: number
  /** Routes through links of this group that the rule finds are passed over. */
  readonly suppressGroup?: number
  readonly gotoPriority?: number
  readonly l3mdev?: true
  readonly uidRange?: NumberRange
  readonly ipProto?: number
  readonly sourcePort?: NumberRange
  readonly destinationPort?: NumberRange
  readonly opaque?: readonly OpaqueAttribute[]
}

/** Equal in everything. */
export const ruleKey = (rule: Rule): string => `${ruleMeaning(rule)} proto ${rule.protocol}`

/** Equal in what the rule does to packets, whoever owns it. */
export function ruleMeaning(rule: Rule): string {
  let words = selectorWords(rule)
  if (rule.invert) words += ' not'
  if (rule.gotoPriority !== undefined) words += ` goto ${rule.gotoPriority}`
  return words
}

/**
 * Equal in all that the kernel tells rules apart by: two rules with one such key can't both be there. It overlooks where a
 * goto leads, and `not` (fib_rules.c, rule_exists).
 */
export const selectorKey = (rule: Rule): string => `${selectorWords(rule)} proto ${rule.protocol}`

/** What is there alone, each with its name: a list of all fields takes three times as long, with thousands of rules. */
function selectorWords(rule: Rule): string {
  const { source, destination, opaque } = rule
  let words = `${rule.family} ${rule.priority} ${rule.action} ${rule.table}`
  if (source) words += ` from ${source.address}/${source.length}`
  if (destination) words += ` to ${destination.address}/${destination.length}`
  // A rule may name any text for a link.
  if (rule.iif !== undefined) words += ` iif ${JSON.stringify(rule.iif)}`
  if (rule.oif !== undefined) words += ` oif ${JSON.stringify(rule.oif)}`
  if (rule.tos !== undefined) words += ` tos ${rule.tos}`
  if (rule.fwmark !== undefined) words += ` mark ${rule.fwmark}`
  if (rule.fwmask !== undefined) words += ` mask ${rule.fwmask}`
  if (rule.suppressPrefixLength !== undefined) words += ` length ${rule.suppressPrefixLength}`
  if (rule.suppressGroup !== undefined) words += ` group ${rule.suppressGroup}`
  if (rule.l3mdev) words += ' l3mdev'
  if (rule.uidRange) words += ` uid ${range(rule.uidRange)}`
  if (rule.ipProto !== undefined) words += ` ipproto ${rule.ipProto}`
  if (rule.sourcePort) words += ` sport ${range(rule.sourcePort)}`
  if (rule.destinationPort) words += ` dport ${range(rule.destinationPort)}`
  if (opaque) words += ` ${opaque.map(({ type, hex }) => `${type}=${hex}`).join(',')}`
  return words
}

const range = ({ from, to }: NumberRange): string => `${from}-${to}`

/** FRA_DST and FRA_SRC of linux/fib_rules.h: kept as opaque attributes where a selector was typed with host bits. */
const typed = { destination: 1, source: 2 } as const

/** The rule selects by something that this program does not know; the bytes of a prefix with host bits are no such thing. */
export const isMysterious = ({ opaque = [] }: Rule): boolean =>
  opaque.some(({ type }) => type !== typed.source && type !== typed.destination)

/** A selector as it was typed, `172.31.0.218/24`: a deletion has to say the same address, host bits and all. */
function selectorText(rule: Rule, which: 'source' | 'destination'): string | undefined {
  const prefix = rule[which]
  const hex = rule.opaque?.find(({ type }) => type === typed[which])?.hex
  const address =
    hex === undefined
      ? prefix?.address
      : formatAddress(Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)))
  return prefix && formatPrefix({ address: address as string, length: prefix.length })
}

/** The rule as one would type it after `ip rule add`, without the command. */
export function formatRule(rule: Rule): string {
  const hex = (value: number) => `0x${value.toString(16)}`
  const words: (string | number)[] = []
  if (rule.invert) words.push('not')
  words.push('priority', rule.priority)
  words.push('from', selectorText(rule, 'source') ?? 'all')
  if (rule.destination) words.push('to', selectorText(rule, 'destination') as string)
  if (rule.tos !== undefined) words.push('tos', hex(rule.tos))
  if (rule.fwmark !== undefined) {
    words.push('fwmark', hex(rule.fwmark) + (rule.fwmask === undefined ? '' : `/${hex(rule.fwmask)}`))
  }
  if (rule.iif) words.push('iif', linkWord(rule.iif))
  if (rule.oif) words.push('oif', linkWord(rule.oif))
  if (rule.uidRange) words.push('uidrange', range(rule.uidRange))
  if (rule.ipProto !== undefined) words.push('ipproto', rule.ipProto)
  if (rule.sourcePort) words.push('sport', range(rule.sourcePort))
  if (rule.destinationPort) words.push('dport', range(rule.destinationPort))
  words.push(...actionWords(rule))
  if (rule.suppressPrefixLength !== undefined) words.push('suppress_prefixlength', rule.suppressPrefixLength)
  if (rule.suppressGroup !== undefined) words.push('suppress_ifgroup', rule.suppressGroup)
  if (rule.protocol !== 0) words.push('protocol', rule.protocol)
  return words.join(' ')
}

function actionWords(rule: Rule): (string | number)[] {
  if (rule.l3mdev) return ['l3mdev']
  if (rule.action === 'lookup') return ['lookup', tableName(rule.table)]
  if (rule.action === 'goto') return ['goto', rule.gotoPriority ?? 0]
  return [rule.action]
}
