import { describe, expect, test } from 'vitest'
import { nothingDesired } from '../../../src/policy/desired.ts'
import { diff } from '../../../src/policy/diff.ts'
import { applyAll } from '../../support/fake-kernel-model.ts'
import {
  type Circumstances,
  changesOf,
  ethSettings,
  planLines,
  planOf,
  settings,
  snapshot,
} from '../../support/snapshot.ts'

const links = `
  link eth0 driver virtio_net group 20000
  link eth1 driver virtio_net group 20000
  addr 10.0.0.5/24 dev eth1
  route default via 10.0.0.1 dev eth1
`
const routes = `
  route 10.0.0.0/24 dev eth1 table 20000 proto 213 scope link src 10.0.0.5
  route default via 10.0.0.1 dev eth1 table 20000 proto 213
`
const mainRule =
  'rule priority 20000 from 10.0.0.5 lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol 213'
const sourceRule = 'rule priority 20001 from 10.0.0.5 lookup 20000 protocol 213'
const deviceRule = 'rule priority 20002 oif eth1 lookup 20000 protocol 213'
const rules = [mainRule, sourceRule, deviceRule].join('\n')
const inSync = `${links}${routes}${rules}\n`

interface Row {
  readonly name: string
  readonly text: string
  readonly plan: readonly string[]
}

