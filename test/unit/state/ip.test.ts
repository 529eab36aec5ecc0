import { isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalAddress, familyOf, formatAddress, parseAddress } from '../../../src/state/ip.ts'

/** Text that is an address, nearly one, or made of the characters of one. */
const addressText = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.stringMatching(/^[0-9a-fA-F:.]{0,24}$/),
  fc
    .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(40), fc.constantFrom('', ':', '.', '0', '::', 'g', '1'))
    .map(([text, at, insert]) => {
      const place = at % (text.length + 1)
      return text.slice(0, place) + insert + text.slice(place + (insert === '' ? 1 : 0))
    }),
)
const bytes = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
/** Zero bytes in runs, where the spelling of IPv6 is decided. */
const sparseBytes = fc
  .array(fc.constantFrom(0, 0, 0, 1, 0xab), { minLength: 16, maxLength: 16 })
  .map((list) => Uint8Array.from(list))

describe('parseAddress', () => {
  test('takes what net.isIP takes, and nothing else', () => {
    fc.assert(
      fc.property(addressText, (text) => {
        expect(parseAddress(text) === undefined ? 0 : familyOf(text), text).toBe(isIP(text))
      }),
      { numRuns: 3000 },
    )
  })

  test.each([
    { name: 'a leading zero, which some read as octal', text: '010.0.0.1' },
    { name: 'a number above 255', text: '10.0.0.256' },
    { name: 'three parts', text: '10.0.1' },
    { name: 'five parts', text: '10.0.0.1.1' },
    { name: 'a sign', text: '10.0.0.+1' },
    { name: 'a space', text: ' 10.0.0.1' },
    { name: 'two double colons', text: '1::2::3' },
    { name: 'three colons', text: ':::1' },
    { name: 'a lone colon at the start', text: ':1:2:3:4:5:6:7' },
    { name: 'seven groups', text: '1:2:3:4:5:6:7' },
    { name: 'nine groups', text: '1:2:3:4:5:6:7:8:9' },
    { name: 'a double colon for no group', text: '1:2:3:4::5:6:7:8' },
    { name: 'five digits', text: '12345::' },
    { name: 'IPv4 in the middle', text: '::1.2.3.4:5' },
    { name: 'a zone', text: 'fe80::1%eth0' },
    { name: 'nothing', text: '' },
  ])('refuses $name', ({ text }) => {
    expect(parseAddress(text)).toBe(undefined)
  })
})

describe('formatAddress', () => {
  test('is undone by parseAddress', () => {
    fc.assert(
      fc.property(fc.oneof(bytes, sparseBytes), (value) => {
        expect(parseAddress(formatAddress(value))).toEqual(value)
      }),
    )
  })

  test('spells IPv6 as the URL standard does', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ minLength: 16, maxLength: 16 }), sparseBytes), (value) => {
        const groups = Array.from({ length: 8 }, (_, i) => ((value[2 * i]! << 8) | value[2 * i + 1]!).toString(16))
        expect(formatAddress(value)).toBe(new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('canonicalAddress', () => {
  test.each([
    { text: '172.31.0.1', canonical: '172.31.0.1' },
    { text: '2600:1F18:0:0:0:0:0:1', canonical: '2600:1f18::1' },
    { text: '0:0:1:0:0:0:2:0', canonical: '0:0:1::2:0' },
    { text: '1:0:0:2:0:0:3:4', canonical: '1::2:0:0:3:4' },
    { text: '1:0:2:3:4:5:6:7', canonical: '1:0:2:3:4:5:6:7' },
    { text: '::ffff:10.0.0.1', canonical: '::ffff:a00:1' },
    { text: '::', canonical: '::' },
    { text: 'eth0', canonical: undefined },
  ])('$text is spelled $canonical', ({ text, canonical }) => {
    expect(canonicalAddress(text)).toBe(canonical)
  })
})
