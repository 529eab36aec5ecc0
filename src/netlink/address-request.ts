import type { Address } from '../state/address.ts'
import { familyOf, parseAddress } from '../state/ip.ts'
import { ADDRESS_HEADER, IFA, IFA_F } from './address.ts'
import { NLM_F, RTM } from './constants.ts'
import { familyNumber } from './family.ts'
import type { Request } from './framing.ts'
import { Payload } from './payload.ts'

/**
 * `ip address add … nodad`; EEXIST where the link has it. Without duplicate address detection, which would hold an IPv6
 * address back for 1 to 2 s: a VPC gives no address twice.
 */
export const addAddress = (address: Address): Request => ({
  type: RTM.NEWADDR,
  flags: NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL,
  payload: encodeAddress(address, (address.noPrefixRoute ? IFA_F.NOPREFIXROUTE : 0) | nodad(address)),
})

/** `ip address del`; EADDRNOTAVAIL where the link has it not. */
export const deleteAddress = (address: Address): Request => ({
  type: RTM.DELADDR,
  flags: NLM_F.ACK,
  payload: encodeAddress(address, 0),
})

const nodad = ({ address }: Address): number => (familyOf(address) === 6 ? IFA_F.NODAD : 0)

/** The body for an address without a peer. A kernel before 5.18 passes over its protocol. */
function encodeAddress({ linkIndex, address, onLink, scope, protocol }: Address, flags: number): Buffer {
  const payload = new Payload(ADDRESS_HEADER)
  const { header } = payload
  header[0] = familyNumber(familyOf(address))
  header[1] = onLink.length
  header[3] = scope
  header.writeUInt32LE(linkIndex, 4)
  const bytes = parseAddress(address) as Uint8Array
  payload.bytes(IFA.LOCAL, bytes).bytes(IFA.ADDRESS, bytes)
  if (flags !== 0) payload.u32(IFA.FLAGS, flags)
  if (protocol !== undefined) payload.u8(IFA.PROTO, protocol)
  return payload.finish()
}
