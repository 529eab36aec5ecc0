import { type Rule, ruleKey } from '../state/rule.ts'
import type { WantedRule } from './holding.ts'
import { between } from './kept.ts'

/** What is wanted and what was seen under one key. */
interface Entry {
  readonly key: string
  wanted: WantedRule | undefined
  seen: readonly Rule[]
}

const none: readonly Rule[] = []

/** Rules that are wanted and not there, and those that are there and should not be, each in the order of its list. */
export interface Uneven {
  readonly missing: readonly WantedRule[]
  readonly surplus: readonly { readonly rule: Rule; readonly wanted: boolean }[]
}

/**
 * Compares the rules that were seen with those that are wanted. It keeps both lists, and of the next ones looks at what
 * stands between their common beginning and their common end alone; objects are the same where nothing has changed.
 */
export class RuleLedger {
  readonly #isOurs: (rule: Rule) => boolean
  readonly #entries = new Map<string, Entry>()
  /** Where the two lists do not agree. */
  readonly #uneven = new Set<Entry>()
  #seen: readonly Rule[] = []
  #wanted: readonly WantedRule[] = []

  constructor(isOurs: (rule: Rule) => boolean) {
    this.#isOurs = isOurs
  }

  compare(seen: readonly Rule[], wanted: readonly WantedRule[]): Uneven {
    const touched: Entry[] = []
    const entry = (key: string): Entry => {
      let known = this.#entries.get(key)
      if (!known) {
        known = { key, wanted: undefined, seen: none }
        this.#entries.set(key, known)
      }
      touched.push(known)
      return known
    }
    const seenDelta = between(this.#seen, seen)
    const wantedDelta = between(this.#wanted, wanted)
    for (const rule of seenDelta.gone) {
      const present = entry(ruleKey(rule))
      present.seen = present.seen.toSpliced(present.seen.indexOf(rule), 1)
    }
    for (const gone of wantedDelta.gone) entry(ruleKey(gone.rule)).wanted = undefined
    for (const rule of seenDelta.come) {
      const present = entry(ruleKey(rule))
      present.seen = present.seen.length === 0 ? [rule] : [...present.seen, rule]
    }
    for (const come of wantedDelta.come) entry(ruleKey(come.rule)).wanted = come
    this.#seen = seen
    this.#wanted = wanted
    this.#settle(touched)
    return this.#uneven.size === 0 ? { missing: [], surplus: [] } : this.#tell()
  }

  #settle(touched: readonly Entry[]): void {
    for (const entry of touched) {
      const { key, wanted, seen } = entry
      const even = wanted ? seen.length === 1 : seen.length === 0 || !this.#isOurs(seen[0] as Rule)
      if (even) this.#uneven.delete(entry)
      else this.#uneven.add(entry)
      if (!wanted && seen.length === 0) this.#entries.delete(key)
    }
  }

  #tell(): Uneven {
    const missing = new Set<WantedRule>()
    // An equal rule that is there twice may be one object: it is counted.
    const surplus = new Map<Rule, { times: number; readonly wanted: boolean }>()
    for (const { wanted, seen } of this.#uneven) {
      if (wanted && seen.length === 0) missing.add(wanted)
      for (const rule of wanted ? seen.slice(1) : seen) {
        surplus.set(rule, { times: (surplus.get(rule)?.times ?? 0) + 1, wanted: wanted !== undefined })
      }
    }
    return {
      missing: inOrderOf(this.#wanted, missing),
      surplus: surplus.size === 0 ? [] : this.#seen.flatMap((rule) => take(surplus.get(rule), rule)),
    }
  }
}

/** Those of the list, in its order. Of thousands only few are asked for, as a rule. */
function inOrderOf<T>(list: readonly T[], some: ReadonlySet<T>): readonly T[] {
  return some.size > few
    ? list.filter((item) => some.has(item))
    : [...some]
        .map((item) => ({ item, place: list.indexOf(item) }))
        .sort((a, b) => a.place - b.place)
        .map(({ item }) => item)
}

const few = 16

function take(due: { times: number; readonly wanted: boolean } | undefined, rule: Rule) {
  return due && due.times-- > 0 ? [{ rule, wanted: due.wanted }] : []
}
