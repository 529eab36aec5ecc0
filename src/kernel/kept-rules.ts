import { placeIn } from '../state/halving.ts'
import { type Rule, ruleKey } from '../state/rule.ts'

/** The rules of one family, once read, followed by the kernel's announcements; in the order in which they are asked. */
export class KeptRules {
  #items: readonly Rule[] | undefined
  /** What was kept last, also where it is forgotten: a rule that has not changed stays the object that it was. */
  #last: readonly Rule[] = []
  /** The same rules by key: the kernel lets one rule be there several times. */
  #byKey = new Map<string, readonly Rule[]>()

  /** undefined: to be read. */
  get items(): readonly Rule[] | undefined {
    return this.#items
  }

  /** Takes what was read. */
  keep(items: readonly Rule[]): readonly Rule[] {
    const known = new Map(this.#last.map((rule) => [ruleKey(rule), rule]))
    this.#items = items.map((rule) => known.get(ruleKey(rule)) ?? rule)
    this.#byKey = new Map()
    for (const rule of this.#items) {
      this.#remember(rule)
    }
    return this.#items
  }

  forget(): void {
    this.#last = this.#items ?? this.#last
    this.#items = undefined
    this.#byKey = new Map()
  }

  /** The kernel puts a rule behind those of its priority (fib_nl_newrule). */
  added(rule: Rule): void {
    if (!this.#items) {
      return
    }
    const items = [...this.#items]
    const behind = placeIn(items, ({ priority }) => priority <= rule.priority)
    items.splice(behind, 0, rule)
    this.#items = items
    this.#remember(rule)
  }

  deleted(rule: Rule): void {
    const [first, ...more] = this.#byKey.get(ruleKey(rule)) ?? []
    if (this.#items && first) {
      const items = [...this.#items]
      items.splice(items.indexOf(first), 1)
      this.#items = items
      if (more.length > 0) this.#byKey.set(ruleKey(rule), more)
      else this.#byKey.delete(ruleKey(rule))
    }
  }

  #remember(rule: Rule): void {
    const key = ruleKey(rule)
    this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), rule])
  }
}
