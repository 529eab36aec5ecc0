import { describe, expect, test } from 'vitest'
import { idlePatterns, selectEnis } from '../../../src/policy/enis.ts'
import { knowing } from '../../support/knowledge.ts'
import { settings, snapshot } from '../../support/snapshot.ts'

const interfaces = (include?: readonly string[], exclude: readonly string[] = []) =>
  settings(
    `[interfaces]\n${include ? `include = ${JSON.stringify(include)}\n` : ''}exclude = ${JSON.stringify(exclude)}`,
  )

/** One word a link: ENI, unmanaged (in the group alone), passed over, or nothing at all. */
function rolesOf(text: string, include?: readonly string[], exclude?: readonly string[]): string {
  const { links } = snapshot(text)
  const { enis, passedOver } = selectEnis(links, interfaces(include, exclude))
  return links
    .filter(({ loopback }) => !loopback || include?.includes('lo'))
    .map(({ name, index }) => {
      const eni = enis.find(({ link }) => link.index === index)
      const over = passedOver.find(({ link }) => link.index === index)
      const word = eni ? (eni.managed ? 'ENI' : 'unmanaged') : over ? `no: ${over.because}` : '-'
      return `${name} ${word}`
    })
    .join(', ')
}

interface Row {
  readonly name: string
  readonly links: string
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  readonly roles: string
}

const virtual = (kind: string) =>
  `no: a virtual link (${kind}); name it in full under interfaces.include if it is an ENI`
const container = 'no: looks like the end of a container; name it in full under interfaces.include if it is an ENI'
const slave = (kind: string) => `no: enslaved to a ${kind}: its addresses are on the master`

describe('selectEnis', () => {
  test.each<Row>([
    { name: 'an ENA device is an ENI by default', links: 'link eth0 driver ena', roles: 'eth0 ENI' },
    { name: 'an Intel VF is an ENI by default', links: 'link eth0 driver ixgbevf', roles: 'eth0 ENI' },
    { name: 'a Xen interface is an ENI by default', links: 'link eth0 driver vif', roles: 'eth0 ENI' },
    {
      name: 'an EC2 driver makes an ENI whatever include says',
      links: 'link eth0 driver ena\nlink eno1 driver igb',
      include: ['eno1'],
      roles: 'eth0 ENI, eno1 ENI',
    },
    { name: 'a card of another driver is none', links: 'link eno1 driver e1000e', roles: 'eno1 -' },
    {
      name: 'a glob takes hardware of any driver',
      links: 'link ens5 driver e1000e\nlink wlan0 driver iwlwifi',
      include: ['ens*'],
      roles: 'ens5 ENI, wlan0 -',
    },
    {
      name: 'a glob with ? takes one character',
      links: 'link eth1 driver igb\nlink eth10 driver igb',
      include: ['eth?'],
      roles: 'eth1 ENI, eth10 -',
    },
    {
      name: 'a MAC takes its link, written in upper case too',
      links: 'link a driver igb mac 02:00:00:00:ab:01\nlink b driver igb',
      include: ['mac:02:00:00:00:AB:01'],
      roles: 'a ENI, b -',
    },
    {
      name: 'a driver pattern takes a virtual link by its kind',
      links: 'link eth1 type veth\nlink eth2 type dummy',
      include: ['driver:veth', 'driver:dummy'],
      roles: 'eth1 ENI, eth2 ENI',
    },
    {
      name: 'an alternative name counts as a name',
      links: 'link eth1 driver igb altname eni-0123456789abcdef0',
      include: ['eni-0123456789abcdef0'],
      roles: 'eth1 ENI',
    },
    { name: 'loopback never is, even by name', links: '', include: ['lo', '*'], roles: 'lo -' },
    {
      name: 'a slave of a bridge is not',
      links: 'link br0 type bridge\nlink eth0 driver ena master br0',
      roles: `br0 -, eth0 ${slave('bridge')}`,
    },
    {
      name: 'a slave of a bond is not',
      links: 'link bond0 type bond\nlink eth0 driver ena master bond0',
      roles: `bond0 -, eth0 ${slave('bond')}`,
    },
    {
      name: 'a slave that is named in full is',
      links: 'link br0 type bridge\nlink eth0 driver ena master br0',
      include: ['eth0'],
      roles: 'br0 -, eth0 ENI',
    },
    {
      name: 'a VLAN of an ENI is not',
      links: 'link eth0 driver ena\nlink eth0.5 type vlan parent eth0',
      include: ['eth*'],
      roles: 'eth0 ENI, eth0.5 no: a child of another link',
    },
    {
      name: 'a macvlan of an ENI is not',
      links: 'link eth0 driver ena\nlink eth9 type macvlan parent eth0',
      include: ['eth*', 'driver:macvlan'],
      roles: 'eth0 ENI, eth9 no: a child of another link',
    },
    {
      name: 'a VLAN that is named in full is',
      links: 'link eth0 driver ena\nlink eth0.5 type vlan parent eth0',
      include: ['eth0.5'],
      roles: 'eth0 ENI, eth0.5 ENI',
    },
    {
      name: 'tunnels and bridges that a glob happens to take are not',
      links: 'link eth-wg type wireguard\nlink eth-br type bridge\nlink eth-gre type gre',
      include: ['eth*'],
      roles: `eth-wg ${virtual('wireguard')}, eth-br ${virtual('bridge')}, eth-gre ${virtual('gre')}`,
    },
    {
      name: 'a veth called eth1 is under a glob that starts with eth',
      links: 'link eth1 type veth',
      include: ['eth*'],
      roles: 'eth1 ENI',
    },
    {
      name: 'a veth called eth1 is not under a glob that takes everything',
      links: 'link eth1 type veth\nlink eth2 driver igb',
      include: ['*'],
      roles: `eth1 ${container}, eth2 ENI`,
    },
    {
      name: 'container veths are not, under whichever pattern but their name',
      links:
        'link veth1a2b type veth\nlink cali77 type veth\nlink lxc9 type veth\nlink eni0123456789a type veth\nlink vb-1 type veth',
      include: ['driver:veth', 'v*', 'cali77'],
      roles: `veth1a2b ${container}, cali77 ENI, lxc9 ${container}, eni0123456789a ${container}, vb-1 ${container}`,
    },
    {
      name: 'an excluded ENI is left unmanaged',
      links: 'link eth0 driver ena\nlink eth1 driver ena',
      exclude: ['eth1'],
      roles: 'eth0 ENI, eth1 unmanaged',
    },
    {
      name: 'exclude takes globs and MACs as include does',
      links: 'link eth0 driver ena\nlink eth1 driver ena\nlink ens9 driver ena mac 02:00:00:00:00:99',
      exclude: ['eth*', 'mac:02:00:00:00:00:99'],
      roles: 'eth0 unmanaged, eth1 unmanaged, ens9 unmanaged',
    },
  ])('$name', ({ links, include, exclude, roles }) => {
    expect(rolesOf(links, include, exclude)).toBe(roles)
  })

  test('the driver, not the name, tells whether this is EC2', () => {
    const { links } = snapshot('link eth0 driver ena\nlink eth1 driver igb')
    expect(selectEnis(links, interfaces(['eth*'])).enis.map(({ onEc2 }) => onEc2)).toEqual([true, false])
  })

  test('ENIs come by ascending ifindex', () => {
    const { links } = snapshot('link eth1 index 9 driver ena\nlink eth0 index 3 driver ena')
    expect(selectEnis(links, interfaces()).enis.map(({ link }) => link.name)).toEqual(['eth0', 'eth1'])
  })
})

