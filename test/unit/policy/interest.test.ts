import { describe, expect, test } from 'vitest'
import { interestOf } from '../../../src/policy/interest.ts'
import type { Settings } from '../../../src/policy/settings.ts'
import { spareTables, type Tables } from '../../../src/policy/tables.ts'
import { knowing } from '../../support/knowledge.ts'
import { settings, snapshot } from '../../support/snapshot.ts'

const old = { tableBase: 40_000, priorityBase: 15_000, protocol: 214, linkGroup: 7 }
const two = 'link eth0 driver ena\nlink eth1 driver ena\nlink br0 type bridge\n'

function interest(text: string, remembered: Tables = new Map(), given: Settings = settings(), thorough = true) {
  const { links, rules } = snapshot(text)
  return interestOf(links, rules, given, remembered, { thorough, spare: spareTables })
}
const remembered: Tables = new Map([
  [2, { mac: '02:00:00:00:00:02', table: 20_000 }],
  [3, { mac: '02:00:00:00:00:03', table: 20_050 }],
])

describe('interestOf', () => {
  test('with one ENI only what is ours matters, in order to take it away', () => {
    expect(interest('link eth0 driver ena', new Map(), settings('', [{ numbers: old, include: [] }]))).toEqual({
      mainThrough: [],
      tables: [],
      marking: false,
      protocols: [213, 214],
    })
  })

  test('everything of ours, wherever it is, matters to a thorough look alone', () => {
    expect(interest(two, remembered, settings('', [{ numbers: old, include: [] }])).protocols).toEqual([213, 214])
    expect(interest(two, remembered, settings('', [{ numbers: old, include: [] }]), false).protocols).toEqual([])
  })

  test("main's routes through ENIs matter, excluded ones too", () => {
    const given = settings('[interfaces]\nexclude = ["eth1"]')
    expect(interest(two, new Map(), given).mainThrough).toEqual([2, 3])
  })

  test('tables that are given matter, and no others once every ENI has its own', () => {
    expect(interest(two, remembered).tables).toEqual([20_000, 20_050])
  })

  test('tables of the band that a rule asks matter, but not main', () => {
    const text = `${two}rule priority 20000 lookup main\nrule priority 5 lookup 20300\nrule priority 6 lookup 52`
    expect(interest(text, remembered).tables).toEqual([20_300, 20_000, 20_050])
  })

  test.each([
    {
      name: 'an earlier band',
      tables: [
        ['02:00:00:00:00:02', 20_000],
        ['02:00:00:00:00:03', 40_000],
      ] as const,
    },
    {
      name: 'a link that had the ifindex before',
      tables: [
        ['02:00:00:00:00:02', 20_000],
        ['02:00:00:00:00:99', 20_001],
      ] as const,
    },
  ])('a table of $name is none: the next candidates matter', ({ tables }) => {
    const given = new Map(tables.map(([mac, table], i) => [i + 2, { mac, table }]))
    expect(interest(two, given).tables).toContain(20_000 + 1 + spareTables)
  })

  test('while an ENI has no table yet, the next candidates matter', () => {
    expect(interest(two).tables).toEqual(Array.from({ length: 2 + spareTables }, (_, i) => 20_000 + i))
  })

  test('tables of device numbers matter, and those behind them for who has none', () => {
    const knowledge = knowing([
      { index: 2, device: 0 },
      { index: 3, device: 7 },
    ])
    const { tables } = interest(two, new Map(), settings('', [], knowledge))
    expect(tables.slice(0, 2)).toEqual([20_000, 20_007])
    expect(tables.slice(2)).toEqual(Array.from({ length: 2 + spareTables }, (_, i) => 29_000 + i))
  })
})
