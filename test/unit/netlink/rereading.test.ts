import fc from 'fast-check'
import { expect, test } from 'vitest'
import { eachMessage, frame } from '../../../src/netlink/framing.ts'
import { Rereading } from '../../../src/netlink/rereading.ts'

interface Made {
  readonly text: string
}

/** Bodies that begin with a `-` are of no interest. */
const open = () => {
  const decoded: string[] = []
  const reading = new Rereading<Made>((payload) => {
    const text = payload.toString()
    decoded.push(text)
    return text.startsWith('-') ? undefined : { text }
  })
  const dump = (bodies: readonly string[]): readonly Made[] => {
    const items: Made[] = []
    reading.begin()
    const frames = bodies.map((body, i) => frame({ type: 20, flags: 0, payload: Buffer.from(body) }, i))
    eachMessage(Buffer.concat(frames), (message) => {
      const made = reading.take(message)
      if (made) items.push(made)
    })
    return reading.end(items)
  }
  /** How many messages were decoded since the last time. */
  const effort = () => decoded.splice(0).length
  return { reading, dump, effort }
}

test('a dump that brings the same is the same list, and nothing is decoded', () => {
  const { dump, effort } = open()
  const first = dump(['a', '-', 'b', 'b'])
  expect(effort()).toBe(4)
  expect(dump(['a', '-', 'b', 'b'])).toBe(first)
  expect(effort()).toBe(0)
})

test.each([
  { name: 'came in between', next: ['a', 'x', 'b', 'c', 'd'], same: [0, undefined, 1, 2, 3], decoded: 1 },
  { name: 'came at the end', next: ['a', 'b', 'c', 'd', 'x'], same: [0, 1, 2, 3, undefined], decoded: 1 },
  { name: 'has gone from the beginning', next: ['b', 'c', 'd'], same: [1, 2, 3], decoded: 0 },
  { name: 'has gone from the end', next: ['a', 'b', 'c'], same: [0, 1, 2], decoded: 0 },
  { name: 'has other bytes', next: ['a', 'bb', 'c', 'd'], same: [0, undefined, 2, 3], decoded: 1 },
  { name: 'alone is left', next: [], same: [], decoded: 0 },
])('what is decoded where one $name', ({ next, same, decoded }) => {
  const { dump, effort } = open()
  const before = dump(['a', 'b', 'c', 'd'])
  effort()
  const after = dump(next)
  expect(effort()).toBe(decoded)
  expect(after.map(({ text }) => text)).toEqual(next)
  same.forEach((place, i) => {
    if (place !== undefined) expect(after[i]).toBe(before[place])
  })
})

test('a dump that was broken off leaves nothing behind', () => {
  const { reading, dump } = open()
  const before = dump(['a', 'b', 'c'])
  reading.begin()
  eachMessage(frame({ type: 20, flags: 0, payload: Buffer.from('x') }, 1), (message) => void reading.take(message))
  expect(dump(['a', 'b', 'c'])).toBe(before)
})

test('adopted objects are brought from then on', () => {
  const { reading, dump } = open()
  const [a, b] = dump(['-', 'a', 'b']) as [Made, Made]
  const twin = { text: 'a' }
  reading.adopt([twin, b])
  reading.adopt([a])
  const again = dump(['-', 'a', 'b', 'c'])
  expect(again[0]).toBe(twin)
  expect(again[1]).toBe(b)
})

test('whatever the dumps bring, each tells what is there now', () => {
  const body = fc.constantFrom('a', 'b', 'c', '-', 'long', 'longer')
  fc.assert(
    fc.property(fc.array(fc.array(body, { maxLength: 40 }), { maxLength: 6 }), (dumps) => {
      const { dump } = open()
      for (const bodies of dumps) {
        expect(dump(bodies).map(({ text }) => text)).toEqual(bodies.filter((text) => text !== '-'))
      }
    }),
  )
})
