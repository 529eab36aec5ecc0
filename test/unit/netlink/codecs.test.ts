import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeAddress } from '../../../src/netlink/address.ts'
import { addAddress } from '../../../src/netlink/address-request.ts'
import { Attributes } from '../../../src/netlink/attributes.ts'
import { decodeLink, setLinkGroup } from '../../../src/netlink/link.ts'
import { decodeWire } from '../../../src/netlink/link-wire.ts'
import { Payload } from '../../../src/netlink/payload.ts'
import { decodeAnyRoute, decodeRoute } from '../../../src/netlink/route.ts'
import { encodeRoute } from '../../../src/netlink/route-request.ts'
import { decodeRule } from '../../../src/netlink/rule.ts'
import { encodeRule } from '../../../src/netlink/rule-request.ts'
import { decodeUdpSocket, udpDumpPayload } from '../../../src/netlink/udp-socket.ts'
import { formatRule, type Rule } from '../../../src/state/rule.ts'
import { snapshot } from '../../support/snapshot.ts'
import { mangled, route, rule } from './arbitraries.ts'

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex')
const own: Rule = { family: 4, priority: 20001, action: 'lookup', table: 20000, protocol: 213 }

const linkPayload = (fill: (payload: Payload) => void): Buffer => {
  const payload = new Payload(16)
  payload.header.writeInt32LE(7, 4)
  fill(payload.text(3, 'eth0'))
  return payload.finish()
}

const addressPayload = (header: number[], fill: (payload: Payload) => void): Buffer => {
  const payload = new Payload(8)
  payload.header.set(header)
  payload.header.writeUInt32LE(3, 4)
  fill(payload)
  return payload.finish()
}

describe('laws', () => {
  test('a rule survives encoding and decoding', () => {
    fc.assert(
      fc.property(rule, (value) => {
        expect(decodeRule(encodeRule(value))).toEqual(value)
      }),
    )
  })

  test('a route survives encoding and decoding', () => {
    fc.assert(
      fc.property(route, (value) => {
        expect(decodeRoute(encodeRoute(value))).toEqual(value)
      }),
    )
  })

  const decoders = { decodeRule, decodeRoute, decodeAnyRoute, decodeAddress, decodeLink, decodeWire, decodeUdpSocket }
  const valid = fc.oneof(
    rule.map(encodeRule),
    route.map(encodeRoute),
    fc.constant(linkPayload((payload) => payload.nested(18, () => payload.text(1, 'veth')).bytes(1, Buffer.alloc(6)))),
    fc.constant(addressPayload([2, 24, 0x80, 0], (payload) => payload.bytes(1, Buffer.of(10, 0, 0, 1)).u32(8, 0x80))),
  )
  test.each(Object.entries(decoders))('%s never throws, whatever the bytes are', (_, decode) => {
    fc.assert(
      fc.property(mangled(valid), (bytes) => void decode(bytes)),
      { numRuns: 2000 },
    )
  })

  test('an unknown attribute changes nothing in a route', () => {
    fc.assert(
      fc.property(route, fc.uint8Array({ maxLength: 9 }), (value, bytes) => {
        const unknown = new Payload(0).bytes(77, bytes).finish()
        expect(decodeRoute(Buffer.concat([encodeRoute(value), unknown]))).toEqual(value)
      }),
    )
  })
})