describe('diff', () => {
  test.each<Row>([
    { name: 'nothing is done where everything is as it should be', text: inSync, plan: [] },
    {
      name: 'a missing rule is added',
      text: links + routes + [mainRule, deviceRule].join('\n'),
      plan: ['+ ip rule add priority 20001 from 10.0.0.5 lookup 20000 protocol 213'],
    },
    {
      name: 'a missing route is added',
      text: inSync.replace(/ *route 10.*\n/, ''),
      plan: ['+ ip route add 10.0.0.0/24 dev eth1 table 20000 proto 213 scope link src 10.0.0.5'],
    },
    {
      name: 'a route that was changed is replaced',
      text: inSync
        .replace('via 10.0.0.1 dev eth1 table', 'via 10.0.0.9 dev eth1 table')
        .replace('src 10.0.0.5', 'src 10.0.0.6'),
      plan: [
        '+ ip route replace 10.0.0.0/24 dev eth1 table 20000 proto 213 scope link src 10.0.0.5',
        '+ ip route replace default via 10.0.0.1 dev eth1 table 20000 proto 213',
      ],
    },
    {
      name: 'a foreign route under the key of ours is drift',
      text: inSync.replace(
        'via 10.0.0.1 dev eth1 table 20000 proto 213',
        'via 10.0.0.1 dev eth1 table 20000 proto static',
      ),
      plan: ['+ ip route replace default via 10.0.0.1 dev eth1 table 20000 proto 213'],
    },
    {
      name: 'a foreign route that stands beside ours under one key is taken away',
      text: `${inSync}
        route default via 10.0.0.9 dev eth1 table 20000 proto static`,
      plan: ['- ip route del default via 10.0.0.9 dev eth1 table 20000 proto 4'],
    },
    {
      name: 'a foreign route under another metric stays',
      text: `${inSync}
        route default via 10.0.0.9 dev eth1 table 20000 proto static metric 50`,
      plan: [],
    },
    {
      name: 'our protocol in a table of another band is not ours',
      text: `${inSync}
        route default via 10.0.0.9 dev eth1 table 100 proto 213
        rule priority 5000 from 10.0.0.5 lookup 20000 protocol 213
        rule priority 20001 from 10.0.0.5 lookup 100 protocol 213`,
      plan: [],
    },
    {
      name: 'a foreign twin does not stand for our rule',
      text: inSync.replace(sourceRule, sourceRule.replace('213', 'static')),
      plan: ['+ ip rule add priority 20001 from 10.0.0.5 lookup 20000 protocol 213'],
    },
    {
      name: 'a duplicate of our rule goes once',
      text: `${inSync}${sourceRule}`,
      plan: ['- ip rule del priority 20001 from 10.0.0.5 lookup 20000 protocol 213'],
    },
    {
      name: 'a rule of an address that is gone goes',
      text: `${inSync}
        rule priority 20001 from 10.0.0.6 lookup 20000 protocol 213`,
      plan: ['- ip rule del priority 20001 from 10.0.0.6 lookup 20000 protocol 213'],
    },
    {
      name: 'a rule that leads to another table is added first, then the old one goes',
      text: inSync.replace(sourceRule, sourceRule.replace('lookup 20000', 'lookup 20009')),
      plan: [
        '+ ip rule add priority 20001 from 10.0.0.5 lookup 20000 protocol 213',
        '- ip rule del priority 20001 from 10.0.0.5 lookup 20009 protocol 213',
      ],
    },
    {
      name: 'an ENI outside the group is put in, first of all',
      text: inSync.replace('eth0 driver virtio_net group 20000', 'eth0 driver virtio_net').replace(deviceRule, ''),
      plan: [
        '+ ip link set dev eth0 group 20000',
        '+ ip rule add priority 20002 from all oif eth1 lookup 20000 protocol 213',
      ],
    },
    {
      name: "somebody else's group is left",
      text: inSync.replace('eth0 driver virtio_net group 20000', 'eth0 driver virtio_net group 7'),
      plan: [],
    },
    {
      name: 'a link that is no ENI any more leaves the group, last of all',
      text: `${inSync}
        link br0 type bridge
        link eth2 driver virtio_net group 20000 master br0
        rule priority 20001 from 10.0.0.6 lookup 20000 protocol 213`,
      plan: ['- ip rule del priority 20001 from 10.0.0.6 lookup 20000 protocol 213', '- ip link set dev eth2 group 0'],
    },
    {
      name: 'a link in our group that the configuration never named is left',
      text: `${inSync}
        link wlan0 driver iwlwifi group 20000`,
      plan: [],
    },
    {
      name: 'with the second ENI gone everything goes, in reverse',
      text: inSync.replace(/link eth0.*/, ''),
      plan: [
        '- ip rule del priority 20002 from all oif eth1 lookup 20000 protocol 213',
        '- ip rule del priority 20001 from 10.0.0.5 lookup 20000 protocol 213',
        '- ip rule del priority 20000 from 10.0.0.5 lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol 213',
        '- ip route del default via 10.0.0.1 dev eth1 table 20000 proto 213',
        '- ip route del 10.0.0.0/24 dev eth1 table 20000 proto 213 scope link src 10.0.0.5',
        '- ip link set dev eth1 group 0',
      ],
    },
    {
      name: 'routes come on-link first, then those with a router, then the default',
      text: `${links}${rules}
        route 10.8.0.0/16 via 10.0.0.9 dev eth1
        route 169.254.0.0/16 dev eth1 scope link`,
      plan: [
        '+ ip route add 10.0.0.0/24 dev eth1 table 20000 proto 213 scope link src 10.0.0.5',
        '+ ip route add 169.254.0.0/16 dev eth1 table 20000 proto 213 scope link',
        '+ ip route add 10.8.0.0/16 via 10.0.0.9 dev eth1 table 20000 proto 213',
        '+ ip route add default via 10.0.0.1 dev eth1 table 20000 proto 213',
      ],
    },
  ])('$name', ({ text, plan }) => {
    expect(planOf(snapshot(text), { settings: ethSettings() })).toEqual(plan)
  })

  test('IPv6 rules and routes are typed with -6', () => {
    const seen = snapshot(
      'link eth0 driver ena group 20000\nlink eth1 driver ena group 20000\naddr 2600::5/128 dev eth1',
    )
    expect(planOf(seen)).toEqual([
      '+ ip -6 route add fe80::/64 dev eth1 table 20000 proto 213 metric 1024',
      '+ ip -6 route add default via fe80:ec2::1 dev eth1 table 20000 proto 213 metric 1024',
      '+ ip -6 rule add priority 20000 from 2600::5 lookup main suppress_prefixlength 4 suppress_ifgroup 20000 protocol 213',
      '+ ip -6 rule add priority 20001 from 2600::5 lookup 20000 protocol 213',
      '+ ip -6 rule add priority 20002 from all oif eth1 lookup 20000 protocol 213',
    ])
  })
})

