import type { Address } from '../state/address.ts'
import { isRoutable } from '../state/address.ts'
import { addressBits, type Family, familyOf } from '../state/ip.ts'
import { contains, type Prefix, prefixKey } from '../state/prefix.ts'
import type { Snapshot } from '../state/snapshot.ts'
import type { Eni } from './enis.ts'
import type { EniFamily } from './gateway.ts'
import { Kept } from './kept.ts'
import type { Settings } from './settings.ts'

const parts = new Kept<EniFamily>()
const owners = new Kept<ReadonlyMap<string, readonly Address[]>>()

/** An ENI's part in one family: its usable addresses and the prefixes they put on its link. */
export function eniFamily(snapshot: Snapshot, eni: Eni, family: Family, settings: Settings): EniFamily {
  const key = ownerKey(eni.link.index, family)
  const addresses = routableByOwner(snapshot.addresses).get(key) ?? []
  return parts.of(key, [settings, eni.link, eni.onEc2, ...addresses], () => partOf(addresses, eni, family, settings))
}

function partOf(
  addresses: readonly Address[],
  eni: Eni,
  family: Family,
  { knowledge, addressing }: Settings,
): EniFamily {
  const told = knowledge.enis.get(eni.link.mac)?.subnets ?? []
  const vpcSubnets = told.filter((subnet) => addresses.some((own) => contains(subnet, own.address)))
  const subnets = subnetsOf(addresses, family)
  return {
    index: eni.link.index,
    family,
    onEc2: eni.onEc2,
    addresses,
    // What this program gave puts nothing of IPv6 on the link: in main a second ENI's prefix is of no use.
    subnets: addressing === 'imds' && subnets.length === 0 ? vpcSubnets : subnets,
    vpcSubnets,
  }
}

const ownerKey = (linkIndex: number, family: Family): string => `${linkIndex} ${family}`

/** The addresses that can be a source of packets, by link and family. */
const routableByOwner = (addresses: readonly Address[]): ReadonlyMap<string, readonly Address[]> =>
  owners.of('', addresses, () => {
    const groups = new Map<string, Address[]>()
    for (const address of addresses.filter(isRoutable)) {
      const key = ownerKey(address.linkIndex, familyOf(address.address))
      const group = groups.get(key)
      if (group) group.push(address)
      else groups.set(key, [address])
    }
    return groups
  })

function subnetsOf(addresses: readonly Address[], family: Family): Prefix[] {
  const onLink = addresses.map((address) => address.onLink).filter(({ length }) => length < addressBits(family))
  return [...new Map(onLink.map((prefix) => [prefixKey(prefix), prefix])).values()]
}

/** The address that an IPv4 on-link route gives as source: the first of that subnet that is no secondary. */
export function sourceOf(subnet: Prefix, addresses: readonly Address[]): string | undefined {
  const isIn = ({ onLink }: Address) => onLink.length === subnet.length && onLink.address === subnet.address
  return (addresses.find((own) => !own.secondary && isIn(own)) ?? addresses.find(isIn))?.address
}
