import type { Address } from '../state/address.ts'
import { familyOf } from '../state/ip.ts'
import { prefixKey } from '../state/prefix.ts'

/** Equal in everything. */
export const addressKey = (address: Address): string => {
  const { linkIndex, scope, secondary, tentative, dadFailed, noPrefixRoute } = address
  const flags = Number(secondary) + 2 * Number(tentative) + 4 * Number(dadFailed) + 8 * Number(noPrefixRoute)
  return `${linkIndex} ${address.address} ${prefixKey(address.onLink)} ${scope} ${flags}`
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

  /** undefined: to be read. */
  get items(): readonly Address[] | undefined {
    return this.#items
  }

  /** Takes what was read. */
  keep(items: readonly Address[]): readonly Address[] {
    const known = new Map(this.#last.map((address) => [addressKey(address), address]))
    this.#items = known.size === 0 ? items : items.map((address) => known.get(addressKey(address)) ?? address)
    return this.#items
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
    const at = items.findIndex((other) => isSame(other, address))
    if (at >= 0) {
      items[at] = addressKey(items[at] as Address) === addressKey(address) ? (items[at] as Address) : address
    } else {
      items.splice(placeOf(address, items), 0, address)
    }
    this.#items = items
  }

  /** The kernel may make a secondary address the first of its subnet, or take all of them along: read again, then. */
  deleted(address: Address): void {
    const left = this.#items?.filter((other) => !isSame(other, address))
    const heirs = left?.some(
      (other) =>
        other.secondary &&
        other.linkIndex === address.linkIndex &&
        prefixKey(other.onLink) === prefixKey(address.onLink),
    )
    this.#items = heirs && !address.secondary ? undefined : left
  }
}

const isSame = (a: Address, b: Address): boolean =>
  a.address === b.address && a.linkIndex === b.linkIndex && a.onLink.length === b.onLink.length

/** Where the kernel puts a new address. */
function placeOf(address: Address, items: readonly Address[]): number {
  const family = familyOf(address.address)
  let place = 0
  for (const [i, other] of items.entries()) {
    const otherFamily = familyOf(other.address)
    if (otherFamily > family || (otherFamily === family && other.linkIndex > address.linkIndex)) {
      break
    }
    const onLink = otherFamily === family && other.linkIndex === address.linkIndex
    if (!onLink || (family === 4 ? comesBefore4(other, address) : other.scope < address.scope)) {
      place = i + 1
    }
  }
  return place
}

/** A secondary goes to the end; a primary behind the last primary of no narrower scope. */
const comesBefore4 = (other: Address, address: Address): boolean =>
  address.secondary || (!other.secondary && address.scope <= other.scope)
