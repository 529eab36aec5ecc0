import { describe, expect, test } from 'vitest'
import { conflicts } from '../../../src/policy/conflicts.ts'
import { desiredOf, settings, snapshot } from '../../support/snapshot.ts'

const base = `
  link eth0 driver ena
  addr 10.0.0.5/24 dev eth0
  link eth1 driver ena
  addr 10.0.0.6/24 dev eth1
`
const conflictsOf = (text: string) => {
  const seen = snapshot(text)
  return conflicts(seen, desiredOf(seen), settings())
}

describe('conflicts', () => {
  test.each([
    { name: 'none on a host of our own', text: base, object: [] },
    {
      name: 'a foreign rule among our priorities',
      text: `${base}rule priority 20500 from 10.7.0.0/16 lookup 100 protocol static`,
      object: ['ip rule priority 20500 from 10.7.0.0/16 lookup 100 protocol 4'],
    },
    {
      name: 'a foreign twin of our rule',
      text: `${base}-6 rule priority 20001 from 2600::5 lookup 20000 protocol boot`,
      object: ['ip -6 rule priority 20001 from 2600::5 lookup 20000 protocol 3'],
    },
    {
      name: 'a rule with our protocol that leads out of our tables',
      text: `${base}rule priority 20001 from 10.0.0.5 lookup 100 protocol 213`,
      object: ['ip rule priority 20001 from 10.0.0.5 lookup 100 protocol 213'],
    },
    {
      name: 'not a foreign rule at another priority',
      text: `${base}rule priority 5270 lookup 52 protocol static`,
      object: [],
    },
    {
      name: 'a foreign route in a table of ours, under a key of its own',
      text: `${base}
        route default via 10.0.0.1 dev eth0 table 20000 proto 213
        route 10.9.0.0/16 dev eth0 table 20000 proto static scope link`,
      object: ['ip route 10.9.0.0/16 dev eth0 table 20000 proto 4 scope link'],
    },
    {
      name: 'not one under a key of ours: that is drift, and is replaced',
      text: `${base}
        route 10.0.0.0/24 dev eth0 table 20000 proto 213
        route default via 10.0.0.9 dev eth0 table 20000 proto static`,
      object: [],
    },
    {
      name: 'one in a table of the band that no ENI has, since it is avoided',
      text: `${base}route 10.9.0.0/16 dev eth0 table 20000 proto static`,
      object: ['ip route 10.9.0.0/16 dev eth0 table 20000 proto 4 scope link'],
    },
    {
      name: 'a foreign rule that asks a table of the band, whatever its priority',
      text: `${base}rule priority 100 from 10.9.0.0/16 lookup 20007`,
      object: ['ip rule priority 100 from 10.9.0.0/16 lookup 20007 protocol 3'],
    },
    {
      name: "an ENI in somebody else's link group",
      text: base.replace('eth1 driver ena', 'eth1 driver ena group 7'),
      object: ['link eth1 group 7'],
    },
    {
      name: 'not a link that is no ENI in a group of its own',
      text: `${base}link br0 type bridge group 7`,
      object: [],
    },
    {
      name: 'an address of two ENIs',
      text: `${base}addr 10.0.0.5/24 dev eth1`,
      object: ['address 10.0.0.5'],
    },
    {
      name: 'not an address that one ENI has twice, with two prefix lengths',
      text: `${base}addr 10.0.0.5/32 dev eth0`,
      object: [],
    },
    {
      name: 'nothing, where nothing is to do',
      text: 'link eth0 driver ena group 7\nrule priority 20500 lookup 100 protocol static',
      object: [],
    },
  ])('$name', ({ text, object }) => {
    expect(conflictsOf(text).map((conflict) => conflict.object)).toEqual(object)
  })

  test('each says what to do', () => {
    const all = conflictsOf(`${base}
      addr 10.0.0.5/24 dev eth1
      rule priority 20500 lookup 100 protocol static
      link eth2 driver ena group 7`)
    expect(all.map(({ remedy }) => remedy)).toEqual([
      'give it a priority outside 20000-20999, or set routing.priority-base',
      'ip link set dev eth2 group 20000, or routing.link-group = 7 if every ENI is in it',
      'ip address del 10.0.0.5 dev eth1, if the VPC gave it to eth0',
    ])
  })
})
