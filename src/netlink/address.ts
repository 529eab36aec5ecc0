import type { Address } from '../state/address.ts'
import { addressBits, type Family, formatAddress } from '../state/ip.ts'
import { Attributes } from './attributes.ts'
import { familyFrom, familyNumber } from './family.ts'
import { addressBytes, prefixOf } from './prefix.ts'

/** linux/if_addr.h */
export const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8, PROTO: 11 } as const
export const IFA_F = {
  SECONDARY: 0x1,
  NODAD: 0x2,
  OPTIMISTIC: 0x4,
  DADFAILED: 0x8,
  TENTATIVE: 0x40,
  NOPREFIXROUTE: 0x200,
} as const
/** Bytes of struct ifaddrmsg. */
export const ADDRESS_HEADER = 8
const HEADER = ADDRESS_HEADER

interface Draft {
  /** IFA_FLAGS has 32 bits; the header's field holds the lower eight. */
  flags: number
  address?: Buffer | undefined
  local?: Buffer | undefined
  protocol?: number
}

/** The address in the body of RTM_NEWADDR or RTM_DELADDR; undefined where it can't be understood. */
export function decodeAddress(payload: Buffer): Address | undefined {
  const family = familyFrom(payload[0])
  const length = payload[1] as number
  if (!family || payload.length < HEADER || length > addressBits(family)) {
    return undefined
  }
  const draft = readAttributes(payload, family)
  const local = draft?.local ?? draft?.address
  return draft && local ? build(payload, draft, { local, length, family }) : undefined
}

function readAttributes(payload: Buffer, family: Family): Draft | undefined {
  const draft: Draft = { flags: payload[2] as number }
  const attributes = new Attributes(payload, HEADER)
  while (attributes.next()) {
    if (attributes.type === IFA.ADDRESS) draft.address = attributes.exactly(addressBytes(family))
    else if (attributes.type === IFA.LOCAL) draft.local = attributes.exactly(addressBytes(family))
    else if (attributes.type === IFA.FLAGS) draft.flags = attributes.u32()
    else if (attributes.type === IFA.PROTO) draft.protocol = attributes.u8()
  }
  return attributes.malformed ? undefined : draft
}

function build(
  payload: Buffer,
  { flags, address: peer, protocol }: Draft,
  { local, length, family }: { local: Buffer; length: number; family: Family },
): Address {
  return {
    linkIndex: payload.readUInt32LE(4),
    address: formatAddress(local),
    // Without IFA_ADDRESS there is no peer: the block around the address itself.
    onLink: prefixOf(peer ?? local, length, family),
    scope: payload[3] as number,
    secondary: (flags & IFA_F.SECONDARY) !== 0,
    // An optimistic address is in use while DAD still runs: the kernel takes it as a source (ipv6_chk_addr).
    tentative: (flags & IFA_F.TENTATIVE) !== 0 && (flags & IFA_F.OPTIMISTIC) === 0,
    dadFailed: (flags & IFA_F.DADFAILED) !== 0,
    noPrefixRoute: (flags & IFA_F.NOPREFIXROUTE) !== 0,
    // 1 to 3 are the kernel's own: loopback, router advertisements, link-local.
    ...(protocol ? { protocol } : {}),
  }
}

/** The body of a request for all addresses of the family, or of every one. */
export function addressDumpPayload(family?: Family): Buffer {
  const payload = Buffer.alloc(HEADER)
  payload[0] = familyNumber(family)
  return payload
}
