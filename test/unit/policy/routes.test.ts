import { describe, expect, test } from 'vitest'
import { ethSettings, snapshot, wantedRouteLines } from '../../support/snapshot.ts'

/** What the table of eth1 should hold, as typed after `ip route add`, the number of the table and our protocol left out. */
const eth1Routes = (text: string): string[] =>
  wantedRouteLines(snapshot(text), { settings: ethSettings() })
    .filter((line) => line.includes('dev eth1'))
    .map((line) => line.replace(/ table \d+ proto 213/, ''))

const eth0 = `
  link eth0 driver virtio_net
  addr 172.31.15.216/20 dev eth0
  addr 2600:1f18::216/64 dev eth0
`
const bare = `${eth0}
  link eth1 driver virtio_net
`
const four = `${bare}
  addr 172.31.0.218/20 dev eth1
`
const six = `${bare}
  addr 2600:1f18::218/64 dev eth1
`
const subnet4 = '172.31.0.0/20 dev eth1 scope link src 172.31.0.218'
const subnet6 = '2600:1f18::/64 dev eth1 metric 1024'
const neighbours = 'fe80::/64 dev eth1 metric 1024'

interface Row {
  readonly name: string
  readonly text: string
  readonly routes: readonly string[]
}

describe('wantedRoutes in IPv4', () => {
  test.each<Row>([
    {
      name: 'the subnet with its own address as source, and the default',
      text: `${four}
        route default via 172.31.0.1 dev eth1 metric 200`,
      routes: [subnet4, 'default via 172.31.0.1 dev eth1'],
    },
    { name: 'no default where no router is known', text: four, routes: [subnet4] },
    {
      name: 'a second address of the subnet is no second route, and not its source',
      text: `${four}
        addr 172.31.0.219/20 dev eth1`,
      routes: [subnet4],
    },
    {
      name: 'each subnet has its own address as source',
      text: `${four}
        addr 10.7.0.9/24 dev eth1`,
      routes: [subnet4, '10.7.0.0/24 dev eth1 scope link src 10.7.0.9'],
    },
    {
      name: 'a subnet within a subnet keeps its own source',
      text: `${four}
        addr 172.31.0.220/24 dev eth1`,
      routes: [subnet4, '172.31.0.0/24 dev eth1 scope link src 172.31.0.220'],
    },
    {
      name: 'an address without a subnet has no on-link route, and its router a host route',
      text: `${bare}
        addr 172.31.0.218/32 dev eth1
        route default via 169.254.1.1 dev eth1 onlink`,
      routes: ['169.254.1.1 dev eth1 scope link', 'default via 169.254.1.1 dev eth1'],
    },
    {
      name: 'a router inside one of several subnets needs no host route',
      text: `${four}
        addr 10.7.0.9/24 dev eth1
        route default via 10.7.0.1 dev eth1`,
      routes: [subnet4, '10.7.0.0/24 dev eth1 scope link src 10.7.0.9', 'default via 10.7.0.1 dev eth1'],
    },
    {
      name: 'a link-local IPv6 router needs none either',
      text: `${four}
        route default via inet6 fe80::1 dev eth1`,
      routes: [subnet4, 'default via inet6 fe80::1 dev eth1'],
    },
    {
      name: 'nor does a global one: an IPv4 table can have no route to it',
      text: `${four}
        route default via inet6 2600:1f18::1 dev eth1`,
      routes: [subnet4, 'default via inet6 2600:1f18::1 dev eth1'],
    },
    {
      name: 'a default without a router is on-link',
      text: `${four}
        route default dev eth1 scope link`,
      routes: [subnet4, 'default dev eth1 scope link'],
    },
    {
      name: "the default's own mtu goes along",
      text: `${four}
        route default via 172.31.0.1 dev eth1 mtu 1500 advmss 1400`,
      routes: [subnet4, 'default via 172.31.0.1 dev eth1 mtu 1500 advmss 1400'],
    },
    {
      name: "main's other routes through the ENI are followed, on-link ones first, with their metrics",
      text: `${four}
        route 10.0.0.0/8 via 172.31.0.1 dev eth1 mtu 8000
        route 169.254.0.0/16 dev eth1 scope link metric 1000`,
      routes: [subnet4, '169.254.0.0/16 dev eth1 scope link', '10.0.0.0/8 via 172.31.0.1 dev eth1 mtu 8000'],
    },
    {
      name: "a followed route keeps a source of the ENI's own, and no other",
      text: `${four}
        route 10.1.0.0/16 via 172.31.0.1 dev eth1 src 172.31.0.218
        route 10.2.0.0/16 via 172.31.0.1 dev eth1 src 172.31.15.216`,
      routes: [subnet4, '10.1.0.0/16 via 172.31.0.1 dev eth1 src 172.31.0.218', '10.2.0.0/16 via 172.31.0.1 dev eth1'],
    },
    {
      name: 'a router of a followed route that no subnet holds any more gets a host route',
      text: `${four}
        route 10.0.0.0/8 via 10.7.0.1 dev eth1`,
      routes: [subnet4, '10.7.0.1 dev eth1 scope link', '10.0.0.0/8 via 10.7.0.1 dev eth1'],
    },
    {
      name: 'a followed route that says onlink goes on to say so',
      text: `${four}
        route 10.0.0.0/8 via 10.7.0.1 dev eth1 onlink`,
      routes: [subnet4, '10.0.0.0/8 via 10.7.0.1 dev eth1 onlink'],
    },
    {
      name: 'of two routes to one destination the better one is followed',
      text: `${four}
        route 10.0.0.0/8 via 172.31.0.8 dev eth1 metric 200
        route 10.0.0.0/8 via 172.31.0.9 dev eth1 metric 100`,
      routes: [subnet4, '10.0.0.0/8 via 172.31.0.9 dev eth1'],
    },
    {
      name: "another ENI's route is followed where its router is in this subnet too",
      text: `${four}
        route 10.0.0.0/8 via 172.31.0.9 dev eth0`,
      routes: [subnet4, '10.0.0.0/8 via 172.31.0.9 dev eth1'],
    },
    {
      name: "an ENI's own route comes before another's",
      text: `${four}
        route 10.0.0.0/8 via 172.31.0.9 dev eth0 metric 1
        route 10.0.0.0/8 via 172.31.0.8 dev eth1 metric 2`,
      routes: [subnet4, '10.0.0.0/8 via 172.31.0.8 dev eth1'],
    },
    {
      name: "another ENI's route is not where its router is elsewhere",
      text: `${four}
        route 10.0.0.0/8 via 10.7.0.1 dev eth0 onlink
        route 10.1.0.0/16 dev eth0 scope link`,
      routes: [subnet4],
    },
    {
      name: 'routes through links that are no ENIs are not followed',
      text: `${four}
        link docker0 type bridge
        addr 172.17.0.1/16 dev docker0
        route 10.0.0.0/8 via 172.31.0.9 dev docker0 onlink`,
      routes: [subnet4],
    },
    {
      name: 'halves of the default are not followed, quarters are',
      text: `${four}
        route 0.0.0.0/1 via 172.31.0.9 dev eth1
        route 128.0.0.0/1 via 172.31.0.9 dev eth1
        route 64.0.0.0/2 via 172.31.0.9 dev eth1`,
      routes: [subnet4, '64.0.0.0/2 via 172.31.0.9 dev eth1'],
    },
    {
      name: 'routes of a service class, of other types and of other tables are not followed',
      text: `${four}
        route 10.1.0.0/16 via 172.31.0.9 dev eth1 tos 0x10
        route unreachable 10.2.0.0/16
        route 10.3.0.0/16 via 172.31.0.9 dev eth1 table 100`,
      routes: [subnet4],
    },
    {
      name: 'of a multipath route the own nexthop is followed',
      text: `${four}
        route 10.0.0.0/8 nexthop via 172.31.0.7 dev eth0 weight 1 nexthop via 172.31.0.8 dev eth1 weight 3`,
      routes: [subnet4, '10.0.0.0/8 via 172.31.0.8 dev eth1'],
    },
    {
      name: 'a link that is down has no routes',
      text: `${eth0}
        link eth1 driver virtio_net down
        addr 172.31.0.218/20 dev eth1`,
      routes: [],
    },
    { name: 'an ENI without an address has no routes', text: bare, routes: [] },
  ])('$name', ({ text, routes }) => {
    expect(eth1Routes(text)).toEqual(routes)
  })
})

