import { type Family, families } from '../../state/ip.ts'
import type { Link } from '../../state/link.ts'
import { networkOf, prefixKey } from '../../state/prefix.ts'
import { type Route, table } from '../../state/route.ts'
import type { Rule } from '../../state/rule.ts'

/** All that decides where a packet goes. Routes: of every table that a rule asks. */
export interface Picture {
  readonly links: readonly Link[]
  /** In the order of the kernel, which is that of their priorities. */
  readonly rules: readonly Rule[]
  /** Those of one destination in the order of the kernel. */
  readonly routes: readonly Route[]
  /** IPv6 routers that do not answer neighbour discovery (NUD_FAILED), as `INDEX ADDRESS`. */
  readonly deadRouters: ReadonlySet<string>
  /** net.ipv6.conf.all.forwarding: a host passes over dead routers, a router does not. */
  readonly forwardsIpv6: boolean
  /** Indexes of the links by which packets of 127.0.0.0/8 may leave (route_localnet); none where it is not given. */
  readonly localnetLinks?: ReadonlySet<number>
}

/** Names a router in `deadRouters`. */
export const routerKey = (linkIndex: number, address: string): string => `${linkIndex} ${address}`

/** The picture, indexed for lookups. */
export interface Fib {
  readonly picture: Picture
  readonly links: ReadonlyMap<number, Link>
  /** Rules of a family, in the order in which they are asked. */
  rules(family: Family): readonly Rule[]
  table(family: Family, number: number): FibTable
}

export interface FibTable {
  /** Routes by the prefixes that hold the address, the longest first. */
  holding(address: string): readonly (readonly Route[])[]
}

/** Indexes a picture; the work is done when a table is asked for the first time. */
export function fibOf(picture: Picture): Fib {
  const tables = new Map<string, FibTable>()
  const rules = new Map(families.map((family) => [family, rulesInOrder(picture.rules, family)]))
  return {
    picture,
    links: new Map(picture.links.map((link) => [link.index, link])),
    rules: (family) => rules.get(family) ?? [],
    table: (family, number) => {
      const key = `${family} ${number}`
      const known = tables.get(key)
      if (known) return known
      const built = tableOf(picture.routes.filter((route) => route.family === family && route.table === number))
      tables.set(key, built)
      return built
    },
  }
}

const rulesInOrder = (rules: readonly Rule[], family: Family): readonly Rule[] =>
  rules.filter((rule) => rule.family === family).toSorted((a, b) => a.priority - b.priority)

function tableOf(routes: readonly Route[]): FibTable {
  const byLength = new Map<number, Map<string, Route[]>>()
  for (const route of routes) {
    const { destination } = route
    const byPrefix = byLength.get(destination.length) ?? new Map<string, Route[]>()
    const key = prefixKey(destination)
    byLength.set(destination.length, byPrefix.set(key, [...(byPrefix.get(key) ?? []), route]))
  }
  const lengths = [...byLength.keys()].sort((a, b) => b - a)
  return {
    holding: (address) =>
      lengths
        .map((length) => byLength.get(length)?.get(prefixKey(networkOf(address, length))) ?? [])
        .filter((found) => found.length > 0)
        .map((found) => found.toSorted(inOrder)),
  }
}

/** Routes of one prefix: those of a TOS first, then the lower metric, then the older. IPv6 routes have no TOS. */
const inOrder = (a: Route, b: Route): number => b.tos - a.tos || a.metric - b.metric

/** Every table that a packet may be looked up in, whatever the packet: all of them have to be read. */
export const tablesAsked = (rules: readonly Rule[], links: readonly Link[]): readonly number[] => [
  ...new Set([
    table.local,
    table.main,
    ...rules.filter(({ action, table: number }) => action === 'lookup' && number !== 0).map((rule) => rule.table),
    ...links.flatMap(({ vrfTable }) => (vrfTable === undefined ? [] : [vrfTable])),
  ]),
]
