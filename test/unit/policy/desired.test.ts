import { describe, expect, test } from 'vitest'
import { desiredOf, ethSettings, planOf, settings, snapshot, wantedRuleLines } from '../../support/snapshot.ts'

const experiment = `
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
  route default via 172.31.0.1 dev eth0 proto dhcp metric 100
  link eth1 driver ena
  addr 172.31.0.218/20 dev eth1
  route default via 172.31.0.1 dev eth1 proto dhcp metric 200
`

test('the plan of the experiment: two ENIs of one subnet', () => {
  expect(planOf(snapshot(experiment))).toEqual([
    '+ ip link set dev eth0 group 20000',
    '+ ip link set dev eth1 group 20000',
    '+ ip route add 172.31.0.0/20 dev eth0 table 20000 proto 213 scope link src 172.31.15.216',
    '+ ip route add 172.31.0.0/20 dev eth1 table 20001 proto 213 scope link src 172.31.0.218',
    '+ ip route add default via 172.31.0.1 dev eth0 table 20000 proto 213',
    '+ ip route add default via 172.31.0.1 dev eth1 table 20001 proto 213',
    '+ ip rule add priority 20000 from 172.31.15.216 lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol 213',
    '+ ip rule add priority 20000 from 172.31.0.218 lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol 213',
    '+ ip rule add priority 20001 from 172.31.15.216 lookup 20000 protocol 213',
    '+ ip rule add priority 20001 from 172.31.0.218 lookup 20001 protocol 213',
    '+ ip rule add priority 20002 from all oif eth0 lookup 20000 protocol 213',
    '+ ip rule add priority 20002 from all oif eth1 lookup 20001 protocol 213',
  ])
})

describe('fewer than two ENIs', () => {
  test.each([
    { name: 'no link at all', text: '' },
    { name: 'one ENI', text: 'link eth0 driver ena\naddr 172.31.15.216/20 dev eth0' },
    { name: 'one ENI and a bridge', text: 'link eth0 driver ena\nlink br0 type bridge\naddr 10.0.0.1/24 dev br0' },
    {
      name: 'an ENI, and another enslaved',
      text: 'link b type bond\nlink eth0 driver ena\nlink eth1 driver ena master b',
    },
  ])('$name: nothing is wanted', ({ text }) => {
    expect(desiredOf(snapshot(text))).toMatchObject({ active: false, rules: [], routes: [] })
    expect(planOf(snapshot(text))).toEqual([])
  })
})

test("a second ENI's link starts the shape: groups and the first ENI, before it has an address", () => {
  const seen = snapshot('link eth0 driver ena\naddr 10.0.0.2/32 dev eth0\nlink eth1 driver ena down')
  expect(planOf(seen)).toEqual([
    '+ ip link set dev eth0 group 20000',
    '+ ip link set dev eth1 group 20000',
    '+ ip rule add priority 20000 from 10.0.0.2 lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol 213',
    '+ ip rule add priority 20001 from 10.0.0.2 lookup 20000 protocol 213',
    '+ ip rule add priority 20002 from all oif eth0 lookup 20000 protocol 213',
  ])
})

interface Row {
  readonly name: string
  readonly text: string
  readonly config?: string
  readonly rules: readonly string[]
}

const eth0 = 'link eth0 driver ena\n'

