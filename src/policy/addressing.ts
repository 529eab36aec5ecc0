import { type Address, onLinkPrefix, scope } from '../state/address.ts'
import { addressBits, families, familyOf } from '../state/ip.ts'
import type { Link } from '../state/link.ts'
import { contains } from '../state/prefix.ts'
import type { Snapshot } from '../state/snapshot.ts'
import type { Eni } from './enis.ts'
import type { EniFacts, Listed } from './knowledge.ts'
import type { Settings } from './settings.ts'

/** What mode "imds" wants of links and addresses. Nothing else of them is ever touched. */
export interface Addressing {
  /** ENIs of this program's that lack an address that is listed. It is put there when `due` of the knowledge says so. */
  readonly lacking: readonly Link[]
  readonly up: readonly Link[]
  /** What it gave and is still to be there. */
  readonly hold: readonly Address[]
  readonly add: readonly Address[]
  readonly remove: readonly Address[]
}

export const noAddressing: Addressing = { lacking: [], up: [], hold: [], add: [], remove: [] }

/**
 * Bare ENIs: down and without an address, as they are when just attached, in the mode that may give them theirs. One that
 * was taken down looks the same where it had IPv6 alone: the kernel drops IPv6 addresses with the link.
 */
export const bareLinks = (enis: readonly Eni[], { addresses }: Snapshot, { addressing, knowledge }: Settings): Link[] =>
  enis
    .filter(({ managed }) => managed && addressing === 'imds')
    .map(({ link }) => link)
    .filter((link) => !link.up && !knowledge.raised.has(link.index))
    .filter((link) => !addresses.some((address) => address.linkIndex === link.index && isGlobal(address)))

const isGlobal = (address: Address): boolean => address.scope < scope.link

/**
 * Addresses that this program gave a link bear its protocol number (IFA_PROTO), where the kernel keeps that: Linux 5.18.
 */
export const isOurAddress = ({ numbers, retired }: Settings, { protocol }: Address): boolean =>
  protocol !== undefined && [numbers, ...retired.map((earlier) => earlier.numbers)].some((n) => n.protocol === protocol)

/** Everything that this program gave, for its end. */
export const ourAddresses = ({ addresses }: Snapshot, settings: Settings): Address[] =>
  addresses.filter((address) => isOurAddress(settings, address))

/** Does this program give the link its addresses? It adopted it, or did so before it was restarted. */
export const looksAfter = ({ index, mac }: Link, { addresses }: Snapshot, settings: Settings): boolean =>
  settings.addressing === 'imds' &&
  (settings.knowledge.adopted.has(mac) ||
    addresses.some((address) => address.linkIndex === index && isOurAddress(settings, address)))

/**
 * Does the link show the hand of somebody else: an address that is not ours, or none of ours left? NetworkManager says of
 * each link that it manages it, also of one that it merely watches, as it does with those that it finds configured.
 */
export const isTouched = ({ index }: Link, { addresses }: Snapshot, settings: Settings): boolean => {
  const own = addresses.filter((address) => address.linkIndex === index && isGlobal(address))
  return own.length === 0 || !own.every((address) => isOurAddress(settings, address))
}

/** What the ENIs lack that this program looks after, and what the VPC took from them. */
export function wantedAddressing(enis: readonly Eni[], snapshot: Snapshot, settings: Settings): Addressing {
  if (settings.addressing !== 'imds') {
    return noAddressing
  }
  const bare = new Set(bareLinks(enis, snapshot, settings))
  const parts = enis.flatMap((eni) => {
    const { link, managed } = eni
    const facts = settings.knowledge.enis.get(link.mac)
    // One that somebody took down has its addresses still, and stays down.
    const cared = managed && looksAfter(link, snapshot, settings) && (link.up || bare.has(link))
    const own = cared ? snapshot.addresses.filter(({ linkIndex }) => linkIndex === link.index) : []
    return facts && cared ? [wantedOf(eni, facts, own, snapshot, settings)] : []
  })
  const lacking = parts.filter(({ lacks }) => lacks.length > 0)
  const due = lacking.filter(({ link }) => settings.knowledge.due.has(link.mac))
  return {
    lacking: lacking.map(({ link }) => link),
    up: due.flatMap(({ link }) => (link.up ? [] : [link])),
    hold: parts.flatMap(({ hold }) => hold),
    add: due.flatMap(({ lacks }) => lacks),
    remove: parts.flatMap(({ remove }) => remove),
  }
}

function wantedOf(
  { link, plugin }: Eni,
  { addresses, subnets }: EniFacts,
  own: readonly Address[],
  { addresses: seen }: Snapshot,
  settings: Settings,
) {
  const lists = families.flatMap((family) => {
    const listed = addresses[family]
    return listed ? [{ family, listed }] : []
  })
  const lacks = lists
    .flatMap(({ family, listed }) => listed.latest.map((address, place) => ({ family, address, primary: place === 0 })))
    // An address that another link has, say a container's, has found its place; those of pods are seen nowhere.
    .filter(({ address, primary }) => (primary || !plugin) && !seen.some((present) => present.address === address))
    .flatMap(({ family, address, primary }) => {
      const subnet = subnets.find((candidate) => contains(candidate, address))
      const length = family === 4 && primary ? subnet?.length : addressBits(family)
      // The primary comes with the block of its subnet, and that document may be yet to come.
      return subnet && length !== undefined ? [given(link, address, length, settings)] : []
    })
  const ours = own.filter((address) => isOurAddress(settings, address))
  const remove = ours.filter((address) => hasLeft(address, addresses[familyOf(address.address)]))
  return { link, lacks, remove, hold: ours.filter((address) => !remove.includes(address)) }
}

/** Two valid documents in a row have to say so. */
const hasLeft = ({ address }: Address, listed: Listed | undefined): boolean =>
  listed?.before !== undefined && !listed.latest.includes(address) && !listed.before.includes(address)

/** An address as the VPC would have it: only an IPv4 primary brings its subnet along as a route. */
const given = (link: Link, address: string, length: number, { numbers }: Settings): Address => ({
  linkIndex: link.index,
  address,
  onLink: onLinkPrefix(address, length),
  scope: scope.universe,
  secondary: false,
  tentative: false,
  dadFailed: false,
  noPrefixRoute: length === addressBits(familyOf(address)),
  protocol: numbers.protocol,
})
