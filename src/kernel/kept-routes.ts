import type { Dump } from '../netlink/dump.ts'
import type { RouteFilter } from '../netlink/route-request.ts'
import { Kept } from '../policy/kept.ts'
import type { Family } from '../state/ip.ts'
import { type Route, table } from '../state/route.ts'

/** What is asked of the kernel. */
export interface RouteReader {
  routes(filter: RouteFilter): Dump<Route>
  /** undefined where there are more than come at once. */
  routesAtOnce(filter: RouteFilter): Dump<Route> | undefined
}

/** Links from which on main is asked for once, and not for each of them: a question takes as long as some ten routes. */
const many = 8

const nothing: Dump<Route> = { items: [], interrupted: false, datagrams: 0 }

/**
 * Routes of whole tables, and main's through each link, kept from one observation to the next until an event says that
 * they may have changed. The kernel walks the whole of main to find those of one link: 9 ms with 100,000 foreign routes,
 * against 0.03 ms without.
 */
export class KeptRoutes {
  readonly #kernel: RouteReader
  readonly #main = new Kept<ReadonlyMap<number, Dump<Route>>>()
  readonly #through = new Map<number, Map<Family, Dump<Route>>>()
  readonly #tables = new Map<number, Map<Family, Dump<Route>>>()

  constructor(kernel: RouteReader) {
    this.#kernel = kernel
  }

  /** Of each link, main's routes of the family that have a nexthop through it. */
  through(links: readonly number[], family: Family): Dump<Route>[] {
    const unknown = links.filter((oif) => !this.#through.get(oif)?.has(family))
    const main = unknown.length < many ? undefined : this.#mainByLink(family)
    const read = (oif: number) =>
      main ? (main.get(oif) ?? nothing) : this.#kernel.routes({ family, table: table.main, oif })
    return links.map((oif) => kept(this.#through, oif, family, () => read(oif)))
  }

  /** Every route of the table in the family. */
  ofTable(number: number, family: Family): Dump<Route> {
    return kept(this.#tables, number, family, () => this.#kernel.routes({ family, table: number }))
  }

  /** Forgets main's routes through the link; all of main's, where it is not known which. */
  forgetThrough(linkIndex: number | undefined): void {
    if (linkIndex === undefined) {
      this.#through.clear()
    } else {
      this.#through.delete(linkIndex)
    }
  }

  forgetTable(number: number): void {
    this.#tables.delete(number)
  }

  forget(): void {
    this.#through.clear()
    this.#tables.clear()
  }

  /** undefined where main is large: the kernel finds the routes of each link in it sooner than it tells them all. */
  #mainByLink(family: Family): ReadonlyMap<number, Dump<Route>> | undefined {
    const main = this.#kernel.routesAtOnce({ family, table: table.main })
    return main && this.#main.of(String(family), [main.items], () => byLink(main))
  }

  /** Everything that is kept, by what was asked for. */
  contents(): ReadonlyMap<string, readonly Route[]> {
    return new Map([...listed('main through link', this.#through), ...listed('table', this.#tables)])
  }
}

/** The parts of one dump: a route is in that of each link that one of its nexthops has. */
function byLink({ items, ...whole }: Dump<Route>): ReadonlyMap<number, Dump<Route>> {
  const parts = new Map<number, Route[]>()
  for (const route of items) {
    for (const oif of new Set(route.nexthops.flatMap((hop) => hop.oif ?? []))) {
      const part = parts.get(oif)
      if (part) part.push(route)
      else parts.set(oif, [route])
    }
  }
  return new Map([...parts].map(([oif, part]) => [oif, { ...whole, items: part }]))
}

const listed = (what: string, where: ReadonlyMap<number, ReadonlyMap<Family, Dump<Route>>>) =>
  [...where].flatMap(([number, families]) =>
    [...families].map(([family, { items }]) => [`${what} ${number}, IPv${family}`, items] as const),
  )

function kept(
  where: Map<number, Map<Family, Dump<Route>>>,
  number: number,
  family: Family,
  read: () => Dump<Route>,
): Dump<Route> {
  const families = where.get(number) ?? new Map<Family, Dump<Route>>()
  const dump = families.get(family) ?? read()
  where.set(number, families.set(family, dump))
  return dump
}