describe('the rules of an ENI', () => {
  test.each<Row>([
    {
      name: 'three in IPv6 too, with the longest prefix that counts as a default there',
      text: `${eth0} link eth1 driver ena\n addr 2600:1f18::218/64 dev eth1`,
      rules: [
        'priority 20000 from 2600:1f18::218 lookup main suppress_prefixlength 4 suppress_ifgroup 20000 protocol 213',
        'priority 20001 from 2600:1f18::218 lookup 20000 protocol 213',
        'priority 20002 from all oif eth1 lookup 20000 protocol 213',
      ],
    },
    {
      name: 'two for each further address, and one device rule for each family',
      text: `${eth0} link eth1 driver ena\n addr 10.0.0.5/24 dev eth1\n addr 10.0.0.6/24 dev eth1\n addr 2600::5/64 dev eth1`,
      config: '[routing]\nlink-group = 7',
      rules: [
        'priority 20000 from 10.0.0.5 lookup main suppress_prefixlength 1 suppress_ifgroup 7 protocol 213',
        'priority 20000 from 10.0.0.6 lookup main suppress_prefixlength 1 suppress_ifgroup 7 protocol 213',
        'priority 20001 from 10.0.0.5 lookup 20000 protocol 213',
        'priority 20001 from 10.0.0.6 lookup 20000 protocol 213',
        'priority 20002 from all oif eth1 lookup 20000 protocol 213',
        'priority 20000 from 2600::5 lookup main suppress_prefixlength 4 suppress_ifgroup 7 protocol 213',
        'priority 20001 from 2600::5 lookup 20000 protocol 213',
        'priority 20002 from all oif eth1 lookup 20000 protocol 213',
      ],
    },
    {
      name: 'main is not asked where link groups are left alone',
      text: `${eth0} link eth1 driver ena\n addr 10.0.0.5/24 dev eth1`,
      config: '[routing]\nlink-group = 0',
      rules: [
        'priority 20001 from 10.0.0.5 lookup 20000 protocol 213',
        'priority 20002 from all oif eth1 lookup 20000 protocol 213',
      ],
    },
    {
      name: 'a link that is down keeps them',
      text: `${eth0} link eth1 driver ena down\n addr 10.0.0.5/24 dev eth1`,
      config: '[routing]\nlink-group = 0',
      rules: [
        'priority 20001 from 10.0.0.5 lookup 20000 protocol 213',
        'priority 20002 from all oif eth1 lookup 20000 protocol 213',
      ],
    },
    {
      name: 'an excluded ENI has none',
      text: `${eth0} link eth1 driver ena\n addr 10.0.0.5/24 dev eth1`,
      config: '[interfaces]\nexclude = ["eth1"]',
      rules: [],
    },
    {
      name: 'an address of two ENIs is routed through the first',
      text: `${eth0} link eth1 driver ena\n addr 10.0.0.5/24 dev eth1\n link eth2 driver ena\n addr 10.0.0.5/24 dev eth2`,
      config: '[routing]\nlink-group = 0',
      rules: [
        'priority 20001 from 10.0.0.5 lookup 20000 protocol 213',
        'priority 20002 from all oif eth1 lookup 20000 protocol 213',
        'priority 20002 from all oif eth2 lookup 20001 protocol 213',
      ],
    },
  ])('$name', ({ text, config, rules }) => {
    expect(wantedRuleLines(snapshot(text), { settings: settings(config) })).toEqual(rules)
  })

  test('bases and protocol are those of the configuration', () => {
    const given = ethSettings('link-group = 0\ntable-base = 30000\npriority-base = 1000\nprotocol = 77')
    expect(wantedRuleLines(snapshot(experiment), { settings: given })).toEqual([
      'priority 1001 from 172.31.15.216 lookup 30000 protocol 77',
      'priority 1002 from all oif eth0 lookup 30000 protocol 77',
      'priority 1001 from 172.31.0.218 lookup 30001 protocol 77',
      'priority 1002 from all oif eth1 lookup 30001 protocol 77',
    ])
  })
})

describe('link groups', () => {
  const groupsOf = (text: string, config?: string) => [
    ...desiredOf(snapshot(text), { settings: settings(config) }).groups,
  ]

  test('every ENI is in ours, managed or not, up or not', () => {
    const text = 'link eth0 driver ena down\nlink eth1 driver ena\nlink br0 type bridge'
    expect(groupsOf(text, '[interfaces]\nexclude = ["eth1"]')).toEqual([
      [2, 20_000],
      [3, 20_000],
    ])
  })

  test('none, where they are to be left alone', () => {
    expect(groupsOf(experiment, '[routing]\nlink-group = 0')).toEqual([])
  })
})
