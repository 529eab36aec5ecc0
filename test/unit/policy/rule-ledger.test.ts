import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WantedRule } from '../../../src/policy/holding.ts'
import { RuleLedger } from '../../../src/policy/rule-ledger.ts'
import { type Rule, ruleKey } from '../../../src/state/rule.ts'
import { parseRule } from '../../support/snapshot-parse.ts'

const rule = (n: number): Rule =>
  parseRule(`priority 20001 from 10.0.0.${n} lookup 20000 protocol ${n % 4 === 0 ? 'static' : '213'}`.split(' '))
const isOurs = ({ protocol }: Rule): boolean => protocol === 213

/** Some of few rules, in any order, some of them twice; as the same objects at every time, or as new ones. */
const list = fc.array(fc.record({ n: fc.nat(9), anew: fc.boolean() }), { maxLength: 14 })
const known = Array.from({ length: 10 }, (_, n) => rule(n))
const wantedOnes = Array.from({ length: 10 }, (_, n): WantedRule => ({ rule: rule(n), why: String(n) }))

const seenOf = (items: readonly { n: number; anew: boolean }[]): Rule[] =>
  items.map(({ n, anew }) => (anew ? rule(n) : (known[n] as Rule)))
const wantedOf = (items: readonly { n: number; anew: boolean }[]): WantedRule[] =>
  [...new Map(items.map((item) => [item.n, item])).values()]
    .filter(({ n }) => n % 4 !== 0)
    .map(({ n, anew }) => (anew ? { rule: rule(n), why: String(n) } : (wantedOnes[n] as WantedRule)))

/** What a comparison without any memory tells. */
function naive(seen: readonly Rule[], wanted: readonly WantedRule[]) {
  const keys = new Set(wanted.map((entry) => ruleKey(entry.rule)))
  const left = [...seen.map(ruleKey)].filter((key) => keys.has(key))
  const extra = left.filter((key, i) => left.indexOf(key) !== i)
  const foreign = seen.filter((present) => !keys.has(ruleKey(present)) && isOurs(present)).map(ruleKey)
  return {
    missing: wanted.map((entry) => ruleKey(entry.rule)).filter((key) => !left.includes(key)),
    duplicates: extra.sort(),
    unwanted: foreign.sort(),
  }
}

test('tells at every moment of a history what a comparison without memory tells', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(list, list), { maxLength: 8 }), (history) => {
      const ledger = new RuleLedger(isOurs)
      for (const [seenItems, wantedItems] of history) {
        const [seen, wanted] = [seenOf(seenItems), wantedOf(wantedItems)]
        const { missing, surplus } = ledger.compare(seen, wanted)
        const of = (asked: boolean) =>
          surplus
            .filter((entry) => entry.wanted === asked)
            .map((entry) => ruleKey(entry.rule))
            .sort()
        expect({
          missing: missing.map((entry) => ruleKey(entry.rule)),
          duplicates: of(true),
          unwanted: of(false),
        }).toEqual(naive(seen, wanted))
      }
    }),
    { numRuns: 500 },
  )
})
