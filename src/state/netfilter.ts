/** nftables as the kernel has it, also what iptables-nft wrote: chains, and rules as expressions over registers. */

/** A base chain has a hook; the others are jumped to. */
export interface NftChain {
  readonly family: NftFamily
  readonly table: string
  readonly name: string
  readonly hook?: { readonly number: number; readonly priority: number; readonly type: string }
}

export type NftFamily = 'ip' | 'ip6' | 'inet'

/** NF_INET_PRE_ROUTING (linux/netfilter.h). */
export const preRouting = 0

export interface NftRule {
  readonly family: NftFamily
  readonly table: string
  readonly chain: string
  /** As `nft --handle list chain` shows it. */
  readonly handle: number
  readonly expressions: readonly Expression[]
}

/** A set or map with its elements. */
export interface NftSet {
  /** Elements are the beginnings and ends of intervals, in the order of their keys. */
  readonly interval: boolean
  readonly elements: readonly SetElement[]
  /** Bytes of the parts of a concatenated key; each is padded to a multiple of four. */
  readonly fields: readonly number[]
}

export interface SetElement {
  /** undefined: every other key. */
  readonly key?: Uint8Array
  /** Last key, of a range of concatenated ones. */
  readonly last?: Uint8Array
  /** The first key after an interval. */
  readonly end: boolean
  readonly value?: Uint8Array
  readonly verdict?: Verdict
}

export interface Verdict {
  readonly code: 'drop' | 'accept' | 'continue' | 'break' | 'jump' | 'goto' | 'return' | 'other'
  readonly chain?: string
}

/** Registers are named by the byte at which they begin. */
export type Expression =
  | { readonly kind: 'load'; readonly to: number; readonly what: Loadable }
  | { readonly kind: 'compare'; readonly from: number; readonly operator: Operator; readonly value: Uint8Array }
  | {
      readonly kind: 'range'
      readonly from: number
      readonly inverted: boolean
      readonly least: Uint8Array
      readonly most: Uint8Array
    }
  | {
      readonly kind: 'bitwise'
      readonly from: number
      readonly to: number
      readonly mask: Uint8Array
      readonly xor: Uint8Array
    }
  | {
      readonly kind: 'swap'
      readonly from: number
      readonly to: number
      readonly length: number
      readonly size: number
    }
  | {
      readonly kind: 'lookup'
      readonly from: number
      readonly to?: number
      /** A map of verdicts: what it finds is done. */
      readonly decides: boolean
      readonly set: string
      readonly inverted: boolean
    }
  | { readonly kind: 'constant'; readonly to: number; readonly value: Uint8Array }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'mark'; readonly from: number }
  | {
      readonly kind: 'redirect'
      /** Registers; without `address` the address stays, or (`toLink`) becomes that of the link it came in by. */
      readonly address?: number
      readonly lastAddress?: number
      readonly port?: number
      readonly lastPort?: number
      readonly toLink: boolean
    }
  /** A match or target of iptables, with the struct that it is configured by. */
  | {
      readonly kind: 'xt'
      readonly part: 'match' | 'target'
      readonly name: string
      readonly revision: number
      readonly info: Buffer
    }
  /** Counts, logs, and the like: decides nothing here. */
  | { readonly kind: 'aside' }
  | { readonly kind: 'unknown'; readonly name: string }

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>='

export type Loadable =
  | { readonly from: 'meta'; readonly key: string }
  | { readonly from: 'ct'; readonly key: string }
  | { readonly from: 'payload'; readonly base: number; readonly offset: number; readonly length: number }
  | { readonly from: 'fib'; readonly result: number; readonly flags: number }
  | { readonly from: 'elsewhere'; readonly name: string }

/** Everything that may redirect packets. */
export interface NftRuleset {
  readonly chains: readonly NftChain[]
  readonly rules: readonly NftRule[]
  /** Read when it is asked for; undefined where it is not there. */
  set(family: NftFamily, table: string, name: string): NftSet | undefined
}

/** What could be read of the rules that redirect packets, and what could not. */
export interface NftSight {
  readonly ruleset?: NftRuleset
  readonly unread: readonly string[]
}
