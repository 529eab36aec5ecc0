import { describe, expect, test } from 'vitest'
import { foldSteps } from '../../../src/explain/fold.ts'
import type { Event, Step } from '../../../src/policy/fib/rules.ts'
import type { Rule } from '../../../src/state/rule.ts'

const miss: Event = { kind: 'missed', miss: { selector: 'from', wants: '10.0.0.0/8', has: '9.9.9.9' } }
const events: Readonly<Record<string, Event>> = {
  '.': miss,
  n: { kind: 'nop' },
  j: { kind: 'jump', to: 99 },
  a: { kind: 'astray', to: 98 },
  t: { kind: 'nothing', table: 100 },
}

/** A letter a step; of ours are those with a capital letter, and those that miss. */
const stepsOf = (text: string): Step[] =>
  [...text].map((letter, i) => ({
    rule: { family: 4, priority: i, action: 'nop', table: 0, protocol: letter === letter.toUpperCase() ? 213 : 4 },
    event: events[letter.toLowerCase()] as Event,
  }))

const isOurs = (rule: Rule) => rule.protocol === 213

const folded = (text: string): string =>
  foldSteps(stepsOf(text), isOurs, 3)
    .map((row) => (row.kind === 'step' ? String(row.step.rule.priority) : `${row.kind}(${row.range})`))
    .join(' ')

describe('steps', () => {
  test.each([
    { name: 'few are told one by one', steps: 't..t', told: '0 1 2 3' },
    { name: 'a run of rules that miss is one', steps: 't....t', told: '0 misses(1-4) 5' },
    { name: 'the index is one, up to its last goto', steps: 'tNJN.J....Jtt', told: '0 index(1-10) 11 12' },
    { name: 'what comes after its last goto is told', steps: 'NJNJ.T', told: 'index(0-3) 4 5' },
    { name: 'goto rules of others are told', steps: 'njnjnjt', told: '0 1 2 3 4 5 6' },
    { name: 'a goto that leads nowhere counts as a miss', steps: '..A..A.t', told: 'misses(0-6) 7' },
    { name: 'nothing is nothing', steps: '', told: '' },
  ])('$name', ({ steps, told }) => {
    expect(folded(steps)).toBe(told)
  })

  test('all of them are there, whatever is folded', () => {
    for (const text of ['tNJN.J....Jtt', '....J', 'N', 'A.A.A.', 'NJJJJtNJJJJ']) {
      const count = foldSteps(stepsOf(text), isOurs, 3).reduce(
        (sum, row) => sum + (row.kind === 'step' ? 1 : row.count),
        0,
      )
      expect(count).toBe(text.length)
    }
  })
})
