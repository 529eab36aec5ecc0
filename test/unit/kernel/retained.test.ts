import fc from 'fast-check'
import { expect, test } from 'vitest'
import { retained } from '../../../src/kernel/retained.ts'

interface Item {
  readonly key: string
}

const items = (keys: readonly string[]): Item[] => keys.map((key) => ({ key }))
const keyOf = ({ key }: Item) => key

test('where nothing has changed the list is the one of the last time', () => {
  const last = items(['a', 'b', 'c'])
  expect(retained(last, items(['a', 'b', 'c']), keyOf)).toBe(last)
  expect(retained(last, [...last], keyOf)).toBe(last)
})

test('what is equal stays the object that it was, in the order that was read', () => {
  const last = items(['a', 'b', 'c'])
  const read = retained(last, items(['c', 'x', 'a']), keyOf)
  expect(read.map(keyOf)).toEqual(['c', 'x', 'a'])
  expect(read[0]).toBe(last[2])
  expect(read[2]).toBe(last[0])
})

test('whatever was there before, it tells what was read', () => {
  const keys = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 8 })
  fc.assert(
    fc.property(keys, keys, (before, after) => {
      expect(retained(items(before), items(after), keyOf).map(keyOf)).toEqual(after)
    }),
  )
})