describe('rule', () => {
  test('what the kernel sends for `ip rule` number 0', () => {
    const bytes = hex('02000000ff000001 00000000 08000f00ff000000 08000e00ffffffff 0500150002000000')
    expect(formatRule(decodeRule(bytes) as Rule)).toBe('priority 0 from all lookup local protocol 2')
  })

  test.each<{ name: string; attributes: (payload: Payload) => Payload; expected: Partial<Rule> }>([
    {
      name: 'unset suppressors are absent',
      attributes: (p) => p.u32(13, 0xffffffff).u32(14, 0xffffffff),
      expected: {},
    },
    {
      name: 'suppressors',
      attributes: (p) => p.u32(13, 20000).u32(14, 1),
      expected: { suppressGroup: 20000, suppressPrefixLength: 1 },
    },
    { name: 'a full mask is no mask', attributes: (p) => p.u32(10, 5).u32(16, 0xffffffff), expected: { fwmark: 5 } },
    { name: 'a mask alone is mark 0', attributes: (p) => p.u32(16, 1), expected: { fwmark: 0, fwmask: 1 } },
    { name: "the kernel's full port mask is dropped", attributes: (p) => p.u16(28, 0xffff), expected: {} },
    {
      name: 'a partial port mask is kept',
      attributes: (p) => p.u16(29, 0xff00),
      expected: { opaque: [{ type: 29, hex: '00ff' }] },
    },
    {
      name: 'a tunnel id is kept',
      attributes: (p) => p.bytes(12, hex('0000000000000007')),
      expected: { opaque: [{ type: 12, hex: '0000000000000007' }] },
    },
    {
      name: 'longer values are accepted',
      attributes: (p) => p.bytes(20, hex('01000000 02000000 ff')),
      expected: { uidRange: { from: 1, to: 2 } },
    },
    {
      name: 'flags of the attribute type are masked',
      attributes: (p) => p.u32(14 | 0x4000, 1),
      expected: { suppressPrefixLength: 1 },
    },
  ])('$name', ({ attributes, expected }) => {
    const bytes = Buffer.concat([encodeRule(own), attributes(new Payload(0)).finish()])
    expect(decodeRule(bytes)).toEqual({ ...own, ...expected })
  })

  test('host bits of a selector are given back to the kernel as they were', () => {
    const bytes = encodeRule({
      ...own,
      source: { address: '10.0.0.0', length: 24 },
      opaque: [{ type: 2, hex: '0a000005' }],
    })
    const decoded = decodeRule(bytes)
    expect(decoded).toMatchObject({
      source: { address: '10.0.0.0', length: 24 },
      opaque: [{ type: 2, hex: '0a000005' }],
    })
    expect(encodeRule(decoded as Rule)).toEqual(bytes)
  })

  test.each([
    ['a short header', hex('020000')],
    ['another family', encodeRule(own).fill(128, 0, 1)],
    ['a prefix that is too long', encodeRule(own).fill(33, 2, 3)],
    [
      'an address of another size',
      Buffer.concat([encodeRule(own), new Payload(0).bytes(2, Buffer.alloc(16)).finish()]),
    ],
    ['a value that is too short', Buffer.concat([encodeRule(own), new Payload(0).u8(15, 1).finish()])],
    ['an attribute that ends beyond the message', Buffer.concat([encodeRule(own), hex('0900 0100')])],
  ])('%s is not understood', (_, bytes) => expect(decodeRule(bytes)).toBeUndefined())
})

describe('route', () => {
  const plain = {
    family: 4,
    table: 254,
    type: 'unicast',
    tos: 0,
    metric: 0,
    protocol: 3,
    scope: 0,
    metrics: {},
  } as const
  const all = { address: '0.0.0.0', length: 0 }
  const hop = { oif: 4, gateway: '192.0.2.1', onlink: false, weight: 1 }

  test('no destination is every destination', () => {
    const bytes = hex('02000000fe030001 00000000 08000f00fe000000 08000500c0000201 0800040004000000')
    expect(decodeRoute(bytes)).toEqual({ ...plain, destination: all, nexthops: [hop] })
  })

  test('a dead nexthop is told; linkdown and offload are ignored', () => {
    const bytes = encodeRoute({ ...plain, destination: all, nexthops: [hop] })
    bytes.writeUInt32LE(0x1 | 0x8 | 0x10 | 0x4000, 8)
    expect(decodeRoute(bytes)).toEqual({
      ...plain,
      destination: all,
      nexthops: [hop].map((hop) => ({ ...hop, dead: true })),
    })
  })

  test('an entry that nobody put there is no route, but an answer', () => {
    const bytes = encodeRoute({ ...plain, destination: all, nexthops: [hop] })
    bytes.writeUInt32LE(0x200, 8)
    expect(decodeRoute(bytes)).toBeUndefined()
    expect(decodeAnyRoute(bytes)).toBeDefined()
  })

  test('nexthops are not sent beside a nexthop object', () => {
    const route = { ...plain, destination: all, nexthops: [hop, { ...hop, oif: 5 }], nexthopId: 9 }
    expect(decodeRoute(encodeRoute(route))).toEqual({ ...route, nexthops: [] })
  })

  test.each([
    ['a nexthop shorter than its struct', '0c000900 04000000 00000000'],
    ['a nexthop that ends beyond the attribute', '0c000900 30000000 04000000'],
  ])('%s is not understood', (_, attribute) => {
    const bytes = Buffer.concat([encodeRoute({ ...plain, destination: all, nexthops: [] }), hex(attribute)])
    expect(decodeRoute(bytes)).toBeUndefined()
  })
})

