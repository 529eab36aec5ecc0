import { beforeEach, describe, expect, test } from 'vitest'
import { KeptRoutes } from '../../../src/kernel/kept-routes.ts'
import { passes, type RouteFilter } from '../../../src/netlink/route-request.ts'
import type { Route } from '../../../src/state/route.ts'
import { parseRoute } from '../../support/snapshot-parse.ts'

const links = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
const route = (text: string): Route => parseRoute(text.split(' '), (name) => Number(name.slice(3)))
const destinations = (dumps: readonly { readonly items: readonly Route[] }[]) =>
  dumps.map(({ items }) => items.map(({ destination }) => destination.address).join(' '))

describe("main's routes through many links", () => {
  let main: Route[]
  let asked: string[]
  let fitsOnce: boolean
  let kept: KeptRoutes

  beforeEach(() => {
    main = [
      route('10.1.0.0/16 dev eth1'),
      route('10.2.0.0/16 dev eth2'),
      route('10.3.0.0/16 nexthop via 10.0.0.1 dev eth2 weight 1 nexthop via 10.0.0.2 dev eth3 weight 1'),
      route('10.4.0.0/16 nexthop via 10.0.0.1 dev eth4 weight 1 nexthop via 10.0.0.2 dev eth4 weight 1'),
      route('blackhole 10.5.0.0/16'),
      route('10.6.0.0/16 dev eth99'),
      route('2001:db8::/32 dev eth1'),
    ]
    asked = []
    fitsOnce = true
    const answer = (filter: RouteFilter) => ({
      items: main.filter((one) => passes(one, filter)),
      interrupted: false,
      datagrams: 1,
    })
    kept = new KeptRoutes({
      routes: (filter) => {
        asked.push(`IPv${filter.family} through ${filter.oif}`)
        return answer(filter)
      },
      routesAtOnce: (filter) => {
        asked.push(`IPv${filter.family} at once`)
        return fitsOnce ? answer(filter) : undefined
      },
    })
  })

  const expected = ['10.1.0.0', '10.2.0.0 10.3.0.0', '10.3.0.0', '10.4.0.0', '', '', '', '', '', '']

  test('come of one dump, each with every link that it has a nexthop through, and once', () => {
    expect(destinations(kept.through(links, 4))).toEqual(expected)
    expect(asked).toEqual(['IPv4 at once'])
    expect(destinations(kept.through(links, 6))[0]).toBe('2001:db8::')
  })

  test('are asked for link by link where main does not come at once', () => {
    fitsOnce = false
    expect(destinations(kept.through(links, 4))).toEqual(expected)
    expect(asked).toEqual(['IPv4 at once', ...links.map((oif) => `IPv4 through ${oif}`)])
  })

  test('are asked for link by link where the links are few', () => {
    expect(destinations(kept.through([1, 2], 4))).toEqual(expected.slice(0, 2))
    expect(asked).toEqual(['IPv4 through 1', 'IPv4 through 2'])
  })

  test('are not asked for again, those of a link without routes neither, until they are forgotten', () => {
    const first = kept.through(links, 4)
    expect(kept.through(links, 4)).toEqual(first)
    expect(asked).toHaveLength(1)
    main[1] = route('10.7.0.0/16 dev eth2')
    kept.forgetThrough(2)
    expect(destinations(kept.through(links, 4))[1]).toBe('10.7.0.0 10.3.0.0')
    expect(asked.slice(1)).toEqual(['IPv4 through 2'])
    main[0] = route('10.8.0.0/16 dev eth1')
    kept.forget()
    expect(destinations(kept.through(links, 4))[0]).toBe('10.8.0.0')
    expect(asked.slice(2)).toEqual(['IPv4 at once'])
  })
})