describe('wantedRoutes in IPv6', () => {
  test.each<Row>([
    {
      name: 'the subnet without a source, the neighbours, and the default',
      text: `${six}
        -6 route default via fe80::1 dev eth1 proto ra`,
      routes: [subnet6, neighbours, 'default via fe80::1 dev eth1 metric 1024'],
    },
    {
      name: 'a /128 address has no on-link route, and is not followed as one',
      text: `${bare}
        addr 2600:1f18::218/128 dev eth1
        -6 route default via fe80::1 dev eth1 proto ra`,
      routes: [neighbours, 'default via fe80::1 dev eth1 metric 1024'],
    },
    {
      name: 'an on-link prefix that the router announces is followed',
      text: `${bare}
        addr 2600:1f18::218/128 dev eth1
        -6 route 2600:1f18::/64 dev eth1 proto ra`,
      routes: [neighbours, '2600:1f18::/64 dev eth1 metric 1024'],
    },
    {
      name: 'a global router outside every subnet gets a host route',
      text: `${six}
        -6 route default via 2600:1f18:9::1 dev eth1 onlink`,
      routes: [
        subnet6,
        neighbours,
        '2600:1f18:9::1 dev eth1 metric 1024',
        'default via 2600:1f18:9::1 dev eth1 metric 1024',
      ],
    },
    {
      name: 'parts of the global space are not followed down to /4, and from /5 on are',
      text: `${six}
        -6 route 2000::/3 via fe80::9 dev eth1
        -6 route 3000::/4 via fe80::9 dev eth1
        -6 route 3800::/5 via fe80::9 dev eth1 mtu 1280`,
      routes: [subnet6, neighbours, '3800::/5 via fe80::9 dev eth1 metric 1024 mtu 1280'],
    },
    {
      name: 'a tentative address is none yet, and one that failed none at all',
      text: `${bare}
        addr 2600:1f18::218/64 dev eth1 tentative
        addr 2600:1f18::219/64 dev eth1 dadfailed`,
      routes: [],
    },
    { name: 'a link-local address alone is none', text: `${bare}addr fe80::218/64 dev eth1`, routes: [] },
  ])('$name', ({ text, routes }) => {
    expect(eth1Routes(text)).toEqual(routes)
  })
})

