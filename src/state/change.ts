import { type Address, addressKey, formatLinkAddress } from './address.ts'
import { ipCommand } from './ip.ts'
import { type Link, linkWord } from './link.ts'
import { type MarkTable, markTableKey, markTableName, markTableText } from './marking.ts'
import { formatRoute, type Route, routeIdentity } from './route.ts'
import { formatRule, type Rule, ruleKey } from './rule.ts'

/** Why a change is made, in words for the audit: `new address 172.31.0.218`, `deleted by others`, … */
export type Cause = string

/** One correction of the kernel, as plain data. */
export type Change =
  | { readonly op: 'add' | 'delete'; readonly kind: 'rule'; readonly rule: Rule; readonly cause: Cause }
  | { readonly op: 'add' | 'replace' | 'delete'; readonly kind: 'route'; readonly route: Route; readonly cause: Cause }
  | {
      readonly op: 'set' | 'reset'
      readonly kind: 'link'
      readonly link: Link
      readonly group: number
      readonly cause: Cause
    }
  | { readonly op: 'set'; readonly kind: 'up'; readonly link: Link; readonly cause: Cause }
  | { readonly op: 'add' | 'delete'; readonly kind: 'address'; readonly address: Address; readonly cause: Cause }
  | {
      readonly op: 'set' | 'reset'
      readonly kind: 'src_valid_mark'
      readonly link: Link
      readonly value: number
      readonly cause: Cause
    }
  | {
      readonly op: 'add' | 'replace' | 'delete'
      readonly kind: 'nft'
      readonly table: MarkTable
      readonly cause: Cause
    }

/** Names the object that a change is about: a rule, a route, an address, a link's group or state, in every detail. */
export function objectKey(change: Change): string {
  switch (change.kind) {
    case 'rule':
      return ruleKey(change.rule)
    case 'route':
      return routeIdentity(change.route)
    case 'link':
      return groupKey(change.link.index, change.group)
    case 'up':
      return linkUpKey(change.link.index)
    case 'address':
      return addressKey(change.address)
    case 'src_valid_mark':
      return srcValidMarkKey(change.link.index, change.value)
    case 'nft':
      return markTableKey(change.table)
  }
}

export const linkUpKey = (linkIndex: number): string => `link ${linkIndex} up`

export const srcValidMarkKey = (linkIndex: number, value: number): string => `link ${linkIndex} src_valid_mark ${value}`

export const groupKey = (linkIndex: number, group: number): string => `link ${linkIndex} group ${group}`

/** A change that does the same again has the same key. */
export const changeKey = (change: Change): string => `${change.op} ${objectKey(change)}`

/** The `ip`, `sysctl` or `nft` command that a person would type for the change. */
export function formatChange(change: Change, linkName: (index: number) => string): string {
  switch (change.kind) {
    case 'rule':
      return `${ipCommand(change.rule)} rule ${change.op === 'add' ? 'add' : 'del'} ${formatRule(change.rule)}`
    case 'route': {
      const op = change.op === 'delete' ? 'del' : change.op
      return `${ipCommand(change.route)} route ${op} ${formatRoute(change.route, linkName)}`
    }
    case 'link':
      return `ip link set dev ${linkWord(change.link.name)} group ${change.group}`
    case 'up':
      return `ip link set dev ${linkWord(change.link.name)} up`
    case 'address':
      return change.op === 'add'
        ? `ip address add ${formatLinkAddress(change.address, linkName)}`
        : `ip address del ${change.address.address}/${change.address.onLink.length} dev ${linkWord(linkName(change.address.linkIndex))}`
    case 'src_valid_mark':
      return `sysctl -w ${sysctlKey(change.link.name)}=${change.value}`
    case 'nft':
      return `nft ${change.op === 'delete' ? `delete table inet ${markTableName}` : `'${markTableText(change.table)}'`}`
  }
}

/** Slashes where a dot is part of the link's name (sysctl.d(5)). */
const sysctlKey = (name: string): string =>
  /^[\w-]+$/.test(name) ? `net.ipv4.conf.${name}.src_valid_mark` : `net/ipv4/conf/${linkWord(name)}/src_valid_mark`

/** What becomes of the object, in the audit's words and the metrics'. */
export const actionOf = ({ op }: Change): 'add' | 'replace' | 'delete' =>
  op === 'set' || op === 'reset' ? 'replace' : op

/** Does the change take something away (`- ` in a plan), or put something there (`+ `)? */
export const takesAway = (change: Change): boolean => change.op === 'delete' || change.op === 'reset'
