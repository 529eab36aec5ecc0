import type { Address } from '../state/address.ts'
import { isRoutable } from '../state/address.ts'
import { addressBits, type Family, familyOf } from '../state/ip.ts'
import { contains, type Prefix, prefixKey } from '../state/prefix.ts'
import type { Snapshot } from '../state/snapshot.ts'
import type { Eni } from './enis.ts'
import type { EniFamily } from './gateway.ts'
import { Kept, KeptList } from './kept.ts'
import type { Settings } from './settings.ts'

const parts = new Kept<EniFamily>()
const routable = new Kept<ReadonlyMap<string, readonly Address[]>>()
const owners = new KeptList<Address, string | undefined>()
const blocks = new KeptList<Address, Prefix | undefined>()
const subnets = new Kept<readonly Prefix[]>()

/** An ENI's part in one family: its usable addresses and the prefixes they put on its link. */
export function eniFamily(snapshot: Snapshot, eni: Eni, family: Family, settings: Settings): EniFamily {
  const key = ownerKey(eni.link.index, family)
  const addresses = routableByOwner(snapshot.addresses).get(key) ?? none
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

/** The addresses that can be a source of packets, by link and family; a list that has not changed is the one that it was. */
const routableByOwner = (addresses: readonly Address[]): ReadonlyMap<string, readonly Address[]> =>
  routable.of('', [addresses], () => {
    const groups = new Map<string, Address[]>()
    const keys = owners.of('', addresses, (address) =>
      isRoutable(address) ? ownerKey(address.linkIndex, familyOf(address.address)) : undefined,
    )
    keys.forEach((key, i) => {
      const group = key === undefined ? undefined : groups.get(key)
      if (group) group.push(addresses[i] as Address)
      else if (key !== undefined) groups.set(key, [addresses[i] as Address])
    })
    return new Map([...groups].map(([key, group]) => [key, groupsKept.of(key, group, () => group)]))
  })

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