describe("main's routes through another ENI", () => {
  const text = `${four}
    addr 2600:1f18::218/64 dev eth1
    route default via 172.31.0.1 dev eth1 metric 200
    route 10.1.0.0/16 via 172.30.99.9 dev eth0 metric 50
    route 10.2.0.0/16 dev eth0 metric 50
    route 192.0.2.0/24 via 172.30.99.9 dev eth0
    -6 route fd99::/32 via 2600:2::9 dev eth0`
  const honoured = (honour: readonly string[]) =>
    wantedRouteLines(snapshot(text), { settings: ethSettings(`honour = ${JSON.stringify(honour)}`) }).filter(
      (line) => line.includes('dev eth0') && line.includes('table 20000'),
    )

  test.each([
    { name: 'none unless asked for', honour: [], routes: [] },
    { name: 'those inside a block', honour: ['10.0.0.0/8'], routes: ['10.1.0.0/16 via 172.30.99.9'] },
    { name: 'not one that is wider than the block', honour: ['10.1.2.0/24'], routes: [] },
    {
      name: 'all that are no default, of both families, and never what the other is connected to',
      honour: ['0.0.0.0/0', '::/0'],
      routes: ['192.0.2.0/24 via 172.30.99.9', '10.1.0.0/16 via 172.30.99.9', 'fd99::/32 via 2600:2::9'],
    },
  ])('$name', ({ honour, routes }) => {
    expect(honoured(honour).map((line) => line.split(' dev ')[0])).toEqual(routes)
  })
})
