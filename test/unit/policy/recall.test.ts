import { expect, test } from 'vitest'
import { noMetadata } from '../../../src/policy/knowledge.ts'
import { knowing } from '../../support/knowledge.ts'
import { desiredOf, planOf, settings, snapshot, wantedRuleLines } from '../../support/snapshot.ts'

const host = `
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
  link eth1 driver ena
  addr 172.31.0.218/20 dev eth1
  addr 2600:1f18::218/128 dev eth1 proto 213
  route 172.31.0.0/20 dev eth1 table 20001 proto 213 scope link src 172.31.0.218
  -6 route 2600:1f18::/64 dev eth1 table 20001 proto 213 metric 1024
  rule priority 20001 from 172.31.4.16/28 lookup 20001 protocol 213
  -6 rule priority 20001 from 2600:1f18:0:0:5::/80 lookup 20001 protocol 213
  rule priority 20001 from 172.31.9.0/24 lookup 20001 protocol 213
`
const learned = ['172.31.4.16/28', '2600:1f18:0:0:5::/80', '2600:1f18::/64']
const awaited = { ...noMetadata, expected: true }

/** What of it a pass would take away. */
const lost = (text: string, knowledge = awaited) => {
  const plan = planOf(snapshot(text), { settings: settings('[addresses]\nmode = "imds"', [], knowledge) })
  return learned.filter((what) => plan.some((line) => line.startsWith('- ') && line.includes(` ${what} `)))
}

test.each([
  { name: 'stands while nothing was told', knowledge: awaited, gone: [] },
  { name: 'stands while nothing was told of this ENI', knowledge: knowing([{ index: 2 }]), gone: [] },
  { name: 'goes where the metadata is off', knowledge: noMetadata, gone: learned },
  {
    name: 'goes where the documents say otherwise',
    knowledge: knowing([{ index: 2 }, { index: 3, delegated: ['2600:1f18:0:0:5::/80'], subnets: ['2600:1f18::/64'] }]),
    gone: ['172.31.4.16/28'],
  },
])('what an earlier process learned $name', ({ knowledge, gone }) => {
  expect(lost(host, knowledge)).toEqual(gone)
})

test('a rule of another length was never one of a delegated prefix', () => {
  const plan = planOf(snapshot(host), { settings: settings('', [], awaited) })
  expect(plan).toContain('- ip rule del priority 20001 from 172.31.9.0/24 lookup 20001 protocol 213')
})

test('a rule that stands for sixteen addresses of the ENI is not taken for a delegated prefix', () => {
  const addresses = (count: number) => Array.from({ length: count }, (_, i) => `addr 172.31.4.${16 + i}/32 dev eth1`)
  const rules = (count: number) =>
    wantedRuleLines(snapshot([host, ...addresses(count)].join('\n')), { settings: settings('', [], awaited) })
  expect(rules(15).some((line) => line.includes('from 172.31.4.16/28 '))).toBe(true)
  expect(rules(16).some((line) => line.includes('from 172.31.4.16/28 '))).toBe(false)
})

test('the plan of the ENI names it', () => {
  const { enis } = desiredOf(snapshot(host), { settings: settings('', [], awaited) })
  const prefixes = enis[1]!.routing.flatMap(({ delegated }) => delegated.map(({ address }) => address))
  expect(prefixes).toEqual(['172.31.4.16', '2600:1f18:0:0:5::'])
})