describe('a torn snapshot', () => {
  const torn = (text: string) => ({ ...snapshot(text), torn: true })
  const given: Circumstances = { settings: ethSettings() }

  test('may show a rule twice that exists once: no duplicate is deleted', () => {
    expect(planOf(torn(`${inSync}${sourceRule}`), given)).toEqual([])
  })

  test('makes nothing up: what is no longer wanted goes all the same', () => {
    expect(planOf(torn(`${inSync}\nrule priority 20001 from 10.0.0.6 lookup 20000 protocol 213`), given)).toEqual([
      '- ip rule del priority 20001 from 10.0.0.6 lookup 20000 protocol 213',
    ])
  })
})

describe('numbers of an earlier configuration', () => {
  const old = settings('interfaces.include = ["eth*"]')
  const circumstances = (routing: string): Circumstances => ({ settings: { ...ethSettings(routing), retired: [old] } })

  test('their objects are taken away after the new ones stand', () => {
    const plan = planOf(snapshot(inSync), circumstances('table-base = 30000\npriority-base = 1000\nlink-group = 30'))
    const firstRemoval = plan.findIndex((line) => line.startsWith('-'))
    expect(plan.slice(0, firstRemoval)).toEqual([
      '+ ip link set dev eth0 group 30',
      '+ ip link set dev eth1 group 30',
      '+ ip route add 10.0.0.0/24 dev eth1 table 30000 proto 213 scope link src 10.0.0.5',
      '+ ip route add default via 10.0.0.1 dev eth1 table 30000 proto 213',
      '+ ip rule add priority 1000 from 10.0.0.5 lookup main suppress_prefixlength 1 suppress_ifgroup 30 protocol 213',
      '+ ip rule add priority 1001 from 10.0.0.5 lookup 30000 protocol 213',
      '+ ip rule add priority 1002 from all oif eth1 lookup 30000 protocol 213',
    ])
    expect(plan.slice(firstRemoval)).toEqual([
      '- ip rule del priority 20002 from all oif eth1 lookup 20000 protocol 213',
      '- ip rule del priority 20001 from 10.0.0.5 lookup 20000 protocol 213',
      '- ip rule del priority 20000 from 10.0.0.5 lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol 213',
      '- ip route del default via 10.0.0.1 dev eth1 table 20000 proto 213',
      '- ip route del 10.0.0.0/24 dev eth1 table 20000 proto 213 scope link src 10.0.0.5',
    ])
  })

  test('without them they would stay', () => {
    const given = { settings: ethSettings('table-base = 30000\npriority-base = 1000\nprotocol = 214') }
    expect(planOf(snapshot(inSync), given).filter((line) => line.startsWith('-'))).toEqual([])
  })

  test('a group that is no longer given out is taken back', () => {
    expect(planOf(snapshot(inSync), circumstances('link-group = 0'))).toEqual([
      `- ip ${mainRule.replace('rule', 'rule del')}`,
      '- ip link set dev eth0 group 0',
      '- ip link set dev eth1 group 0',
    ])
  })
})

test('a cleanup takes away what a pass put there, and nothing else', () => {
  const seen = snapshot(
    `${links}\nrule priority 20001 from 10.0.0.5 lookup 20009 protocol static`.replaceAll('group 20000', ''),
  )
  const given: Circumstances = { settings: ethSettings() }
  const after = applyAll(seen, changesOf(seen, given)).snapshot
  const removal = diff(after, nothingDesired, ethSettings())
  expect(applyAll(after, removal).snapshot).toEqual(seen)
  expect(planLines(removal, after).every((line) => line.startsWith('- '))).toBe(true)
})
