import { type EniFacts, hasAddresses, numbersOf } from '../policy/knowledge.ts'
import { type Family, families, familyOf } from '../state/ip.ts'
import { type Prefix, prefixKey } from '../state/prefix.ts'
import { type Leaf, type LeafValue, leafNames } from './documents.ts'

/** Facts by MAC. */
export type Facts = ReadonlyMap<string, EniFacts>

type Place =
  | { readonly field: 'id' | 'device' | 'card' }
  | { readonly field: 'subnets' | 'vpc' | 'delegated' | 'addresses'; readonly family: Family }

/** Where each document's value goes. */
const places: Readonly<Record<Leaf, Place>> = {
  'local-ipv4s': { field: 'addresses', family: 4 },
  ipv6s: { field: 'addresses', family: 6 },
  'subnet-ipv4-cidr-block': { field: 'subnets', family: 4 },
  'subnet-ipv6-cidr-blocks': { field: 'subnets', family: 6 },
  'interface-id': { field: 'id' },
  'device-number': { field: 'device' },
  'network-card': { field: 'card' },
  'ipv4-prefix': { field: 'delegated', family: 4 },
  'ipv6-prefix': { field: 'delegated', family: 6 },
  'vpc-ipv4-cidr-blocks': { field: 'vpc', family: 4 },
  'vpc-ipv6-cidr-blocks': { field: 'vpc', family: 6 },
}

export const emptyFacts = (mac: string): EniFacts => ({ mac, subnets: [], vpc: [], delegated: [], addresses: {} })

/** Adds what one valid document of an ENI says. What it now gives to this ENI, no other has any more. */
export function learn(facts: Facts, mac: string, leaf: Leaf, value: LeafValue): Facts {
  const place = places[leaf]
  const taken = [...facts].map(
    ([other, theirs]) => [other, other === mac ? theirs : without(theirs, place, value)] as const,
  )
  return new Map([...taken, [mac, put(facts.get(mac) ?? emptyFacts(mac), place, value)]])
}

function put(facts: EniFacts, place: Place, value: LeafValue): EniFacts {
  if (!('family' in place)) {
    return { ...facts, [place.field]: value }
  }
  const { field, family } = place
  if (field === 'addresses') {
    const latest = value as readonly string[]
    const before = facts.addresses[family]?.latest
    return { ...facts, addresses: { ...facts.addresses, [family]: { latest, ...(before ? { before } : {}) } } }
  }
  const others = facts[field].filter(({ address }) => familyOf(address) !== family)
  return { ...facts, [field]: [...others, ...(value as readonly Prefix[])] }
}

/** Nothing is in the list any more: its document is gone, and that is certain. */
export function vanish(facts: Facts, mac: string, leaf: Leaf): Facts {
  const [told, place] = [facts.get(mac), places[leaf]]
  if (!told || !('family' in place)) {
    return facts
  }
  const { field, family } = place
  const less =
    field === 'addresses'
      ? { addresses: { ...told.addresses, [family]: { latest: [], before: [] } } }
      : { [field]: told[field].filter(({ address }) => familyOf(address) !== family) }
  return new Map([...facts, [mac, { ...told, ...less }]])
}

/** Addresses and prefixes move from one ENI to another, and the documents of the one that lost them may lag. */
function without(facts: EniFacts, place: Place, value: LeafValue): EniFacts {
  if (place.field === 'delegated') {
    const moved = new Set((value as readonly Prefix[]).map(prefixKey))
    return { ...facts, delegated: facts.delegated.filter((prefix) => !moved.has(prefixKey(prefix))) }
  }
  const listed = place.field === 'addresses' ? facts.addresses[place.family] : undefined
  const latest = listed?.latest.filter((address) => !(value as readonly string[]).includes(address))
  if (place.field !== 'addresses' || !listed || !latest || latest.length === listed.latest.length) {
    return facts
  }
  // Only a document of its own takes an address away: `before` still has it.
  const left = { latest, before: listed.before ?? listed.latest }
  return { ...facts, addresses: { ...facts.addresses, [place.family]: left } }
}

const has = (prefixes: readonly Prefix[], family: Family): boolean =>
  prefixes.some(({ address }) => familyOf(address) === family)

/** Was the document's value learned? What was merely found in the kernel is still to be asked for. */
function isKnown(facts: EniFacts, leaf: Leaf): boolean {
  const place = places[leaf]
  if (!('family' in place)) {
    return facts[place.field] !== undefined
  }
  return place.field === 'addresses'
    ? facts.addresses[place.family] !== undefined
    : has(
        facts[place.field].filter((prefix) => !facts.recalled?.includes(prefix)),
        place.family,
      )
}

/** Does the document list anything, by what was learned of it? */
export function isListed(facts: EniFacts, leaf: Leaf): boolean {
  const place = places[leaf]
  if (!('family' in place)) {
    return isKnown(facts, leaf)
  }
  return place.field === 'addresses'
    ? (facts.addresses[place.family]?.latest.length ?? 0) > 0
    : has(facts[place.field], place.family)
}

/** The documents that have still to be learned. A device number that can't be true is none. */
export function unknownLeaves(facts: EniFacts | undefined, primaryMac: string | undefined): Leaf[] {
  const present = facts ?? emptyFacts('')
  return leafNames.filter(
    (leaf) => !isKnown(present, leaf) || (leaf === 'device-number' && !hasNumbers(present, primaryMac)),
  )
}

const hasNumbers = (facts: EniFacts, primaryMac: string | undefined): boolean =>
  numbersOf({ enis: new Map([[facts.mac, facts]]), ...(primaryMac ? { primaryMac } : {}) }, facts.mac) !== undefined

/** Is everything there that every ENI has? Of the rest nobody can tell whether it is yet to come. */
export const isWhole = (facts: EniFacts | undefined, primaryMac: string | undefined): boolean =>
  facts?.id !== undefined && hasNumbers(facts, primaryMac) && hasAddresses(facts)

/** Lists whose latest document lacks an address that the one before it had. It may be a slip: a second one has to say so. */
export const shrunkLists = ({ addresses }: EniFacts): Leaf[] =>
  families
    .filter((family) => {
      const listed = addresses[family]
      return listed?.before?.some((address) => !listed.latest.includes(address)) ?? false
    })
    .map((family) => (family === 4 ? 'local-ipv4s' : 'ipv6s'))
