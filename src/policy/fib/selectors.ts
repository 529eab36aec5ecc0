import { contains, formatPrefix, type Prefix } from '../../state/prefix.ts'
import type { NumberRange, OpaqueAttribute, Rule } from '../../state/rule.ts'
import type { Packet } from './packet.ts'
import type { Fib } from './picture.ts'

/** Why a rule does not select a packet, in the words of `ip rule`: it says `sport 443`, the packet has `50123`. */
export interface Miss {
  readonly selector: string
  readonly wants: string
  readonly has: string
}

/** The kernel compares these bits of a TOS alone, in IPv4 (INET_DSCP_LEGACY_TOS_MASK). */
const legacyTosBits = 0x1c
const dscpBits = 0xfc
const loopback = 1

/**
 * Attributes of rules that are kept as bytes (linux/fib_rules.h): those that select nothing (host bits of `to` and `from`,
 * realms) are of no account here. What is not named is taken to miss (tunnel ids): the packet has none of it.
 */
const FRA = { DSCP: 25, FLOWLABEL: 26, FLOWLABEL_MASK: 27, SPORT_MASK: 28, DPORT_MASK: 29, DSCP_MASK: 30 } as const
const harmless: ReadonlySet<number> = new Set([1, 2, 11, ...Object.values(FRA)])

/** The first selector of the rule that misses the packet; undefined where the rule selects it (fib_rule_match). */
export function missOf(rule: Rule, packet: Packet, fib: Fib): Miss | undefined {
  const miss = firstMiss(rule, packet, fib)
  if (!rule.invert) {
    return miss
  }
  return miss ? undefined : { selector: 'not', wants: 'any other packet', has: 'one that it names' }
}

function firstMiss(rule: Rule, packet: Packet, fib: Fib): Miss | undefined {
  return (
    byPrefix('from', rule.source, packet.source) ??
    byPrefix('to', rule.destination, packet.destination) ??
    byLink('iif', rule.iif, packet.iif ?? loopback, packet, fib) ??
    byLink('oif', rule.oif, packet.oif, packet, fib) ??
    byMark(rule, packet) ??
    byVrf(rule, packet, fib) ??
    byRange('uidrange', rule.uidRange, packet.uid) ??
    byTos(rule, packet) ??
    byNumber('ipproto', rule.ipProto, packet.ipProtocol) ??
    byPort('sport', rule.sourcePort, packet.sourcePort, numberIn(rule, FRA.SPORT_MASK)) ??
    byPort('dport', rule.destinationPort, packet.destinationPort, numberIn(rule, FRA.DPORT_MASK)) ??
    byDscp(rule, packet) ??
    byFlowLabel(rule) ??
    byUnknown(rule.opaque)
  )
}

const byPrefix = (selector: string, wanted: Prefix | undefined, address: string): Miss | undefined =>
  wanted && !contains(wanted, address) ? { selector, wants: formatPrefix(wanted), has: address } : undefined

/** A rule whose link is not there is detached, and misses. A VRF stands for the links that are enslaved to it. */
function byLink(
  selector: 'iif' | 'oif',
  wanted: string | undefined,
  index: number | undefined,
  packet: Packet,
  fib: Fib,
): Miss | undefined {
  if (wanted === undefined) {
    return undefined
  }
  const link = fib.picture.links.find(({ name, altnames }) => name === wanted || altnames.includes(wanted))
  const is = link?.vrfTable === undefined ? index : vrfOf(packet, fib)
  return link && link.index === is
    ? undefined
    : { selector, wants: wanted, has: index === undefined ? 'no link' : (fib.links.get(index)?.name ?? `if${index}`) }
}

function byMark({ fwmark, fwmask }: Rule, { mark }: Packet): Miss | undefined {
  if (fwmark === undefined || ((mark ^ fwmark) & (fwmask ?? 0xffffffff)) === 0) {
    return undefined
  }
  return { selector: 'fwmark', wants: hex(fwmark) + (fwmask === undefined ? '' : `/${hex(fwmask)}`), has: hex(mark) }
}

