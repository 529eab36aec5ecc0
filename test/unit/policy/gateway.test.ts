import { describe, expect, test } from 'vitest'
import type { Family } from '../../../src/state/ip.ts'
import { knowing } from '../../support/knowledge.ts'
import { desiredOf, ethSettings, snapshot } from '../../support/snapshot.ts'

/** The router of eth1, and where it was learned. */
function routerOf(text: string, family: Family): string | undefined {
  const plan = desiredOf(snapshot(text), { settings: ethSettings() }).enis.find(({ eni }) => eni.link.name === 'eth1')
  const gateway = plan?.routing.find((part) => part.family === family)?.gateway
  return gateway && `${gateway.address ?? 'on-link'}: ${gateway.from}`
}

const hosts = (driver: string) => `
  link eth0 driver ${driver}
  addr 172.31.15.216/20 dev eth0
  addr 2600:1f18::216/64 dev eth0
  link eth1 driver ${driver}
  addr 172.31.0.218/20 dev eth1
  addr 2600:1f18::218/64 dev eth1
`
const ec2 = hosts('ena')
const elsewhere = hosts('virtio_net')

interface Row {
  readonly name: string
  readonly text: string
  readonly family?: Family
  readonly router: string | undefined
}

describe('chooseGateway', () => {
  test.each<Row>([
    {
      name: "main's default through the ENI comes before everything else",
      text: `${ec2}
        route default via 172.31.0.1 dev eth0 metric 50
        route default via 172.31.0.9 dev eth1 metric 100
        route default via 172.31.0.7 dev eth1 table 20001 proto 213`,
      router: "172.31.0.9: main's default, metric 100",
    },
    {
      name: 'of several, the one with the lowest metric',
      text: `${ec2}
        route default via 172.31.0.8 dev eth1 metric 300
        route default via 172.31.0.9 dev eth1 metric 100
        route default via 172.31.0.7 dev eth1 metric 200`,
      router: "172.31.0.9: main's default, metric 100",
    },
    {
      name: 'a default without a router makes everything on-link',
      text: `${ec2}
        route default dev eth1 metric 100`,
      router: "on-link: main's default, metric 100",
    },
    {
      name: "a multipath default of main counts for each ENI's own nexthop",
      text: `${elsewhere}
        route default nexthop via 172.31.0.1 dev eth0 weight 1 nexthop via 172.31.0.2 dev eth1 weight 1`,
      router: "172.31.0.2: main's default, metric 0",
    },
    {
      name: 'a half of the default is no default',
      text: `${elsewhere}
        route 0.0.0.0/1 via 172.31.0.9 dev eth1`,
      router: undefined,
    },
    {
      name: 'an unreachable default is none',
      text: `${elsewhere}
        route unreachable default dev eth1`,
      router: undefined,
    },
    {
      name: 'a default of another table is none',
      text: `${elsewhere}
        route default via 172.31.0.9 dev eth1 table 100`,
      router: undefined,
    },
    {
      name: 'else the default of another ENI of the same subnet',
      text: `${ec2}
        route default via 172.31.0.9 dev eth0 metric 100
        route default via 172.31.0.7 dev eth1 table 20001 proto 213`,
      router: "172.31.0.9: main's default through another ENI of the subnet, metric 100",
    },
    {
      name: "another ENI's router outside this subnet does not serve",
      text: `
        link eth0 driver virtio_net
        addr 10.7.0.2/24 dev eth0
        route default via 10.7.0.1 dev eth0
        link eth1 driver virtio_net
        addr 172.31.0.218/20 dev eth1`,
      router: undefined,
    },
    {
      name: "a link's default that is no ENI's does not serve",
      text: `${elsewhere}
        link wg0 type wireguard
        route default via 172.31.0.1 dev wg0`,
      router: undefined,
    },
    {
      name: 'else the one that the table has already',
      text: `${ec2}
        route default via 172.31.0.7 dev eth1 table 20001 proto 213`,
      router: '172.31.0.7: kept: no router is announced at present',
    },
    {
      name: 'but not one that others put there',
      text: `${elsewhere}
        rule priority 20001 from 172.31.0.218 lookup 20001 protocol 213
        route default via 172.31.0.7 dev eth1 table 20001 proto static`,
      router: undefined,
    },
    {
      name: "else the subnet's first address, on EC2",
      text: ec2,
      router: "172.31.0.1: the subnet's first address, as in every VPC",
    },
    { name: 'and elsewhere none', text: elsewhere, router: undefined },
    {
      name: 'an address without a subnet tells no router',
      text: 'link eth0 driver ena\nlink eth1 driver ena\naddr 172.31.0.218/32 dev eth1',
      router: undefined,
    },
    {
      name: 'IPv6: the router that announces itself',
      text: `${ec2}
        -6 route default via fe80::9 dev eth1 proto ra metric 1024`,
      family: 6,
      router: "fe80::9: main's default, metric 1024",
    },
    {
      name: "IPv6: this ENI's nexthop of the default that two ENIs' announcements share",
      text: `${ec2}
        -6 route default proto ra metric 1024 nexthop via fe80::8 dev eth0 weight 1 nexthop via fe80::9 dev eth1 weight 1`,
      family: 6,
      router: "fe80::9: main's default, metric 1024",
    },
    {
      name: 'IPv6: a link-local router of another ENI with the same prefix',
      text: `${elsewhere}
        -6 route default via fe80::8 dev eth0 proto ra`,
      family: 6,
      router: "fe80::8: main's default through another ENI of the subnet, metric 1024",
    },
    {
      name: 'IPv6: not a link-local router of an ENI of another prefix',
      text: `
        link eth0 driver virtio_net
        addr 2600:1f18:1::2/64 dev eth0
        -6 route default via fe80::8 dev eth0 proto ra
        link eth1 driver virtio_net
        addr 2600:1f18:2::2/64 dev eth1`,
      family: 6,
      router: undefined,
    },
    {
      name: 'IPv6: a source-specific default is none',
      text: `${elsewhere}
        -6 route default from 2600:1f18::/64 via fe80::9 dev eth1`,
      family: 6,
      router: undefined,
    },
    {
      name: 'IPv6: the default of the table stays until the next announcement',
      text: `${ec2}
        -6 route default via fe80::7 dev eth1 table 20001 proto 213`,
      family: 6,
      router: 'fe80::7: kept: no router is announced at present',
    },
    {
      name: "IPv6: else the VPC's router, on EC2",
      text: ec2,
      family: 6,
      router: 'fe80:ec2::1: the VPC router of every subnet',
    },
    { name: 'IPv6: and elsewhere none', text: elsewhere, family: 6, router: undefined },
  ])('$name', ({ text, family = 4, router }) => {
    expect(routerOf(text, family)).toBe(router)
  })
})

