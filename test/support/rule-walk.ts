import { parseAddress } from '../../src/state/ip.ts'
import { type Rule, ruleKey, selectorKey } from '../../src/state/rule.ts'

/** Rules of one family as the kernel keeps them: by priority, and within one in the order in which they came. */
export type RuleList = readonly Rule[]

/** `ip rule add`, with NLM_F_EXCL. */
export function added(rules: RuleList, rule: Rule): RuleList {
  if (rules.some((present) => selectorKey(present) === selectorKey(rule))) {
    throw new Error(`EEXIST: ${selectorKey(rule)}`)
  }
  const at = rules.findIndex(({ priority }) => priority > rule.priority)
  return rules.toSpliced(at < 0 ? rules.length : at, 0, rule)
}

export function deleted(rules: RuleList, rule: Rule): RuleList {
  const at = rules.findIndex((present) => ruleKey(present) === ruleKey(rule))
  if (at < 0) {
    throw new Error(`ENOENT: ${ruleKey(rule)}`)
  }
  return rules.toSpliced(at, 1)
}

/** A packet, as far as rules tell it apart. */
export interface Packet {
  readonly source: string
  readonly oif?: string
}

/** What a packet meets. */
export interface Walk {
  /** Tables that are asked, in order, as if none had a route. */
  readonly tables: readonly number[]
  /** Rules that were looked at: what the packet pays. */
  readonly steps: number
}

/** The kernel's walk (fib_rules.c, fib_rules_lookup): a goto leads to the first rule of a priority, or on where there is none. */
export function walk(rules: RuleList, { source, oif }: Packet): Walk {
  const tables: number[] = []
  const bits = bitsOf(source)
  let steps = 0
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i] as Rule
    steps++
    const selected = bits.startsWith(sourceBits(rule)) && (!rule.oif || rule.oif === oif)
    if (!selected) {
      continue
    }
    if (rule.action === 'lookup') {
      tables.push(rule.table)
    } else if (rule.action === 'goto') {
      const target = rules.findIndex(({ priority }) => priority === rule.gotoPriority)
      i = target < 0 ? i : target - 1
    }
  }
  return { tables, steps }
}

const known = new WeakMap<Rule, string>()

function sourceBits(rule: Rule): string {
  const bits = known.get(rule) ?? (rule.source ? bitsOf(rule.source.address).slice(0, rule.source.length) : '')
  known.set(rule, bits)
  return bits
}

const bitsOf = (address: string): string =>
  Array.from(parseAddress(address) as Uint8Array, (byte) => byte.toString(2).padStart(8, '0')).join('')