const byVrf = (rule: Rule, packet: Packet, fib: Fib): Miss | undefined =>
  rule.l3mdev && vrfTableOf(packet, fib) === undefined
    ? { selector: 'l3mdev', wants: 'a link of a VRF', has: 'none' }
    : undefined

function byTos(rule: Rule, packet: Packet): Miss | undefined {
  const tos = packet.tos & (packet.family === 4 ? legacyTosBits : dscpBits)
  return rule.tos !== undefined && rule.tos !== tos
    ? { selector: 'tos', wants: hex(rule.tos), has: hex(tos) }
    : undefined
}

const byNumber = (selector: string, wanted: number | undefined, value: number): Miss | undefined =>
  wanted !== undefined && wanted !== value ? { selector, wants: String(wanted), has: String(value) } : undefined

const byRange = (selector: string, wanted: NumberRange | undefined, value: number): Miss | undefined =>
  wanted && (value < wanted.from || value > wanted.to)
    ? { selector, wants: wanted.from === wanted.to ? `${wanted.from}` : `${wanted.from}-${wanted.to}`, has: `${value}` }
    : undefined

/** With a mask there is one port, and these bits of it count. */
const byPort = (
  selector: string,
  wanted: NumberRange | undefined,
  port: number,
  mask: number | undefined,
): Miss | undefined => {
  if (mask === undefined || wanted === undefined) return byRange(selector, wanted, port)
  return ((wanted.from ^ port) & mask) === 0
    ? undefined
    : { selector, wants: `${wanted.from}/${hex(mask)}`, has: String(port) }
}

/** Unlike `tos`, `dscp` compares all six bits, or those of its mask. */
function byDscp(rule: Rule, { tos }: Packet): Miss | undefined {
  const wanted = numberIn(rule, FRA.DSCP)
  const mask = numberIn(rule, FRA.DSCP_MASK) ?? 63
  const dscp = tos >> 2
  return wanted === undefined || ((wanted ^ dscp) & mask) === 0
    ? undefined
    : { selector: 'dscp', wants: String(wanted), has: String(dscp) }
}

/** Sockets have none unless they ask for one. */
function byFlowLabel(rule: Rule): Miss | undefined {
  const wanted = numberIn(rule, FRA.FLOWLABEL, 'network')
  const mask = numberIn(rule, FRA.FLOWLABEL_MASK, 'network') ?? 0xfffff
  return wanted === undefined || (wanted & mask) === 0
    ? undefined
    : { selector: 'flowlabel', wants: hex(wanted), has: 'none known' }
}

/** The number in an attribute that is kept as bytes; but for flow labels in the byte order of the machine. */
function numberIn(rule: Rule, type: number, order: 'host' | 'network' = 'host'): number | undefined {
  const bytes = rule.opaque?.find((attribute) => attribute.type === type)?.hex.match(/../g)
  return bytes ? Number.parseInt((order === 'host' ? bytes.toReversed() : bytes).join(''), 16) : undefined
}

function byUnknown(opaque: readonly OpaqueAttribute[] = []): Miss | undefined {
  const unknown = opaque.find(({ type }) => !harmless.has(type))
  return unknown && { selector: `attribute ${unknown.type}`, wants: `0x${unknown.hex}`, has: 'none known' }
}

/** Index of the VRF that the packet belongs to: by the link that its socket is bound to, or that it came in by. */
function vrfOf({ oif, iif, vrf }: Packet, { links }: Fib): number | undefined {
  if (vrf !== undefined) return vrf
  const link = links.get(oif ?? iif ?? 0)
  if (!link) return undefined
  if (link.vrfTable !== undefined) return link.index
  return link.slaveKind === 'vrf' ? link.master : undefined
}

/** The table of that VRF, which an `l3mdev` rule asks. */
export const vrfTableOf = (packet: Packet, fib: Fib): number | undefined =>
  fib.links.get(vrfOf(packet, fib) ?? 0)?.vrfTable

const hex = (value: number): string => `0x${value.toString(16)}`
