import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Claim, Terrain } from '../../../src/policy/terrain.ts'
import { formatAddress } from '../../../src/state/ip.ts'
import { hostPrefix, networkOf, type Prefix } from '../../../src/state/prefix.ts'

const address = (n: number) => formatAddress(Uint8Array.of(10, 0, n >> 8, n & 255))
/** Close together, so that blocks fill, empty, and overlap; few are wider than one address, and hold others. */
const source: fc.Arbitrary<Prefix> = fc.oneof(
  { arbitrary: fc.nat(70).map((n) => hostPrefix(address(n))), weight: 12 },
  {
    arbitrary: fc.tuple(fc.nat(300), fc.constantFrom(28, 31)).map(([n, bits]) => networkOf(address(n), bits)),
    weight: 1,
  },
)

/** What two ENIs hold one after the other: a source comes to one, or leaves it. */
const history = fc.array(fc.tuple(fc.nat(1), source), { minLength: 1, maxLength: 90 }).map((steps) => {
  const held: [Prefix[], Prefix[]] = [[], []]
  return steps.map(([eni, prefix]): Claim[] => {
    const own = held[eni as 0 | 1]
    const at = own.findIndex(({ address, length }) => address === prefix.address && length === prefix.length)
    if (at >= 0) own.splice(at, 1)
    else own.push(prefix)
    return held.map((sources, i) => ({ link: `eth${i}`, entry: i, sources: [...sources] }))
  })
})

test('what is kept and changed one by one is at every moment what is made anew', () => {
  fc.assert(
    fc.property(history, (claims) => {
      const terrain = new Terrain()
      for (const now of claims) {
        expect(flat(terrain.over(now))).toEqual(flat(new Terrain().over(now)))
      }
    }),
    { numRuns: 200 },
  )
})

const twice = hostPrefix('10.0.0.1')
const block = networkOf('10.0.0.0', 28)
test.each([
  {
    name: 'an address that is there twice stays until it is gone twice',
    held: [[twice, twice], [twice], []],
    left: [1, 1, 0],
  },
  {
    name: 'two halves are one block',
    held: [[hostPrefix('10.0.0.2')], [hostPrefix('10.0.0.2'), hostPrefix('10.0.0.3')]],
    left: [1, 1],
  },
  {
    name: 'an address in a prefix is left when the prefix goes',
    held: [[block], [block, twice], [twice]],
    left: [1, 1, 1],
  },
])('$name', ({ held, left }) => {
  const terrain = new Terrain()
  expect(held.map((sources) => terrain.over([{ link: 'eth0', entry: 0, sources }])?.length)).toEqual(left)
})

const flat = (items: ReturnType<Terrain['over']>) =>
  items?.map(({ block, link, entry }) => [block.prefix.address, block.prefix.length, block.digits, link, entry])
