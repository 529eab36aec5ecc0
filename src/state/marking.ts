/** The nftables table of ours, family inet: it marks packets and connections, and does nothing else. */
export const markTableName = 'eni-routed'

/** The chains of our nftables table, each in one line of nft(8), in one spelling: equal tables have equal lines. */
export interface MarkTable {
  readonly chains: readonly string[]
}

/** A rule or chain of somebody else that reads or writes bits of the packet mark or of the connection mark. */
export interface MarkUse {
  /** Where it stands, as one would name it: `nftables rule in ip mangle PREROUTING`. */
  readonly where: string
  /** Bits that it compares or changes. */
  readonly bits: number
}

/** What was seen of netfilter, on a look that asked for it. */
export interface MarkingSight {
  readonly table?: MarkTable
  /** Why our table can't be read here, for people. */
  readonly unavailable?: {
    readonly problem: string
    readonly remedy: string
    /** It may well be there: this process may not look. */
    readonly blind: boolean
  }
  readonly uses: readonly MarkUse[]
  /** Those of iptables-legacy, where they may be read: a daemon that is not root sees none. */
  readonly legacyUses?: readonly MarkUse[]
}

/** Everything of the table that decides about packets. */
export const markTableKey = (table: MarkTable): string => `nft ${table.chains.join(' ')}`

/** The command that makes the table what it should be, whatever is there, in one transaction. */
export const markTableText = ({ chains }: MarkTable): string => {
  const table = `table inet ${markTableName}`
  return `${table}; delete ${table}; ${table} { ${chains.map((chain) => `${chain}; `).join('')}}`
}

export const hex = (bits: number): string => `0x${(bits >>> 0).toString(16)}`

/** Spreads the low bits of `value` over the one bits of `mask`, lowest first: 3 over 0xa0 is 0xa0. */
export function deposit(value: number, mask: number): number {
  let result = 0
  let rest = value
  for (const bit of bitsOf(mask)) {
    result += rest % 2 === 1 ? bit : 0
    rest = Math.floor(rest / 2)
  }
  return result
}

/** The inverse of `deposit`: gathers the bits of `mark` that lie in `mask`. */
export const gather = (mark: number, mask: number): number =>
  bitsOf(mask).reduce((sum, bit, i) => sum + ((mark & bit) === 0 ? 0 : 2 ** i), 0)

/** The one bits of a mask, each as a number, lowest first. */
export const bitsOf = (mask: number): number[] =>
  Array.from({ length: 32 }, (_, i) => 2 ** i).filter((bit) => (mask & bit) !== 0)
