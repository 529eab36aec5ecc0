import { expect, test } from 'vitest'
import { isRoutable } from '../../../src/state/address.ts'
import { snapshot } from '../../support/snapshot.ts'

test.each([
  { name: 'an IPv4 address', addr: '10.0.0.5/24 dev eth0', routable: true },
  { name: 'an IPv6 address', addr: '2600::5/64 dev eth0', routable: true },
  {
    name: 'an IPv6 address whose detection of duplicates is not over',
    addr: '2600::5/64 dev eth0 tentative',
    routable: false,
  },
  { name: 'a duplicate', addr: '2600::5/64 dev eth0 dadfailed', routable: false },
  { name: 'a link-local address', addr: 'fe80::5/64 dev eth0', routable: false },
  { name: 'an address without its subnet route', addr: '10.0.0.5/24 dev eth0 noprefixroute', routable: true },
])('$name: $routable', ({ addr, routable }) => {
  expect(isRoutable(snapshot(`link eth0\naddr ${addr}`).addresses[0]!)).toBe(routable)
})

test('the prefix of a point-to-point address is the peer’s', () => {
  const [address] = snapshot('link tun0 type tun\naddr 10.0.0.5/32 dev tun0 peer 10.0.0.6/32').addresses
  expect(address?.onLink).toEqual({ address: '10.0.0.6', length: 32 })
})
