import { describe, expect, test } from 'vitest'
import { knowing } from '../../support/knowledge.ts'
import { planOf, settings, snapshot, wantedRuleLines } from '../../support/snapshot.ts'

const host = `
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
  link eth1 driver ena
  addr 172.31.0.218/20 dev eth1
  addr 2600:1f18::218/128 dev eth1
`
const rulesWith = (text: string, delegated: readonly string[], alsoDelegated: readonly string[] = []) => {
  const knowledge = knowing([
    { index: 2, device: 0, delegated: alsoDelegated },
    { index: 3, device: 1, delegated },
  ])
  return wantedRuleLines(snapshot(text), { settings: settings('', [], knowledge) }).filter((line) => line.includes('/'))
}

describe('delegated prefixes', () => {
  test('packets from one leave by its ENI, like those of an address', () => {
    expect(rulesWith(host, ['172.31.4.16/28', '2600:1f18:0:0:5::/80'])).toEqual([
      'priority 20000 from 172.31.4.16/28 lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol 213',
      'priority 20001 from 172.31.4.16/28 lookup 20001 protocol 213',
      'priority 20000 from 2600:1f18:0:0:5::/80 lookup main suppress_prefixlength 4 suppress_ifgroup 20000 protocol 213',
      'priority 20001 from 2600:1f18:0:0:5::/80 lookup 20001 protocol 213',
    ])
  })

  test('one that begins with an address of the ENI stands beside it', () => {
    expect(rulesWith(`${host}addr 172.31.4.16/32 dev eth1`, ['172.31.4.16/28'])).toHaveLength(2)
  })

  test('one that holds an address of another ENI is not believed', () => {
    expect(rulesWith(`${host}addr 172.31.4.20/32 dev eth0`, ['172.31.4.16/28'])).toEqual([])
  })

  test('one that holds the address of a bridge is: containers have it', () => {
    const text = `${host}link docker0 type bridge\naddr 172.31.4.17/28 dev docker0`
    expect(rulesWith(text, ['172.31.4.16/28'])).toHaveLength(2)
  })

  test('one in a family in which the ENI has no address waits for that', () => {
    expect(rulesWith(host, [], ['2600:1f18:0:0:6::/80'])).toEqual([])
  })

  test('two ENIs that claim one: the first keeps it', () => {
    expect(rulesWith(host, ['172.31.4.16/28'], ['172.31.4.16/28'])).toEqual([
      'priority 20000 from 172.31.4.16/28 lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol 213',
      'priority 20001 from 172.31.4.16/28 lookup 20000 protocol 213',
    ])
  })

  test('a rule of one that is delegated no longer goes', () => {
    const stale = 'priority 20001 from 172.31.4.16/28 lookup 20001 protocol 213'
    const knowledge = knowing([{ index: 2 }, { index: 3 }])
    expect(planOf(snapshot(`${host}rule ${stale}`), { settings: settings('', [], knowledge) })).toContain(
      `- ip rule del ${stale}`,
    )
  })
})
