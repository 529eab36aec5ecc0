import { describe, expect, test } from 'vitest'
import { diff } from '../../../src/policy/diff.ts'
import { bitsOf, deposit, gather, type MarkUse, markTableText } from '../../../src/state/marking.ts'
import type { Snapshot } from '../../../src/state/snapshot.ts'
import { applyAll } from '../../support/fake-kernel-model.ts'
import { desiredOf, ethSettings, planLines, planOf, snapshot, wantedRuleLines } from '../../support/snapshot.ts'

const two = `
  link eth0
  addr 172.31.15.216/20 dev eth0
  route default via 172.31.0.1 dev eth0 metric 100
  link eth1
  addr 172.31.0.218/20 dev eth1
  addr fd00::218/64 dev eth1
`
const on = ethSettings('containers = "connmark"')
const off = ethSettings()
const seen = (text: string, uses: readonly MarkUse[] = []): Snapshot => ({ ...snapshot(text), marking: { uses } })
const markRules = (snapshot: Snapshot, settings = on) =>
  wantedRuleLines(snapshot, { settings }).filter((line) => line.includes('fwmark'))
const refusals = (snapshot: Snapshot, settings = on) => desiredOf(snapshot, { settings }).marking.refused

describe('rules', () => {
  test("marked packets take main's specific routes first, then the ENI's table", () => {
    expect(markRules(seen(two))).toEqual([
      'not priority 20003 from all fwmark 0x0/0x7f000000 lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol 213',
      'priority 20004 from all fwmark 0x3000000/0x7f000000 iif eth0 lookup main protocol 213',
      'priority 20004 from all fwmark 0x5000000/0x7f000000 iif eth1 lookup main protocol 213',
      'priority 20005 from all fwmark 0x2000000/0x7e000000 lookup 20000 protocol 213',
      'priority 20005 from all fwmark 0x4000000/0x7e000000 lookup 20001 protocol 213',
      'not priority 20003 from all fwmark 0x0/0x7f000000 lookup main suppress_prefixlength 4 suppress_ifgroup 20000 protocol 213',
      'priority 20005 from all fwmark 0x4000000/0x7e000000 lookup 20001 protocol 213',
    ])
  })

  test('there are none unless asked for, nor with one ENI', () => {
    expect(markRules(seen(two), off)).toEqual([])
    expect(markRules(seen('link eth0\n addr 172.31.15.216/20 dev eth0'))).toEqual([])
  })

  test('an ENI keeps the number that a rule shows, and no other gets it', () => {
    const rule = 'rule priority 20005 from all fwmark 0x2000000/0x7e000000 lookup 20001 protocol 213'
    const replies = markRules(seen(two + rule)).filter((line) => line.includes('20005'))
    expect(replies.slice(0, 2)).toEqual([
      'priority 20005 from all fwmark 0x4000000/0x7e000000 lookup 20000 protocol 213',
      'priority 20005 from all fwmark 0x2000000/0x7e000000 lookup 20001 protocol 213',
    ])
  })
})

describe('changes', () => {
  test('the table comes last and goes first, and nothing is left', () => {
    const start = seen(two)
    const there = applyAll(start, diff(start, desiredOf(start, { settings: on }), on)).snapshot
    const come = planOf(start, { settings: on })
    expect(come.slice(-3)).toEqual([
      '+ sysctl -w net.ipv4.conf.eth0.src_valid_mark=213',
      '+ sysctl -w net.ipv4.conf.eth1.src_valid_mark=213',
      `+ nft '${markTableText(desiredOf(start, { settings: on }).marking.table!)}'`,
    ])
    expect(planOf(there, { settings: on })).toEqual([])
    const go = planOf(there, { settings: off })
    expect(go[0]).toBe('- nft delete table inet eni-routed')
    expect(go.slice(1, 3)).toEqual([
      '- sysctl -w net.ipv4.conf.eth0.src_valid_mark=0',
      '- sysctl -w net.ipv4.conf.eth1.src_valid_mark=0',
    ])
    const gone = applyAll(there, diff(there, desiredOf(there, { settings: off }), off)).snapshot
    expect(planLines(diff(gone, desiredOf(gone, { settings: off }), off), gone)).toEqual([])
  })

  test("src_valid_mark that somebody else switched on is somebody else's", () => {
    const start = seen(two)
    const links = start.links.map((link) => (link.name === 'eth0' ? { ...link, srcValidMark: 1 } : link))
    const lines = [on, off].flatMap((settings) => planOf({ ...start, links }, { settings }))
    expect(lines.filter((line) => line.includes('eth0.src'))).toEqual([])
  })

  test('a table that differs is replaced', () => {
    const start = { ...snapshot(two), marking: { uses: [], table: { chains: ['chain forward { }'] } } }
    expect(planOf(start, { settings: on }).at(-1)).toMatch(
      /^\+ nft 'table inet eni-routed; delete table inet eni-routed; /,
    )
  })

  test.each([
    { name: 'who may not look plans nothing', blind: true, rules: 7 },
    { name: 'where nftables is missing there is no half of it', blind: false, rules: 0 },
  ])('$name', ({ blind, rules }) => {
    const unavailable = { problem: 'p', remedy: 'r', blind }
    const start = { ...snapshot(two), marking: { uses: [], unavailable } }
    expect(markRules(start)).toHaveLength(rules)
    expect(planOf(start, { settings: on }).filter((line) => line.includes('nft'))).toEqual([])
    expect(refusals(start)).toHaveLength(blind ? 0 : 1)
  })
})

describe('bits of others', () => {
  test.each([
    { name: 'a mask of theirs inside ours', rule: 'fwmark 0x1000000/0x1000000', taken: true },
    { name: 'a mark without a mask', rule: 'fwmark 0x1', taken: true },
    { name: 'other bits', rule: 'fwmark 0x80000/0xff0000', taken: false },
    { name: 'no mark', rule: 'to 10.0.0.0/8', taken: false },
  ])('$name of a routing rule: taken $taken', ({ rule, taken }) => {
    expect(refusals(seen(`${two}rule priority 100 from all ${rule} lookup 52`))).toHaveLength(Number(taken))
  })

  test('the remedy names bits that are free, as many as asked for', () => {
    const uses = [
      { where: 'nftables: ip mangle A', bits: 0x01000000 },
      { where: 'nftables: ip mangle B', bits: 0xf00000ff },
    ]
    const [refused] = refusals(seen(two, uses))
    expect(refused?.problem).toContain(
      'in use by nftables: ip mangle A (0x1000000), nftables: ip mangle B (0xf00000ff)',
    )
    expect(refused?.remedy).toContain('container-mark-mask = 0xef00000')
  })

  test('a mask with fewer numbers than ENIs is refused', () => {
    expect(refusals(seen(two), ethSettings('containers = "connmark"\ncontainer-mark-mask = 0x3'))).toHaveLength(1)
    expect(refusals(seen(two), ethSettings('containers = "connmark"\ncontainer-mark-mask = 0x7'))).toEqual([])
  })
})

test.each([
  [0b101, 0x7f000000, 0x05000000],
  [0b11, 0xa0, 0xa0],
  [0b10, 0x80000001, 0x80000000],
])('deposit %i into %i', (value, mask, mark) => {
  expect(deposit(value, mask) >>> 0).toBe(mark)
  expect(gather(mark, mask)).toBe(value)
  expect(bitsOf(mask).reduce((a, b) => a + b, 0)).toBe(mask)
})
