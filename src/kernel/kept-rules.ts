import { placeIn } from '../state/halving.ts'
import { type Rule, ruleKey } from '../state/rule.ts'
import { retained } from './retained.ts'

/** The rules of one family, once read, followed by the kernel's announcements; in the order in which they are asked. */
export class KeptRules {
  #items: Rule[] | undefined
  /** Somebody has the list, and compares it with later ones: the next change makes another. */
  #given = false
  /** What was kept last, also where it is forgotten: a rule that has not changed stays the object that it was. */
  #last: readonly Rule[] = []

  /** undefined: to be read. */
  get items(): readonly Rule[] | undefined {
    this.#given = true
    return this.#items
  }

  get areKnown(): boolean {
    return this.#items !== undefined
  }

  /** Takes what was read. */
  keep(items: readonly Rule[]): readonly Rule[] {
    this.#given = true
    this.#items = retained(this.#last, items, ruleKey) as Rule[]
    return this.#items
  }

  forget(): void {
    this.#last = this.#items ?? this.#last
    this.#items = undefined
  }

  /** The kernel puts a rule behind those of its priority (fib_nl_newrule). */
  added(rule: Rule): void {
    const items = this.#own()
    items?.splice(
      placeIn(items, ({ priority }) => priority <= rule.priority),
      0,
      rule,
    )
  }

  /** The kernel lets one rule be there several times, and deletes the first. */
  deleted(rule: Rule): void {
    const items = this.#own() ?? []
    const key = ruleKey(rule)
    for (let at = placeIn(items, ({ priority }) => priority < rule.priority); at < items.length; at++) {
      const other = items[at] as Rule
      if (other.priority !== rule.priority) return
      // The address first: thousands of rules may have this priority.
      if (other.source?.address === rule.source?.address && ruleKey(other) === key) {
        items.splice(at, 1)
        return
      }
    }
  }

  /** A list that may be changed: one pass may make thousands of rules, each of them announced. */
  #own(): Rule[] | undefined {
    if (this.#given && this.#items) {
      this.#items = [...this.#items]
    }
    this.#given = false
    return this.#items
  }
}
