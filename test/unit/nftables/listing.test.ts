import { expect, test } from 'vitest'
import { parseListing } from '../../../src/nftables/listing.ts'

const mark = { meta: { key: 'mark' } }
const listing = (...expr: object[]) =>
  JSON.stringify({
    nftables: [
      { metainfo: { version: '1.0.6' } },
      { table: { family: 'inet', name: 'eni-routed', handle: 1 } },
      { chain: { family: 'inet', table: 'eni-routed', name: 'c', handle: 2 } },
      { rule: { family: 'inet', table: 'eni-routed', chain: 'c', handle: 3, expr } },
    ],
  })
const chainOf = (...expr: object[]) => parseListing(listing(...expr)).chains

test.each([
  { name: 'constants joined', value: { '|': [{ '&': [mark, 0x83ffffff] }, 0x03000000] } },
  { name: 'constants apart', value: { '|': [{ '&': [mark, 0x80ffffff] }, 0x03000000] } },
  { name: 'an exclusive or', value: { '^': [{ '&': [mark, 0x80ffffff] }, 0x03000000] } },
  { name: 'constants first', value: { '|': [0x03000000, { '&': [0x80ffffff, mark] }] } },
])('one spelling for one change of a mark: $name', ({ value }) => {
  expect(chainOf({ mangle: { key: mark, value } })).toEqual([
    'chain c { meta mark set meta mark & 0x80ffffff | 0x3000000; }',
  ])
})

test('elements of a map in one order, whatever the order of the kernel', () => {
  const to = (target: string) => ({ goto: { target } })
  const set = [
    ['eth1', to('b')],
    ['eth0', to('a')],
  ]
  expect(chainOf({ vmap: { key: { meta: { key: 'iif' } }, data: { set } } })).toEqual([
    'chain c { iif vmap { "eth0" : goto a, "eth1" : goto b }; }',
  ])
})

test.each([
  { name: 'a counter', statement: { counter: { packets: 1, bytes: 2 } } },
  { name: 'a verdict', statement: { drop: null } },
  { name: 'an operator of a later nft', statement: { mangle: { key: mark, value: { '<<': [mark, 1] } } } },
  { name: 'no statement at all', statement: {} },
])('what is not known shows as it is: $name', ({ statement }) => {
  expect(chainOf(statement)).toEqual([`chain c { ${JSON.stringify(statement)}; }`])
})

test("somebody's set in the table shows", () => {
  const json = JSON.stringify({ nftables: [{ set: { name: 's' } }] })
  expect(parseListing(json).chains).toEqual(['{"set":{"name":"s"}}'])
})
