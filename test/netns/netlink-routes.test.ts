import { execFileSync } from 'node:child_process'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { KeptRoutes } from '../../src/kernel/kept-routes.ts'
import type { RequestSocket } from '../../src/netlink/request.ts'
import { addRoute, deleteRoute, replaceRoute } from '../../src/netlink/route-request.ts'
import type { Route } from '../../src/state/route.ts'
import { codes, ip, ipJson, Kernel, unprivileged } from '../support/netlink.ts'

describe.skipIf(unprivileged)('routes on the kernel', () => {
  let kernel: Kernel
  let socket: RequestSocket
  const index = (name: string): number => kernel.index(name)

  beforeAll(() => {
    kernel = new Kernel()
    socket = kernel.socket
  })
  afterAll(() => kernel?.close())

  const routes = (table: number) => [4, 6].flatMap((family) => socket.routes({ family: family as 4 | 6, table }).items)

  // Not `ip route flush`: it gives the kernel its dump back, which it refuses beside a nexthop object.
  afterEach(() => {
    socket.batch(routes(100_000).map(deleteRoute))
    expect(routes(100_000)).toEqual([])
  })

  test.each([
    '10.1.0.0/16 dev nlt0 scope link src 10.0.0.1 proto 213',
    'default via 10.0.0.254 dev nlt0 proto 213 metric 512',
    'default via 172.16.0.1 dev nlt0 onlink',
    'default via inet6 fe80::1 dev nlt0',
    '10.1.0.0/16 via inet6 2001:db8::9 dev nlt0 src 10.0.0.2',
    '10.1.0.0/16 nexthop via 10.0.0.254 dev nlt0 weight 3 nexthop dev nlt2 weight 256',
    '10.1.0.0/16 nexthop via inet6 fe80::1 dev nlt0 weight 1 nexthop via 172.16.0.1 dev nlt2 weight 1 onlink',
    '10.1.0.0/16 nhid 77',
    '10.1.0.0/16 nhid 79 metric 4',
    '10.1.0.0/16 via 10.0.0.254 mtu 1400 advmss 1300 initcwnd 20 initrwnd 30 window 1000 hoplimit 9 quickack 1',
    '10.1.0.0/16 tos 0x10 via 10.0.0.254',
    'local 10.7.7.7 dev lo',
    'broadcast 10.1.0.255 dev nlt0',
    'multicast 224.0.0.0/4 dev nlt0',
    'blackhole 10.1.0.0/16',
    'unreachable default metric 4294967295',
    'prohibit 10.1.0.0/16',
    'throw 10.1.0.0/16',
  ])('%s: read, deleted, put back the same', (words) => roundTrip('-4 ', words))

  test.each([
    '2001:db8:9::/48 dev nlt0 proto 213',
    'default via fe80::1 dev nlt0 metric 100 src 2001:db8::1',
    'default via 2001:db8::9',
    'default via 2001:db8:77::1 dev nlt0 onlink',
    'default from 2001:db8::/64 via fe80::1 dev nlt0',
    '2001:db8:9::/48 nexthop via fe80::1 dev nlt0 weight 2 nexthop via fe80::2 dev nlt2 weight 1',
    '2001:db8:9::/48 via fe80::1 dev nlt0 mtu 1400 hoplimit 5',
    'unreachable 2001:db8:9::/48',
    'blackhole default',
  ])('-6 %s: read, deleted, put back the same', (words) => roundTrip('-6 ', words))

  function roundTrip(family: string, words: string): void {
    ip(`${family}route add table 100000 ${words}`)
    const listed = ipJson(`${family}route show table 100000`)
    const [route, ...others] = routes(100_000)
    expect(others).toEqual([])
    expect(codes(socket.batch([addRoute(route as Route)]))).toEqual(['EEXIST'])
    expect(codes(socket.batch([deleteRoute(route as Route)]))).toEqual([undefined])
    expect(routes(100_000)).toEqual([])
    expect(codes(socket.batch([addRoute(route as Route), replaceRoute(route as Route)]))).toEqual([
      undefined,
      undefined,
    ])
    expect(ipJson(`${family}route show table 100000`)).toEqual(listed)
  }

  test('what is decoded is what ip prints', () => {
    ip('route add 10.1.0.0/16 via 10.0.0.254 dev nlt0 src 10.0.0.2 table 100000 proto 213 metric 7 mtu 1400')
    const nexthops = [{ oif: index('nlt0'), gateway: '10.0.0.254', onlink: false, weight: 1 }]
    expect(routes(100_000)).toEqual([
      {
        ...{ family: 4, table: 100_000, type: 'unicast', destination: { address: '10.1.0.0', length: 16 }, tos: 0 },
        ...{ metric: 7, protocol: 213, scope: 0, nexthops, prefsrc: '10.0.0.2', metrics: { mtu: 1400 } },
      },
    ])
  })

  test('a dump is filtered by protocol and by link, through each nexthop of several', () => {
    ip('route add 10.1.0.0/16 dev nlt0 proto 213 table 100000')
    ip('route add 10.2.0.0/16 dev nlt2 proto 3 table 100000')
    ip('route add 10.3.0.0/16 proto 213 table 100000 nexthop dev nlt0 nexthop dev nlt2')
    const found = (filter: object) =>
      socket.routes({ family: 4, table: 100_000, ...filter }).items.map(({ destination }) => destination.address)
    expect(found({})).toEqual(['10.1.0.0', '10.2.0.0', '10.3.0.0'])
    expect(found({ protocol: 213 })).toEqual(['10.1.0.0', '10.3.0.0'])
    expect(found({ oif: index('nlt2') })).toEqual(['10.2.0.0', '10.3.0.0'])
    expect(found({ oif: index('nlt2'), protocol: 213 })).toEqual(['10.3.0.0'])
  })

  test("main's routes through many links are the same of one dump as of one a link", () => {
    ip('route add 10.1.0.0/16 nexthop dev nlt0 nexthop dev nlt2')
    ip('route add 10.2.0.0/16 nhid 79')
    ip('route add blackhole 10.3.0.0/16')
    ip('-6 route add 2001:db8:9::/48 nexthop via fe80::1 dev nlt0 nexthop via fe80::2 dev nlt2')
    const absent = [90_001, 90_002, 90_003, 90_004, 90_005]
    const links = [...['nlt0', 'nlt1', 'nlt2', 'nlt3'].map(index), ...absent]
    for (const family of [4, 6] as const) {
      expect(socket.routesAtOnce({ family, table: 254 })?.items).toEqual(socket.routes({ family, table: 254 }).items)
      const parts = new KeptRoutes(socket).through(links, family).map(({ items }) => items)
      expect(parts).toEqual(links.map((oif) => socket.routes({ family, table: 254, oif }).items))
      expect(parts[0]?.length).toBeGreaterThan(2)
    }
    for (const route of ['10.1.0.0/16', '10.2.0.0/16', 'blackhole 10.3.0.0/16']) ip(`route del ${route}`)
    ip('-6 route del 2001:db8:9::/48')
  })

  test("a table with many routes does not come at once, and stands in nobody's way", () => {
    const many = Array.from({ length: 1_500 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`)
    const add = (destination: string) => `route add ${destination} dev nlt0 table 100000`
    execFileSync('ip', ['-batch', '-'], { input: many.map(add).join('\n') })
    const filter = { family: 4, table: 100_000 } as const
    expect(socket.routesAtOnce(filter)).toBeUndefined()
    expect(socket.routes(filter).items).toHaveLength(many.length)
    expect(socket.routesAtOnce({ ...filter, table: 99_999 })?.items).toEqual([])
  })

  test.each([
    { name: 'a table', filter: { table: 99_999 } },
    { name: 'a link', filter: { oif: 99_999 } },
  ])('$name that is not there has no routes', ({ filter }) => {
    expect(socket.routes({ family: 4, ...filter })).toEqual({ items: [], interrupted: false, datagrams: 0 })
    expect(socket.routes({ family: 6, ...filter }).items).toEqual([])
  })

  test('all that main holds is what ip prints', () => {
    const main = socket
      .routes({ family: 6, table: 254 })
      .items.map(({ destination, nexthops }) => [
        `${destination.address}/${destination.length}`.replace('/128', ''),
        nexthops[0]?.oif,
      ])
    expect(main).toEqual(ipJson('-6 route show table main').map(({ dst, dev }) => [dst, index(dev)]))
  })
})
