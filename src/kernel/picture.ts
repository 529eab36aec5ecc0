import { decodeAddress } from '../netlink/address.ts'
import type { EventView } from '../netlink/event.ts'
import { decodeRule } from '../netlink/rule.ts'
import type { Family } from '../state/ip.ts'
import type { Link } from '../state/link.ts'
import { table } from '../state/route.ts'
import { KeptAddresses } from './kept-addresses.ts'
import { KeptRoutes, type RouteReader } from './kept-routes.ts'
import { KeptRules } from './kept-rules.ts'
import { retained } from './retained.ts'

/**
 * What was read of the kernel, kept true by its announcements, so that an observation costs what has changed. Addresses
 * and rules, of which there are thousands, are followed one by one; links and tables, which are few, are read again.
 * What the kernel changes silently in the wake of an event is forgotten with it: a link that goes down, or loses its
 * last address, loses routes of every table; a nexthop object takes its routes along.
 */
export class Picture {
  #links: readonly Link[] | undefined
  #lastLinks: readonly Link[] = []
  readonly addresses = new KeptAddresses()
  readonly rules: Readonly<Record<Family, KeptRules>> = { 4: new KeptRules(), 6: new KeptRules() }
  readonly routes: KeptRoutes

  constructor(kernel: RouteReader) {
    this.routes = new KeptRoutes(kernel)
  }

  get links(): readonly Link[] | undefined {
    return this.#links
  }

  /** Takes what was read; a link that has not changed stays the object that it was. */
  keepLinks(links: readonly Link[]): readonly Link[] {
    this.#links = this.#lastLinks = retained(this.#lastLinks, links, (link) => JSON.stringify(link))
    return this.#links
  }

  /** What is done to a link that is down, the kernel announces to nobody (netdev_state_change). */
  forgetLinks(): void {
    this.#links = undefined
  }

  forget(): void {
    this.forgetLinks()
    this.addresses.forget()
    this.forgetRules()
    this.routes.forget()
  }

  forgetRules(): void {
    this.rules[4].forget()
    this.rules[6].forget()
  }

  /** Takes an event, this process's own too, in the order of the kernel. What can't be read is forgotten. */
  note(view: EventView): void {
    switch (view.kind) {
      case 'link':
        this.#links = undefined
        this.addresses.forget()
        this.routes.forget()
        break
      case 'nexthop':
        this.routes.forget()
        break
      case 'address':
        this.#noteAddress(view)
        break
      case 'rule':
        this.#noteRule(view)
        break
      case 'route':
        this.#noteRoute(view)
    }
  }

  #noteAddress(view: EventView): void {
    if (view.deleted) {
      this.routes.forget()
    }
    const address = this.addresses.items && decodeAddress(view.payload)
    if (!address) this.addresses.forget()
    else if (view.deleted) this.addresses.deleted(address)
    else this.addresses.added(address)
  }

  #noteRule(view: EventView): void {
    const { family } = view
    if (family && !this.rules[family].areKnown) {
      return
    }
    const rule = decodeRule(view.payload)
    if (!rule) this.forgetRules()
    else if (view.deleted) this.rules[rule.family].deleted(rule)
    else this.rules[rule.family].added(rule)
  }

  #noteRoute(view: EventView): void {
    const number = view.routeTable
    if (number === table.main) this.routes.forgetThrough(view.routeLinkIndex)
    else this.routes.forgetTable(number)
  }
}
