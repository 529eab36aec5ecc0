import { addressBits, type Family, familyOf, formatAddress, parseAddress } from './ip.ts'

/** A CIDR block; `address` is canonical text with every host bit zero. `{0.0.0.0, 0}` and `{::, 0}` are "all". */
export interface Prefix {
  readonly address: string
  readonly length: number
}

export const anyPrefix = (family: Family): Prefix => ({ address: family === 4 ? '0.0.0.0' : '::', length: 0 })

/** The prefix that holds this address alone (/32 or /128). */
export const hostPrefix = (address: string): Prefix => ({ address, length: addressBits(familyOf(address)) })

export const isHostPrefix = (prefix: Prefix): boolean => prefix.length === addressBits(familyOf(prefix.address))

/** The block of `length` bits that `address` (valid text) lies in. */
export function networkOf(address: string, length: number): Prefix {
  const bytes = Uint8Array.from(bytesOf(address))
  for (let i = 0; i < bytes.length; i++) {
    const keep = Math.min(8, Math.max(0, length - 8 * i))
    bytes[i] = (bytes[i] as number) & (0xff00 >> keep)
  }
  return { address: formatAddress(bytes), length }
}

/** Does the address lie in the prefix? False across families. */
export function contains(prefix: Prefix, address: string): boolean {
  return familyOf(prefix.address) === familyOf(address) && networkOf(address, prefix.length).address === prefix.address
}

/** The address `offset` places after the prefix's first, e.g. +1 for the router of a VPC subnet. Wraps at the end. */
export function addressAt(prefix: Prefix, offset: number): string {
  const bytes = Uint8Array.from(bytesOf(prefix.address))
  let carry = offset
  for (let i = bytes.length - 1; i >= 0; i--) {
    carry += bytes[i] as number
    bytes[i] = carry & 255
    carry = Math.floor(carry / 256)
  }
  return formatAddress(bytes)
}

/** The prefix of the same length that differs in its last bit alone: the other half of the prefix one bit shorter. */
export function neighbourOf(prefix: Prefix): Prefix {
  const bytes = Uint8Array.from(bytesOf(prefix.address))
  const bit = prefix.length - 1
  if (bit >= 0) {
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (0x80 >> (bit & 7))
  }
  return { address: formatAddress(bytes), length: prefix.length }
}

/** `ADDRESS/LENGTH`, or `ADDRESS` alone for a host, as `ip` prints it. */
export const formatPrefix = (prefix: Prefix): string =>
  isHostPrefix(prefix) ? prefix.address : `${prefix.address}/${prefix.length}`

/** Equal prefixes have equal keys. */
export const prefixKey = (prefix: Prefix): string => `${prefix.address}/${prefix.length}`

/** The prefix in `text` (`ADDRESS/LENGTH` or `ADDRESS`; host bits are cleared), or undefined where it is none. */
export function parsePrefix(text: string): Prefix | undefined {
  const [address, length, ...rest] = text.split('/') as [string, string?, ...string[]]
  const bytes = parseAddress(address)
  if (!bytes || rest.length > 0) {
    return undefined
  }
  if (length === undefined) {
    return hostPrefix(formatAddress(bytes))
  }
  return /^\d{1,3}$/.test(length) && Number(length) <= bytes.length * 8
    ? networkOf(formatAddress(bytes), Number(length))
    : undefined
}

function bytesOf(address: string): Uint8Array {
  const bytes = parseAddress(address)
  if (!bytes) {
    throw new TypeError(`not an IP address: ${address}`)
  }
  return bytes
}
