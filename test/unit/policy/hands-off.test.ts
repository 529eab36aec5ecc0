import { describe, expect, test } from 'vitest'
import { selectEnis } from '../../../src/policy/enis.ts'
import { knowing } from '../../support/knowledge.ts'
import { planOf, settings, snapshot } from '../../support/snapshot.ts'

const enis = `
  link eth0 index 2 mac 02:00:00:00:00:02 driver ena
  link eth1 index 3 mac 02:00:00:00:00:03 driver ena
  link eth2 index 4 mac 02:00:00:00:00:04 driver ena
`
const vpcCni = 'rule priority 1024 from all fwmark 0x80/0x80 lookup main'
const cilium = 'link cilium_host type veth\n rule priority 111 from 10.0.1.7 lookup 11'

const managed = (text: string, toml = '', knowledge = settings().knowledge) => {
  const seen = snapshot(enis + text)
  return selectEnis(seen.links, settings(toml, [], knowledge), seen.rules)
    .enis.filter((eni) => eni.managed)
    .map(({ link }) => link.name)
}

describe('left to a plug-in', () => {
  test.each([
    { name: 'nothing without one', text: '', left: ['eth0', 'eth1', 'eth2'] },
    { name: 'the VPC CNI, by its mark', text: vpcCni, left: ['eth0'] },
    { name: 'the VPC CNI, by a pod', text: 'link eni0123456789a type veth', left: ['eth0'] },
    { name: 'cilium in ENI mode', text: cilium, left: ['eth0'] },
    { name: 'not to cilium in another mode', text: 'link cilium_host type veth', left: ['eth0', 'eth1', 'eth2'] },
    {
      name: 'not to a rule by source at that priority without cilium',
      text: 'rule priority 111 from 10.0.1.7 lookup 11',
      left: ['eth0', 'eth1', 'eth2'],
    },
    {
      name: 'not to another mark',
      text: 'rule priority 1024 from all fwmark 0x81/0xff lookup main',
      left: ['eth0', 'eth1', 'eth2'],
    },
  ])('$name', ({ text, left }) => {
    expect(managed(text)).toEqual(left)
  })

  test('the ENI that the metadata calls the first stays, whatever its ifindex', () => {
    const knowledge = { ...knowing([]), primaryMac: '02:00:00:00:00:04' }
    expect(managed(vpcCni, '', knowledge)).toEqual(['eth2'])
  })

  test('manage overrules the plug-in, exclude overrules manage', () => {
    expect(managed(vpcCni, 'interfaces.manage = ["eth1"]')).toEqual(['eth0', 'eth1'])
    expect(managed(vpcCni, 'interfaces.manage = ["eth*"]\ninterfaces.exclude = ["eth1"]')).toEqual(['eth0', 'eth2'])
  })

  test('and why', () => {
    const seen = snapshot(enis + vpcCni)
    const [, second] = selectEnis(seen.links, settings(), seen.rules).enis
    expect(second?.unmanagedBecause).toContain(
      'driven by the Amazon VPC CNI (ip rule priority 1024 from all fwmark 0x80/0x80 lookup main',
    )
  })

  test('what such an ENI had of ours is taken away, but for its group', () => {
    const text = `${enis}
      addr 10.0.0.5/24 dev eth1
      rule priority 20001 from 10.0.0.5 lookup 20001 protocol 213
      ${vpcCni}`
    const plan = planOf(snapshot(text))
    expect(plan).toContain('- ip rule del priority 20001 from 10.0.0.5 lookup 20001 protocol 213')
    expect(plan).toContain('+ ip link set dev eth1 group 20000')
  })
})
