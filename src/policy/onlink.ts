import type { Address } from '../state/address.ts'
import { isRoutable } from '../state/address.ts'
import { addressBits, type Family, familyOf } from '../state/ip.ts'
import { contains, type Prefix, prefixKey } from '../state/prefix.ts'
import type { Snapshot } from '../state/snapshot.ts'
import type { Eni } from './enis.ts'
import type { EniFamily } from './gateway.ts'
import { between, Kept, KeptList } from './kept.ts'
import type { Settings } from './settings.ts'

const parts = new Kept<EniFamily>()
const blocks = new KeptList<Address, Prefix | undefined>()
const subnets = new Kept<readonly Prefix[]>()

/** An ENI's part in one family: its usable addresses and the prefixes they put on its link. */
export function eniFamily(snapshot: Snapshot, eni: Eni, family: Family, settings: Settings): EniFamily {
  const key = ownerKey(eni.link.index, family)
  const addresses = byOwner.of(snapshot.addresses).get(key) ?? none
  return parts.of(key, [settings, eni.link, eni.onEc2, addresses], () => partOf(addresses, eni, family, settings))
}

const none: readonly Address[] = []

function partOf(
  addresses: readonly Address[],
  eni: Eni,
  family: Family,
  { knowledge, addressing }: Settings,
): EniFamily {
  const told = knowledge.enis.get(eni.link.mac)?.subnets ?? []
  const vpcSubnets = told.filter((subnet) => addresses.some((own) => contains(subnet, own.address)))
  const onLink = subnetsOf(addresses, eni, family)
  return {
    index: eni.link.index,
    family,
    onEc2: eni.onEc2,
    addresses,
    // What this program gave puts nothing of IPv6 on the link: in main a second ENI's prefix is of no use.
    subnets: addressing === 'imds' && onLink.length === 0 ? vpcSubnets : onLink,
    vpcSubnets,
  }
}

const ownerKey = (linkIndex: number, family: Family): string => `${linkIndex} ${family}`

/** Addresses that came or went at once: with more, all are looked at again. */
const few = 16

/** The addresses that can be a source of packets, by link and family; a list that has not changed is the one that it was. */
class ByOwner {
  #addresses: readonly Address[] = []
  #groups: ReadonlyMap<string, readonly Address[]> = new Map()

  of(addresses: readonly Address[]): ReadonlyMap<string, readonly Address[]> {
    if (addresses !== this.#addresses) {
      const { gone, come } = between(this.#addresses, addresses)
      const changed = [...gone, ...come]
      const isStep = changed.length > 0 && changed.length <= few
      this.#groups = isStep ? this.#after(changed, addresses) : this.#anew(addresses)
      this.#addresses = addresses
    }
    return this.#groups
  }

  /** Of thousands of addresses those of the links alone on which one came or went. */
  #after(changed: readonly Address[], addresses: readonly Address[]): ReadonlyMap<string, readonly Address[]> {
    const groups = new Map(this.#groups)
    for (const key of new Set(changed.map(ownerOf))) {
      const { linkIndex } = changed.find((address) => ownerOf(address) === key) as Address
      groups.set(
        key,
        addresses.filter((own) => own.linkIndex === linkIndex && isRoutable(own) && ownerOf(own) === key),
      )
    }
    return groups
  }

  #anew(addresses: readonly Address[]): ReadonlyMap<string, readonly Address[]> {
    const groups = new Map<string, Address[]>()
    for (const address of addresses.filter(isRoutable)) {
      const key = ownerOf(address)
      const group = groups.get(key)
      if (group) group.push(address)
      else groups.set(key, [address])
    }
    return new Map([...groups].map(([key, group]) => [key, groupsKept.of(key, group, () => group)]))
  }
}

const ownerOf = ({ linkIndex, address }: Address): string => ownerKey(linkIndex, familyOf(address))
const byOwner = new ByOwner()
const groupsKept = new Kept<readonly Address[]>()

/** Each block once; a list that has not changed is the one that it was. */
function subnetsOf(addresses: readonly Address[], { link }: Eni, family: Family): readonly Prefix[] {
  const key = ownerKey(link.index, family)
  const onLink = blocks
    .of(key, addresses, (address) => (address.onLink.length < addressBits(family) ? address.onLink : undefined))
    .filter((block) => block !== undefined)
  const distinct = [...new Map(onLink.map((prefix) => [prefixKey(prefix), prefix])).values()]
  return subnets.of(`${key} ${distinct.map(prefixKey)}`, [], () => distinct)
}

/** The address that an IPv4 on-link route gives as source: the first of that subnet that is no secondary. */
export function sourceOf(subnet: Prefix, addresses: readonly Address[]): string | undefined {
  const isIn = ({ onLink }: Address) => onLink.length === subnet.length && onLink.address === subnet.address
  return (addresses.find((own) => !own.secondary && isIn(own)) ?? addresses.find(isIn))?.address
}
