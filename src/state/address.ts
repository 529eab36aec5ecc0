import { familyOf } from './ip.ts'
import { linkWord } from './link.ts'
import { networkOf, type Prefix } from './prefix.ts'

/** Scope values of rtnetlink(7): 0 universe, 200 site, 253 link, 254 host. */
export const scope = { universe: 0, site: 200, link: 253, host: 254 } as const

/** An address of a link, as RTM_NEWADDR tells it. */
export interface Address {
  readonly linkIndex: number
  /** IFA_LOCAL: the host's own address, canonical text. */
  readonly address: string
  /** The prefix that the address puts on the link: the peer's where there is one (IFA_ADDRESS). */
  readonly onLink: Prefix
  readonly scope: number
  /** A further IPv4 address of a subnet that already has its first, or an IPv6 temporary address. */
  readonly secondary: boolean
  /** Duplicate address detection is not over: the kernel refuses the address as a source. */
  readonly tentative: boolean
  readonly dadFailed: boolean
  /** IFA_F_NOPREFIXROUTE: whoever added the address keeps the on-link route out, or adds it himself. */
  readonly noPrefixRoute: boolean
  /** IFA_PROTO: who added it. Linux 5.18 and newer. */
  readonly protocol?: number
}

/** Equal for addresses that a link can't have both. */
export const addressKey = ({ linkIndex, address, onLink }: Address): string =>
  `address ${linkIndex} ${address}/${onLink.length}`

/** The address as one would type it after `ip address add`, without the command. */
export function formatLinkAddress(address: Address, linkName: (index: number) => string): string {
  const { linkIndex, onLink, noPrefixRoute, protocol } = address
  const words = [`${address.address}/${onLink.length}`, 'dev', linkWord(linkName(linkIndex))]
  if (familyOf(address.address) === 6) words.push('nodad')
  if (noPrefixRoute) words.push('noprefixroute')
  if (protocol !== undefined) words.push('proto', String(protocol))
  return words.join(' ')
}

/** The prefix of an address given as the kernel gives it: local address, peer or same, length. */
export const onLinkPrefix = (peer: string, length: number): Prefix => networkOf(peer, length)

/** Can packets leave the subnet with this source now? Link-local and host addresses, and those DAD holds back, can't. */
export function isRoutable(address: Address): boolean {
  return address.scope < scope.link && !address.dadFailed && !(address.tentative && familyOf(address.address) === 6)
}
