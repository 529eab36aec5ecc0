import { type Family, formatAddress } from '../state/ip.ts'
import { anyPrefix, type Prefix } from '../state/prefix.ts'
import type { Attributes } from './attributes.ts'

/** Bytes of an address of the family. */
export const addressBytes = (family: Family): 4 | 16 => (family === 4 ? 4 : 16)

/** The address at `offset` of an attribute, of the family's size and up to its end, as text; undefined (and `malformed`) for any other size. */
export function readAddress(attribute: Attributes, family: Family, offset = 0): string | undefined {
  const bytes = attribute.exactly(addressBytes(family), offset)
  return bytes && formatAddress(bytes)
}

/** The block of `length` bits around the address in `bytes`; all host bits zero, whatever the kernel has there. */
export function prefixOf(bytes: Uint8Array | undefined, length: number, family: Family): Prefix {
  if (!bytes) {
    return { ...anyPrefix(family), length }
  }
  return { address: formatAddress(hasHostBits(bytes, length) ? masked(bytes, length) : bytes), length }
}

/** Is a bit set after the first `length`? (The kernel keeps such an address of a rule as it was typed.) */
export function hasHostBits(bytes: Uint8Array, length: number): boolean {
  for (let i = length >> 3; i < bytes.length; i++) {
    if (((bytes[i] as number) & hostMask(length, i)) !== 0) {
      return true
    }
  }
  return false
}

const masked = (bytes: Uint8Array, length: number): Uint8Array =>
  Uint8Array.from(bytes, (byte, i) => byte & ~hostMask(length, i))

/** The host bits in byte `i` of an address whose prefix has `length` bits. */
const hostMask = (length: number, i: number): number => 0xff >> Math.min(8, Math.max(0, length - 8 * i))
