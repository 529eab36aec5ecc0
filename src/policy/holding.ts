import type { Family } from '../state/ip.ts'
import type { Prefix } from '../state/prefix.ts'
import type { Rule } from '../state/rule.ts'

/** What one ENI has in one family, as far as rules need it. */
export interface Holding {
  readonly family: Family
  readonly link: string
  readonly table: number
  /** Addresses, and prefixes that the VPC delegates to the ENI. */
  readonly sources: readonly Prefix[]
}

/** A rule that should be there, and why, for people. */
export interface WantedRule {
  readonly rule: Rule
  readonly why: string
}
