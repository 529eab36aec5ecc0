import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { forgetKept, Kept, KeptKeys, KeptList } from '../../../src/policy/kept.ts'

test('the keys are those of the list that was asked for, whatever was asked before', () => {
  const pool = ['a', 'b', 'c', 'a', 'd', 'b'].map((key) => ({ key }))
  const list = fc.array(fc.constantFrom(...pool), { maxLength: 8 })
  fc.assert(
    fc.property(fc.array(list, { maxLength: 6 }), (lists) => {
      const kept = new KeptKeys<{ key: string }>(({ key }) => key)
      for (const asked of lists) {
        const keys = kept.of(asked)
        const present = new Set(asked.map(({ key }) => key))
        expect(['a', 'b', 'c', 'd'].filter((key) => keys.has(key))).toEqual([...present].sort())
      }
    }),
  )
})

test('a key is made of what came or went alone', () => {
  let made = 0
  const kept = new KeptKeys<{ key: string }>(({ key }) => {
    made++
    return key
  })
  const many = Array.from({ length: 100 }, (_, i) => ({ key: String(i) }))
  kept.of(many)
  made = 0
  kept.of([...many.slice(0, 50), { key: 'x' }, ...many.slice(51)])
  expect(made).toBe(2)
})

test('what was made of the same things is made once, until all is forgotten', () => {
  const make = vi.fn((): object => ({}))
  const kept = new Kept<object>()
  const input = {}
  const value = kept.of('eth0', [input], make)
  expect(kept.of('eth0', [input], make)).toBe(value)
  forgetKept()
  expect(kept.of('eth0', [input], make)).not.toBe(value)
  expect(make).toHaveBeenCalledTimes(2)
})

test('lists of interfaces that are gone are not held for good', () => {
  const kept = new KeptList<object, object>()
  const make = vi.fn((item: object) => ({ item }))
  for (let i = 0; i < 6_000; i++) kept.of(`eth${i}`, [{ i }], make)
  const first = [{}]
  kept.of('eth0', first, make)
  const calls = make.mock.calls.length
  kept.of('eth0', first, make)
  expect(make).toHaveBeenCalledTimes(calls)
  forgetKept()
  kept.of('eth0', first, make)
  expect(make).toHaveBeenCalledTimes(calls + 1)
})