describe('where the metadata tells that this is EC2', () => {
  const told = (subnets: readonly string[]) => ({
    ...ethSettings(),
    knowledge: knowing([{ index: 2 }, { index: 3, subnets }]),
  })
  const router = (text: string, subnets: readonly string[], family: Family = 4) =>
    desiredOf(snapshot(text), { settings: told(subnets) })
      .enis.find(({ eni }) => eni.link.name === 'eth1')
      ?.routing.find((part) => part.family === family)?.gateway?.address
  const alone = elsewhere.replace('172.31.0.218/20', '172.31.0.218/32')

  test.each([
    { name: "the subnet's first address", text: elsewhere, subnets: [], address: '172.31.0.1' },
    {
      name: "the documents' subnet where the address stands alone",
      text: alone,
      subnets: ['172.31.0.0/20'],
      address: '172.31.0.1',
    },
    {
      name: "the documents' subnet before the kernel's prefix",
      text: elsewhere,
      subnets: ['172.31.0.192/26'],
      address: '172.31.0.193',
    },
    { name: 'no subnet that the address does not lie in', text: alone, subnets: ['10.0.0.0/20'], address: undefined },
  ])('IPv4: $name', ({ text, subnets, address }) => {
    expect(router(text, subnets)).toBe(address)
  })

  test('IPv6: the router of every VPC', () => {
    expect(router(elsewhere, [], 6)).toBe('fe80:ec2::1')
  })
})
