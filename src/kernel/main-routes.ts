import type { Dump } from '../netlink/dump.ts'
import type { Family } from '../state/ip.ts'
import type { Route } from '../state/route.ts'

/**
 * Main's routes through each link, kept from one observation to the next until an event says that they may have changed.
 * The kernel walks the whole table to find those of one link: 9 ms with 100,000 foreign routes, against 0.03 ms without.
 */
export class MainRoutes {
  readonly #read: (family: Family, linkIndex: number) => Dump<Route>
  readonly #kept = new Map<number, Map<Family, Dump<Route>>>()

  constructor(read: (family: Family, linkIndex: number) => Dump<Route>) {
    this.#read = read
  }

  /** Main's routes of the family that have a nexthop through the link. */
  through(linkIndex: number, family: Family): Dump<Route> {
    const ofLink = this.#kept.get(linkIndex) ?? new Map<Family, Dump<Route>>()
    const dump = ofLink.get(family) ?? this.#read(family, linkIndex)
    this.#kept.set(linkIndex, ofLink.set(family, dump))
    return dump
  }

  /** Forgets the routes through the link; all, where it is not known which. */
  forget(linkIndex?: number): void {
    if (linkIndex === undefined) {
      this.#kept.clear()
    } else {
      this.#kept.delete(linkIndex)
    }
  }
}
