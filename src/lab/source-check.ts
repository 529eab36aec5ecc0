import { familyOf } from '../state/ip.ts'
import type { Namespace } from './namespace.ts'

/*
 * The VPC's source check: what an ENI sends must have the ENI's own MAC and one of its addresses. Bridge family of
 * nftables, and sets instead of rules: an ENI costs no rule, and its elements may come before its port exists. What is
 * dropped becomes an element with a counter, so that the kernel keeps the book: by port, reason and source.
 */

const table = 'bridge source-check'

/** Which source was not the ENI's. */
export type DropReason = 'mac' | 'ipv4' | 'ipv6' | 'arp'

/** Frames that an ENI sent with a source that is not its own. */
export interface Dropped {
  /** The ENI by which they left the instance, as `attach` named it. */
  readonly eni: string
  readonly reason: DropReason
  /** The foreign source: a MAC address for `mac`, an IP address for the others. */
  readonly source: string
  readonly packets: number
}

const checks: { reason: DropReason; type: string; source: string; allowed: string }[] = [
  { reason: 'mac', type: 'ether_addr', source: 'ether saddr', allowed: 'mac' },
  { reason: 'ipv4', type: 'ipv4_addr', source: 'ip saddr', allowed: 'ipv4' },
  { reason: 'ipv6', type: 'ipv6_addr', source: 'ip6 saddr', allowed: 'ipv6' },
  { reason: 'arp', type: 'ipv4_addr', source: 'arp saddr ip', allowed: 'ipv4' },
]

/** Puts the check into the fabric. No port is checked until it is admitted. */
export async function installSourceCheck(fabric: Namespace): Promise<void> {
  const allowed = checks.slice(0, 3).map(({ allowed, type }) => `set ${allowed} { type ifname . ${type}; }`)
  const dropped = checks.map(
    ({ reason, type }) => `set dropped-${reason} { type ifname . ${type}; size 65535; flags dynamic; counter; }`,
  )
  const rules = checks.map(
    ({ reason, source, allowed }) =>
      `iifname . ${source} != @${allowed} add @dropped-${reason} { iifname . ${source} } drop`,
  )
  const lines = [
    'set eni { type ifname; }',
    ...allowed,
    ...dropped,
    'chain check {',
    ...rules,
    '}',
    'chain from-eni { type filter hook prerouting priority 0; iifname @eni jump check; }',
  ]
  await nft(fabric, [`table ${table} {`, ...lines, '}'])
}

/** What an ENI may send with. */
export interface Sources {
  readonly name: string
  readonly mac: string
  /** Further to these addresses an ENI may use `::`: for duplicate address detection and the first multicast reports. */
  readonly addresses: readonly string[]
}

/** From now on frames from the ENI's port pass with these sources only. The port need not be there yet. */
export async function admit(fabric: Namespace, { name, mac, addresses }: Sources): Promise<void> {
  await nft(fabric, [
    `add element ${table} eni { "${name}" }`,
    `add element ${table} mac { "${name}" . ${mac} }`,
    ...['::', ...addresses].map((address) => addressElement('add', name, address)),
  ])
}

/** Undoes `admit`. What was dropped stays on the books. */
export async function dismiss(fabric: Namespace, { name, mac, addresses }: Sources): Promise<void> {
  await nft(fabric, [
    `delete element ${table} eni { "${name}" }`,
    `delete element ${table} mac { "${name}" . ${mac} }`,
    ...['::', ...addresses].map((address) => addressElement('delete', name, address)),
  ])
}

/** The ENI may (`add`) or may no longer (`delete`) use the addresses. */
export async function changeSources(
  fabric: Namespace,
  verb: 'add' | 'delete',
  eni: string,
  addresses: readonly string[],
): Promise<void> {
  await nft(
    fabric,
    addresses.map((address) => addressElement(verb, eni, address)),
  )
}

/** Everything dropped so far, a line for each ENI, reason and source. */
export async function readDropped(fabric: Namespace): Promise<Dropped[]> {
  const listing = JSON.parse(await fabric.exec('nft', ['-j', 'list', 'table', ...table.split(' ')])) as Listing
  return checks.flatMap(({ reason }) => {
    const set = listing.nftables.find((object) => object.set?.name === `dropped-${reason}`)?.set
    return (set?.elem ?? []).map(({ elem: { val, counter } }) => {
      const [eni, source] = val.concat
      return { eni, reason, source, packets: counter.packets }
    })
  })
}

/** The part of `nft -j list table` (libnftables-json(5)) that is read here. */
interface Listing {
  nftables: { set?: { name: string; elem?: { elem: { val: { concat: [string, string] }; counter: Counter } }[] } }[]
}

interface Counter {
  packets: number
}

function addressElement(verb: 'add' | 'delete', eni: string, address: string): string {
  return `${verb} element ${table} ipv${familyOf(address)} { "${eni}" . ${address} }`
}

async function nft(fabric: Namespace, lines: readonly string[]): Promise<void> {
  await fabric.exec('nft', ['-f', '-'], `${lines.join('\n')}\n`)
}