describe('link', () => {
  test.each([
    { name: 'a VLAN knows its parent', fill: (p: Payload) => p.u32(5, 2), parent: 2 },
    { name: 'a parent in another namespace is none', fill: (p: Payload) => p.u32(5, 2).u32(37, 0), parent: undefined },
    { name: 'whatever the order is', fill: (p: Payload) => p.u32(37, 0).u32(5, 2), parent: undefined },
    { name: 'itself is no parent', fill: (p: Payload) => p.u32(5, 7), parent: undefined },
    {
      name: 'the other end of a pair is no parent',
      fill: (p: Payload) => p.u32(5, 2).nested(18, () => p.text(1, 'veth')),
      parent: undefined,
    },
    { name: 'neither is 0', fill: (p: Payload) => p.u32(5, 0), parent: undefined },
  ])('$name', ({ fill, parent }) => expect(decodeLink(linkPayload(fill))?.parent).toBe(parent))

  test('everything at once', () => {
    const bytes = linkPayload((payload) => {
      payload.header.writeUInt32LE(0x1003, 8)
      payload.bytes(1, hex('02fc00000001')).u32(27, 20000).u32(10, 3)
      payload.nested(18, () => payload.text(1, 'veth').text(4, 'bridge'))
      payload.nested(52, () => payload.text(53, 'ens5').text(53, 'eni-0abc'))
    })
    expect(decodeLink(bytes)).toEqual({
      ...{
        index: 7,
        name: 'eth0',
        altnames: ['ens5', 'eni-0abc'],
        mac: '02:fc:00:00:00:01',
        up: true,
        loopback: false,
      },
      ...{ group: 20000, kind: 'veth', slaveKind: 'bridge', master: 3 },
    })
  })

  test("a bridge's own message about its port is no link", () => {
    expect(decodeLink(linkPayload((payload) => payload.header.fill(7, 0, 1)))).toBeUndefined()
  })

  test('a hardware address of another size is no MAC', () => {
    expect(decodeLink(linkPayload((payload) => payload.bytes(1, Buffer.alloc(4))))?.mac).toBe('')
  })

  test('setLinkGroup names the link and its group alone', () => {
    expect(Buffer.from(setLinkGroup(7, 20000).payload).toString('hex')).toBe(
      '00000000 07000000 00000000 00000000 08001b00 204e0000'.replaceAll(' ', ''),
    )
  })
})

describe('address', () => {
  const v4 = Buffer.of(10, 0, 0, 1)
  const peer = Buffer.of(10, 1, 1, 9)

  test.each([
    { name: 'alone', fill: (p: Payload) => p.bytes(1, v4), address: '10.0.0.1', onLink: '10.0.0.0' },
    {
      name: 'with a peer',
      fill: (p: Payload) => p.bytes(1, peer).bytes(2, v4),
      address: '10.0.0.1',
      onLink: '10.1.1.0',
    },
    { name: 'without IFA_ADDRESS', fill: (p: Payload) => p.bytes(2, v4), address: '10.0.0.1', onLink: '10.0.0.0' },
  ])('$name', ({ fill, address, onLink }) => {
    const decoded = decodeAddress(addressPayload([2, 24, 0, 0], fill))
    expect(decoded).toMatchObject({ linkIndex: 3, address, onLink: { address: onLink, length: 24 } })
  })

  test.each([
    { flags: 0x001, expected: { secondary: true } },
    { flags: 0x040, expected: { tentative: true } },
    { flags: 0x044, expected: { tentative: false } },
    { flags: 0x048, expected: { tentative: true, dadFailed: true } },
    { flags: 0x200, expected: { noPrefixRoute: true } },
  ])('flags $flags', ({ flags, expected }) => {
    const bytes = addressPayload([2, 24, 0xff, 0], (payload) => payload.bytes(1, v4).u32(8, flags))
    expect(decodeAddress(bytes)).toMatchObject(expected)
  })

  test('its protocol tells who added it', () => {
    const bytes = addressPayload([2, 24, 0, 0], (payload) => payload.bytes(1, v4).u8(11, 213))
    expect(decodeAddress(bytes)?.protocol).toBe(213)
  })

  test.each(['172.31.0.218/20', '172.31.0.219/32 noprefixroute', '2600:1f18::218/128 noprefixroute'])(
    'a request to add %s is read as it was meant',
    (text) => {
      const address = snapshot(
        `link eth1\naddr ${text.replace(' ', ' dev eth1 ').replace(/^\S+$/, '$& dev eth1')} proto 213`,
      ).addresses[0]!
      expect(decodeAddress(Buffer.from(addAddress(address).payload))).toEqual(address)
    },
  )

  test('none at all is not understood', () =>
    expect(decodeAddress(addressPayload([2, 24, 0, 0], () => {}))).toBeUndefined())
})

