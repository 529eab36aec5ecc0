import type { Address } from '../state/address.ts'
import { placeIn } from '../state/halving.ts'
import { type Family, familyOf } from '../state/ip.ts'
import { prefixKey } from '../state/prefix.ts'
import { retained } from './retained.ts'

/** Equal in everything. */
export const addressKey = (address: Address): string => {
  const { linkIndex, scope, secondary, tentative, dadFailed, noPrefixRoute, protocol } = address
  const flags = Number(secondary) + 2 * Number(tentative) + 4 * Number(dadFailed) + 8 * Number(noPrefixRoute)
  return `${linkIndex} ${address.address} ${prefixKey(address.onLink)} ${scope} ${flags} ${protocol ?? ''}`
}

/**
 * The list of all addresses, once read, followed by the kernel's announcements. In the order of a dump, since the first
 * address of a subnet is the source of its routes: IPv4 first, link by link, and on a link as the kernel inserts them
 * (__inet_insert_ifa of net/ipv4/devinet.c, ipv6_link_dev_addr of net/ipv6/addrconf.c).
 */
export class KeptAddresses {
  #items: readonly Address[] | undefined
  /** What was kept last, also where it is forgotten: an address that has not changed stays the object that it was. */
  #last: readonly Address[] = []
  /** Old kernels tell of links with an ifindex above 255 in the order of their hash. */
  #byLink = false

  /** undefined: to be read. */
  get items(): readonly Address[] | undefined {
    return this.#items
  }

  /** Takes what was read. */
  keep(items: readonly Address[]): readonly Address[] {
    const kept = retained(this.#last, items, addressKey)
    this.#byLink &&= kept === this.#last
    this.#byLink ||= kept.every((address, i) => i === 0 || !comesBefore(address, kept[i - 1] as Address))
    this.#items = kept
    return kept
  }

  forget(): void {
    this.#last = this.#items ?? this.#last
    this.#items = undefined
  }

  added(address: Address): void {
    if (!this.#items) {
      return
    }
    const items = [...this.#items]
    const { start, end, at } = this.#find(address, items)
    if (at < end) {
      items[at] = addressKey(items[at] as Address) === addressKey(address) ? (items[at] as Address) : address
    } else {
      items.splice(placeOf(address, items, start, end), 0, address)
    }
    this.#items = items
  }

  /** The kernel may make a secondary address the first of its subnet, or take all of them along: read again, then. */
  deleted(address: Address): void {
    if (!this.#items) {
      return
    }
    const items = [...this.#items]
    const { start, end, at } = this.#find(address, items)
    const heirs = items
      .slice(start, end)
      .some(
        (other) =>
          other.secondary &&
          other.linkIndex === address.linkIndex &&
          prefixKey(other.onLink) === prefixKey(address.onLink) &&
          !isSame(other, address),
      )
    if (at < end) {
      items.splice(at, 1)
    }
    this.#items = heirs && !address.secondary ? undefined : items
  }

  /** Between which places the addresses of its link and family stand, or would, and its own; the end where it is not there. */
  #find(address: Address, items: readonly Address[]): { start: number; end: number; at: number } {
    const start = this.#byLink ? placeIn(items, (other) => comesBefore(other, address)) : 0
    const end = this.#byLink ? placeIn(items, (other) => !comesBefore(address, other), start) : items.length
    let at = start
    while (at < end && !isSame(items[at] as Address, address)) at++
    return { start, end, at }
  }
}

const isSame = (a: Address, b: Address): boolean =>
  a.address === b.address && a.linkIndex === b.linkIndex && a.onLink.length === b.onLink.length

/** By family and link. */
function comesBefore(a: Address, b: Address): boolean {
  const [family, other] = [familyOf(a.address), familyOf(b.address)]
  return family < other || (family === other && a.linkIndex < b.linkIndex)
}

/** Where the kernel puts a new address. */
function placeOf(address: Address, items: readonly Address[], start: number, end: number): number {
  const family = familyOf(address.address)
  let place = start
  for (let i = start; i < end; i++) {
    const other = items[i] as Address
    if (comesBefore(address, other)) {
      break
    }
    if (comesBefore(other, address) || goesInFront(other, address, family)) {
      place = i + 1
    }
  }
  return place
}

/** Of two of one link. A secondary IPv4 address goes to the end; a primary behind the last primary of no narrower scope. */
const goesInFront = (other: Address, address: Address, family: Family): boolean =>
  family === 4 ? address.secondary || (!other.secondary && address.scope <= other.scope) : other.scope < address.scope
