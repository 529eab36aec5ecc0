import { expect, test } from 'vitest'
import { sortMain } from '../../../src/policy/main-routes.ts'
import type { Route } from '../../../src/state/route.ts'
import { parseRoute } from '../../support/snapshot-parse.ts'

const route = (text: string): Route => parseRoute(text.split(' '), (name) => Number(name.slice(3)))
const texts = (routes: readonly Route[] = []) =>
  routes.map(({ destination, metric }) => `${destination.address} ${metric}`)

const routes = [
  route('default via 10.0.0.1 dev eth1 metric 200'),
  route('default nexthop via 10.0.0.1 dev eth1 weight 1 nexthop via 10.0.0.2 dev eth2 weight 1'),
  route('0.0.0.0/1 via 10.0.0.1 dev eth1'),
  route('10.2.0.0/16 via 10.0.0.1 dev eth1 metric 9'),
  route('10.1.0.0/16 dev eth1 metric 3 src 10.1.0.1'),
  route('10.3.0.0/16 nexthop via 10.0.0.1 dev eth2 weight 1 nexthop via 10.0.0.2 dev eth2 weight 1'),
  route('10.4.0.0/16 tos 0x10 dev eth1'),
  route('blackhole 10.5.0.0/16'),
  route('2001:db8::/32 dev eth1 metric 1024'),
]

test("main's routes are sorted by what they are and by link, those by several routers under each link once", () => {
  const main = sortMain(4, routes)
  expect(texts(main.defaults.get(1))).toEqual(['0.0.0.0 200', '0.0.0.0 0'])
  expect(texts(main.defaults.get(2))).toEqual(['0.0.0.0 0'])
  expect(texts(main.specific.get(1))).toEqual(['10.1.0.0 3', '10.2.0.0 9'])
  expect(texts(main.specific.get(2))).toEqual(['10.3.0.0 0'])
  expect(texts(main.routed)).toEqual(['10.3.0.0 0', '10.2.0.0 9'])
  expect(main.prefsrcs).toEqual(['10.1.0.1'])
  expect(main.hosts).toBe(false)
  expect(texts(sortMain(6, routes).specific.get(1))).toEqual(['2001:db8:: 1024'])
})

test('a route to a single host is noticed, one without use for packets of every kind too', () => {
  expect(sortMain(4, [...routes, route('blackhole 10.5.0.9/32')]).hosts).toBe(true)
})
