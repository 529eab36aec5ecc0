import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Family } from '../../../src/state/ip.ts'
import { anyPrefix, hostPrefix, networkOf } from '../../../src/state/prefix.ts'
import { formatRoute, type Route, routeIdentity, routeKey, routeMetrics } from '../../../src/state/route.ts'
import { parseRoute } from '../../support/snapshot-parse.ts'

const names = ['lo', 'eth0', 'eth1']
const linkName = (index: number) => names[index - 1] ?? `if${index}`
const parse = (text: string, family?: Family) => parseRoute(text.split(' '), (name) => names.indexOf(name) + 1, family)

const byte = fc.nat(255)
const number = fc.nat(0xffff_ffff)
const nexthop = (family: Family) =>
  fc.record(
    {
      oif: fc.constantFrom(1, 2, 3),
      gateway: family === 4 ? fc.constantFrom('10.0.0.1', 'fe80::1') : fc.constantFrom('fe80::1', '2600::1'),
      onlink: fc.boolean(),
      weight: fc.constant(1),
    },
    { requiredKeys: ['oif', 'onlink', 'weight'] },
  )

const route: fc.Arbitrary<Route> = fc.constantFrom<Family>(4, 6).chain((family) => {
  const address = family === 4 ? '10.1.2.3' : '2600:1f18::3'
  return (
    fc
      .tuple(
        fc.record({
          family: fc.constant(family),
          table: number,
          type: fc.constantFrom('unicast', 'blackhole', 'unreachable', 'local', 'throw'),
          destination: fc.constantFrom(anyPrefix(family), hostPrefix(address), networkOf(address, 20)),
          tos: byte,
          // IPv6 has no metric 0: a route without one gets 1024.
          metric: family === 4 ? number : number.map((metric) => metric + 1),
          protocol: byte,
          scope: family === 4 ? byte : fc.constant(0),
          nexthops: fc.oneof(
            fc.constant([]),
            fc.tuple(nexthop(family)),
            fc.array(
              nexthop(family).chain((hop) => fc.integer({ min: 1, max: 256 }).map((weight) => ({ ...hop, weight }))),
              {
                minLength: 2,
                maxLength: 3,
              },
            ),
          ),
          metrics: fc.dictionary(fc.constantFrom(...Object.keys(routeMetrics)), number, { noNullPrototype: true }),
        }),
        fc.record({ prefsrc: fc.constant(address) }, { requiredKeys: [] }),
        family === 6
          ? fc.record({ source: fc.constant(networkOf(address, 32)) }, { requiredKeys: [] })
          : fc.constant({}),
      )
      .map((parts) => Object.assign({}, ...parts) as Route)
      .filter((given) => given.nexthops.length > 0 || given.type !== 'unicast')
      // `ip` takes a route of scope 0 without a router for one of scope link; the kernel refuses the former.
      .filter((given) => given.scope !== 0 || given.nexthops.every((hop) => hop.gateway) || family === 6)
  )
})

test('what formatRoute prints, typed in again, is the route', () => {
  fc.assert(
    fc.property(route, (given) => {
      const typed = parse(formatRoute(given, linkName), given.family)
      expect(routeIdentity(typed)).toBe(routeIdentity(given))
    }),
    { numRuns: 1000 },
  )
})

test.each([
  { name: 'a subnet', text: '172.31.0.0/20 dev eth1 table 20000 proto 213 scope link src 172.31.0.218' },
  { name: 'a default', text: 'default via 172.31.0.1 dev eth1 table 20000 proto 213' },
  { name: 'a default of main with a metric', text: 'default via 172.31.0.1 dev eth0 table main proto 16 metric 100' },
  { name: 'a host', text: '172.31.0.1 dev eth1 table 20000 proto 213 scope link' },
  {
    name: 'a route with metrics of its own',
    text: '10.0.0.0/8 via 172.31.0.1 dev eth1 table 20000 proto 213 mtu 1500 advmss 1400',
  },
  { name: 'an IPv6 default', text: 'default via fe80::1 dev eth1 table 20000 proto 213 metric 1024' },
  {
    name: 'a source-specific route',
    text: 'default from 2600::/32 via fe80::1 dev eth1 table main proto 9 metric 1024',
  },
  { name: 'an IPv6 router of an IPv4 route', text: 'default via inet6 fe80::1 dev eth1 table main proto 3' },
  { name: 'a blackhole', text: 'blackhole 10.0.0.0/8 table main proto 4' },
  { name: 'a route of a nexthop object', text: '10.0.0.0/8 nhid 7 table main proto 4' },
  { name: 'a service class', text: '10.0.0.0/8 tos 0x10 via 10.0.0.1 dev eth1 onlink table main proto 4' },
  {
    name: 'a multipath route',
    text: 'default table main proto 9 metric 1024 nexthop via fe80::1 dev eth0 weight 1 nexthop via fe80::2 dev eth1 weight 5',
  },
])('formatRoute prints $name as ip takes it', ({ text }) => {
  expect(formatRoute(parse(text), linkName)).toBe(text)
})

describe('routeKey', () => {
  const base = 'default via 10.0.0.1 dev eth1 table 20000 proto 213'
  test.each([
    { name: 'another protocol', other: base.replace('213', '4'), sameKey: true },
    { name: 'another router', other: base.replace('10.0.0.1', '10.0.0.2'), sameKey: true },
    { name: 'another link', other: base.replace('eth1', 'eth0'), sameKey: true },
    { name: 'another metric', other: `${base} metric 5`, sameKey: false },
    { name: 'another table', other: base.replace('20000', '20001'), sameKey: false },
    { name: 'another destination', other: base.replace('default', '0.0.0.0/1'), sameKey: false },
    { name: 'another service class', other: `${base} tos 0x10`, sameKey: false },
  ])('$name: the same key is $sameKey, the same identity never', ({ other, sameKey }) => {
    expect(routeKey(parse(other)) === routeKey(parse(base))).toBe(sameKey)
    expect(routeIdentity(parse(other))).not.toBe(routeIdentity(parse(base)))
  })

  test('the order of metrics makes no other route', () => {
    const a = parse(`${base} mtu 1500 advmss 1400`)
    expect(routeIdentity({ ...a, metrics: { advmss: 1400, mtu: 1500 } })).toBe(routeIdentity(a))
  })
})
