import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { paint } from '../../../src/terminal.ts'
import { bytesText, screenLines } from '../../../src/watch/screen.ts'
import { ratesOf, type View } from '../../../src/watch/view.ts'
import { changesOf, desiredOf, settings, snapshot } from '../../support/snapshot.ts'

const seen = snapshot(`
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
  route default via 172.31.0.1 dev eth0 proto dhcp metric 100
  link eth1 driver ena
  addr 172.31.0.218/20 dev eth1
`)
const view = (count = 3): View => ({
  at: new Date(0),
  assessment: { snapshot: seen, desired: desiredOf(seen), pending: changesOf(seen), outcomes: [], problems: [] },
  daemon: undefined,
  rates: new Map([[3, { packetsIn: 10, packetsOut: 120, bytesIn: 900, bytesOut: 14_200 }]]),
  happenings: Array.from({ length: count }, (_, i) => ({ at: new Date(0), what: `+ rule ${i}` })),
  fresh: [],
})
const screen = (width: number, height: number, colour = true, count = 3) =>
  screenLines(view(count), settings(), paint(colour), width, height)

describe('screenLines', () => {
  test('names every ENI with its rates, its addresses and what is pending', () => {
    const text = screen(120, 40, false).join('\n')
    expect(text).toMatch(/eth1 +up +20001 +120\/s 14 kB\/s +10\/s 900 B\/s +172\.31\.0\.218 +172\.31\.0\.1/)
    expect(text).toContain('changes pending')
    expect(text).toContain('+ rule 2')
  })

  test.each([
    [200, 50],
    [79, 24],
    [40, 10],
    [20, 5],
    [8, 2],
  ])('fits into %i by %i', (width, height) => {
    const lines = screen(width, height, true, 100)
    expect(lines.length).toBeLessThanOrEqual(height)
    expect(lines.filter((line) => stripVTControlCharacters(line).length > width)).toEqual([])
    expect(stripVTControlCharacters(lines.at(-1) as string)).toMatch(/^q quits|^q q/)
  })

  test('shows the newest changes where there is no room for all', () => {
    const lines = screen(120, 16, false, 100)
    expect(lines.at(-2)).toContain('+ rule 99')
    expect(lines.join('\n')).not.toContain('+ rule 0')
  })
})

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [9_949, '9.9 kB'],
  [999_600, '1.0 MB'],
  [2_500_000_000_000, '2500 GB'],
])('%i bytes are %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text)
})

describe('ratesOf', () => {
  const count = (index: number, value: number) =>
    [index, { index, packetsIn: value, packetsOut: value, bytesIn: value, bytesOut: value }] as const

  test('is what was added in a second', () => {
    expect(ratesOf(new Map([count(1, 10)]), new Map([count(1, 30)]), 2).get(1)).toMatchObject({ packetsIn: 10 })
  })

  test('knows none of a link whose counters fell, and 0 of a new one', () => {
    const rates = ratesOf(new Map([count(1, 10)]), new Map([count(1, 5), count(2, 7)]), 1)
    expect(rates.get(1)).toBeUndefined()
    expect(rates.get(2)).toMatchObject({ packetsIn: 0 })
  })
})