test('attributes end at the first that is not whole', () => {
  const attributes = new Attributes(hex('05000100 aa000000 0300 0200'), 0)
  expect([attributes.next(), attributes.type, attributes.u8(), attributes.next(), attributes.malformed]).toEqual([
    ...[true, 1, 0xaa, false, true],
  ])
})

describe('a wire', () => {
  const UP = 0x1
  const RUNNING = 0x40
  const NOARP = 0x80
  const of = (flags: number) => {
    const payload = linkPayload((link) => link.u32(4, 9001))
    payload.writeUInt32LE(flags, 8)
    return decodeWire(payload)
  }
  test.each([
    { name: 'up and running', flags: UP | RUNNING, carrier: true, arp: true },
    { name: 'up, and nothing plugged in', flags: UP, carrier: false, arp: true },
    { name: 'down: whether something is plugged in does not show', flags: 0, carrier: true, arp: true },
    { name: 'without ARP', flags: UP | RUNNING | NOARP, carrier: true, arp: false },
  ])('$name', ({ flags, carrier, arp }) => {
    expect(of(flags)).toEqual({ name: 'eth0', mtu: 9001, carrier, arp })
  })

  test('has a name', () => {
    expect(decodeWire(Buffer.alloc(16))).toBe(undefined)
    expect(decodeWire(Buffer.alloc(8))).toBe(undefined)
  })
})

describe('a UDP socket', () => {
  /** struct inet_diag_msg: family, state 7, …; port 5000, an address, link 3, inode 197439; then attributes. */
  const message = (family: number, address: string, attributes = '') =>
    hex(
      `${family.toString(16).padStart(2, '0')} 07 00 00 1388 0000 ${address.padEnd(32, '0')} ${'00'.repeat(16)} 03000000 ${'00'.repeat(8)} ${'00'.repeat(16)} 3f030300 ${attributes}`,
    )
  const v6only = '0500 0b00 01 000000'
  const common = { port: 5000, oif: 3, inode: 197_439 }
  test.each([
    { name: 'of IPv4', bytes: message(2, 'ac1f00da'), family: 4, address: '172.31.0.218', only: false },
    { name: 'of IPv6', bytes: message(10, ''), family: 6, address: '::', only: false },
    { name: 'of IPv6 alone', bytes: message(10, '', v6only), family: 6, address: '::', only: true },
    {
      name: 'that says it is not',
      bytes: message(10, '', v6only.replace('01', '00')),
      family: 6,
      address: '::',
      only: false,
    },
  ])('$name', ({ bytes, family, address, only }) => {
    expect(decodeUdpSocket(bytes)).toEqual({ ...common, family, address, v6only: only })
  })

  test('of another family, or cut off, is none', () => {
    expect(decodeUdpSocket(message(1, ''))).toBe(undefined)
    expect(decodeUdpSocket(message(2, '').subarray(0, 71))).toBe(undefined)
  })

  test('is asked for by family, and unconnected', () => {
    expect(udpDumpPayload(6).toString('hex')).toBe(`0a110000 80000000${'00'.repeat(48)}`.replace(' ', ''))
  })
})