test('idlePatterns names the patterns that meet no link, drivers apart', () => {
  const { links } = snapshot('link eth0 driver ena')
  const patterns = ['driver:ena', 'driver:vif', 'eth*', 'eth0', 'eth7', 'ens*', 'mac:02:00:00:00:00:77']
  expect(idlePatterns(links, interfaces(patterns))).toEqual(['eth7', 'ens*', 'mac:02:00:00:00:00:77'])
})

describe('what the metadata tells of links', () => {
  const withMetadata = (include: readonly string[] = [], exclude: readonly string[] = []) => ({
    ...interfaces(include, exclude),
    knowledge: knowing([{ index: 2 }, { index: 3, id: 'eni-0a' }]),
  })
  const rolesWith = (text: string, include?: readonly string[], exclude?: readonly string[]) => {
    const { enis, passedOver } = selectEnis(snapshot(text).links, withMetadata(include, exclude))
    return [
      ...enis.map(({ link, managed }) => `${link.name} ${managed ? 'managed' : 'unmanaged'}`),
      ...passedOver.map(({ link }) => `${link.name} passed over`),
    ].join(', ')
  }

  test.each([
    {
      name: 'a link whose MAC it has is an ENI',
      text: 'link a\nlink b driver virtio_net',
      roles: 'a managed, b managed',
    },
    { name: 'a link whose MAC it has not is none', text: 'link a index 9 driver virtio_net', roles: '' },
    {
      name: 'an ENI that it does not name is one by its driver',
      text: 'link a index 9 driver ena',
      roles: 'a managed',
    },
    {
      name: 'a VLAN with the MAC of its ENI is none, and nobody is told',
      text: 'link a\nlink a.5 index 7 type vlan parent a mac 02:00:00:00:00:02',
      roles: 'a managed',
    },
    {
      name: 'a bridge over an ENI has its MAC and is none; the ENI is told of',
      text: 'link br index 7 type bridge mac 02:00:00:00:00:02\nlink a index 2 master br',
      roles: 'a passed over',
    },
    { name: 'a veth that it names is an ENI', text: 'link eth7 index 2 type veth', roles: 'eth7 managed' },
    { name: "a container's veth is none", text: 'link veth7 index 2 type veth', roles: '' },
  ])('$name', ({ text, roles }) => {
    expect(rolesWith(text)).toBe(roles)
  })

  test('an ENI id is a name of its link: to include, to exclude, and in a glob', () => {
    const text = 'link a index 3 driver virtio_net'
    expect(rolesWith(text, [], ['eni-0a'])).toBe('a unmanaged')
    expect(rolesWith(text, [], ['eni-0*'])).toBe('a unmanaged')
    expect(rolesWith(text, [], ['eni-0b'])).toBe('a managed')
    expect(rolesWith('link veth7 index 3 type veth', ['eni-0a'])).toBe('veth7 managed')
  })

  test('is EC2, whatever the driver', () => {
    const { links } = snapshot('link a driver virtio_net\nlink b index 9 driver virtio_net')
    const { enis } = selectEnis(links, withMetadata(['a', 'b']))
    expect(enis.map(({ onEc2 }) => onEc2)).toEqual([true, false])
  })
})
