import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatAddress, parseAddress } from '../../../src/state/ip.ts'
import {
  addressAt,
  anyPrefix,
  contains,
  formatPrefix,
  hostPrefix,
  isHostPrefix,
  neighbourOf,
  networkOf,
  parsePrefix,
  prefixKey,
} from '../../../src/state/prefix.ts'

/** An address and a length of its family, as a number of any size: the oracle counts where the code works on bytes. */
const located = fc.constantFrom<[bytes: number]>([4], [16]).chain(([size]) =>
  fc.record({
    address: fc.uint8Array({ minLength: size, maxLength: size }).map(formatAddress),
    other: fc.uint8Array({ minLength: size, maxLength: size }).map(formatAddress),
    length: fc.nat(size * 8),
    bits: fc.constant(size * 8),
  }),
)
const toNumber = (address: string): bigint =>
  parseAddress(address)!.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
const shift = (bits: number, length: number): bigint => BigInt(bits - length)

const law = (name: string, holds: (value: { address: string; other: string; length: number; bits: number }) => void) =>
  test(name, () => fc.assert(fc.property(located, holds), { numRuns: 500 }))

describe('prefix arithmetic', () => {
  law('networkOf clears the bits of the host, and no others', ({ address, length, bits }) => {
    const network = toNumber(networkOf(address, length).address)
    expect(network).toBe((toNumber(address) >> shift(bits, length)) << shift(bits, length))
  })

  law('contains compares the first bits', ({ address, other, length, bits }) => {
    const same = toNumber(address) >> shift(bits, length) === toNumber(other) >> shift(bits, length)
    expect(contains(networkOf(address, length), other)).toBe(same)
    expect(contains(networkOf(address, length), address)).toBe(true)
  })

  law('addressAt counts, and wraps at the end', ({ address, length, bits }) => {
    const prefix = networkOf(address, length)
    for (const offset of [0, 1, 5, 255, 256, 70_000]) {
      expect(toNumber(addressAt(prefix, offset))).toBe(
        (toNumber(prefix.address) + BigInt(offset)) % (1n << BigInt(bits)),
      )
    }
  })

  law('neighbourOf is the other half of the prefix one bit shorter', ({ address, length }) => {
    fc.pre(length > 0)
    const prefix = networkOf(address, length)
    const neighbour = neighbourOf(prefix)
    expect(neighbour).not.toEqual(prefix)
    expect(neighbourOf(neighbour)).toEqual(prefix)
    expect(networkOf(neighbour.address, length - 1)).toEqual(networkOf(address, length - 1))
    expect(networkOf(neighbour.address, length)).toEqual(neighbour)
  })

  law('parsePrefix undoes both spellings', ({ address, length }) => {
    const prefix = networkOf(address, length)
    expect(parsePrefix(formatPrefix(prefix))).toEqual(prefix)
    expect(parsePrefix(prefixKey(prefix))).toEqual(prefix)
  })

  law('parsePrefix clears the bits of the host', ({ address, length }) => {
    expect(parsePrefix(`${address}/${length}`)).toEqual(networkOf(address, length))
  })
})

describe('contains', () => {
  test.each([
    { prefix: '172.31.0.0/20', address: '172.31.15.216', inside: true },
    { prefix: '172.31.0.0/20', address: '172.31.16.1', inside: false },
    { prefix: '0.0.0.0/0', address: '8.8.8.8', inside: true },
    { prefix: '0.0.0.0/0', address: '2001:db8::1', inside: false },
    { prefix: '::/0', address: '8.8.8.8', inside: false },
    { prefix: 'fe80::/10', address: 'febf::1', inside: true },
    { prefix: 'fe80::/10', address: 'fec0::1', inside: false },
    { prefix: '10.0.0.1', address: '10.0.0.1', inside: true },
  ])('$address in $prefix: $inside', ({ prefix, address, inside }) => {
    expect(contains(parsePrefix(prefix)!, address)).toBe(inside)
  })
})

describe('parsePrefix refuses', () => {
  test.each([
    { name: 'a length beyond the family', text: '10.0.0.0/33' },
    { name: 'an IPv6 length beyond the family', text: '::/129' },
    { name: 'a second length', text: '10.0.0.0/8/8' },
    { name: 'an empty length', text: '10.0.0.0/' },
    { name: 'a length with a sign', text: '10.0.0.0/-1' },
    { name: 'a mask', text: '10.0.0.0/255.0.0.0' },
    { name: 'what is no address', text: 'eth0/24' },
  ])('$name', ({ text }) => {
    expect(parsePrefix(text)).toBe(undefined)
  })
})

test('a host is its own prefix, and printed without a length', () => {
  expect(formatPrefix(hostPrefix('10.0.0.1'))).toBe('10.0.0.1')
  expect(formatPrefix(hostPrefix('::1'))).toBe('::1')
  expect(isHostPrefix(networkOf('::1', 32))).toBe(false)
  expect(formatPrefix(anyPrefix(6))).toBe('::/0')
})

test('arithmetic on what is no address is a programming error', () => {
  expect(() => networkOf('eth0', 8)).toThrow(new TypeError('not an IP address: eth0'))
})
