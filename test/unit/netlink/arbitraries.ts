import fc from 'fast-check'
import { type Family, formatAddress } from '../../../src/state/ip.ts'
import { networkOf, type Prefix } from '../../../src/state/prefix.ts'
import { type Nexthop, type Route, type RouteMetric, routeMetrics, routeTypes } from '../../../src/state/route.ts'
import type { Rule } from '../../../src/state/rule.ts'

const u8 = fc.integer({ min: 0, max: 255 })
const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffffffff })
const positive = fc.integer({ min: 1, max: 0x7fffffff })
const belowUnset = fc.integer({ min: 0, max: 0xfffffffe })
const family = fc.constantFrom<Family>(4, 6)
const name = fc.string({ minLength: 1, maxLength: 15 }).filter((text) => !text.includes('\0') && text.trim() !== '')

const address = (of: Family) =>
  fc.uint8Array({ minLength: of === 4 ? 4 : 16, maxLength: of === 4 ? 4 : 16 }).map(formatAddress)

const prefix = (of: Family, minLength = 1): fc.Arbitrary<Prefix> =>
  fc
    .tuple(address(of), fc.integer({ min: minLength, max: of === 4 ? 32 : 128 }))
    .map(([text, length]) => networkOf(text, length))

const range = (bound: fc.Arbitrary<number>) => fc.record({ from: bound, to: bound })

const action = fc.oneof(
  positive.map((table) => ({ action: 'lookup' as const, table })),
  u32.map((gotoPriority) => ({ action: 'goto' as const, table: 0, gotoPriority })),
  fc.constantFrom('nop', 'blackhole', 'unreachable', 'prohibit', 'action-9').map((action) => ({ action, table: 0 })),
  fc.constant({ action: 'lookup' as const, table: 0, l3mdev: true as const }),
)

const mark = fc.oneof(
  fc.constant({}),
  u32.map((fwmark) => ({ fwmark })),
  fc.record({ fwmark: u32, fwmask: belowUnset }),
)

/** Selectors that this program does not know: realms, tunnel id, DSCP, flow label, and one that no kernel has. */
const opaque = fc.array(
  fc.record({
    type: fc.constantFrom(11, 12, 25, 26, 27, 30, 99),
    hex: fc.uint8Array({ maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  }),
  { minLength: 1, maxLength: 3 },
)

const selectors = (of: Family) =>
  fc.record(
    {
      source: prefix(of),
      destination: prefix(of),
      iif: name,
      oif: name,
      tos: fc.integer({ min: 1, max: 255 }),
      invert: fc.constant(true as const),
      suppressPrefixLength: belowUnset,
      suppressGroup: belowUnset,
      uidRange: range(u32),
      ipProto: u8,
      sourcePort: range(u16),
      destinationPort: range(u16),
      opaque,
    },
    { requiredKeys: [] },
  )

/** Any rule in the one spelling that decodeRule has for it. */
export const rule: fc.Arbitrary<Rule> = family.chain((of) =>
  fc
    .tuple(fc.record({ family: fc.constant(of), priority: u32, protocol: u8 }), action, mark, selectors(of))
    .map((parts) => Object.assign({}, ...parts) as Rule),
)

const gateway = (of: Family) => (of === 4 ? fc.oneof(address(4), address(6)) : address(6))

const nexthop = (of: Family, weight: fc.Arbitrary<number>): fc.Arbitrary<Nexthop> =>
  fc.record(
    { oif: positive, gateway: gateway(of), onlink: fc.boolean(), weight },
    { requiredKeys: ['oif', 'onlink', 'weight'] },
  )

const nexthops = (of: Family) =>
  fc.oneof(
    fc.constant({ nexthops: [] }),
    fc.record({ nexthops: fc.array(nexthop(of, fc.constant(1)), { minLength: 1, maxLength: 1 }) }),
    fc.record({ nexthops: fc.array(nexthop(of, fc.integer({ min: 1, max: 256 })), { minLength: 2, maxLength: 12 }) }),
    fc.record({ nexthops: fc.constant([]), nexthopId: positive }),
  )

const metrics = fc.dictionary(fc.constantFrom(...(Object.keys(routeMetrics) as RouteMetric[])), u32, {
  noNullPrototype: true,
})

const required = (of: Family) =>
  fc.record({
    family: fc.constant(of),
    table: u32,
    type: fc.constantFrom(...routeTypes),
    destination: prefix(of, 0),
    tos: u8,
    metric: u32,
    protocol: u8,
    scope: u8,
    metrics,
  })

/** Any route in the one spelling that decodeRoute has for it. */
export const route: fc.Arbitrary<Route> = family.chain((of) =>
  fc
    .tuple(
      required(of),
      nexthops(of),
      fc.record({ prefsrc: address(of) }, { requiredKeys: [] }),
      of === 6 ? fc.record({ source: prefix(of) }, { requiredKeys: [] }) : fc.constant({}),
    )
    .map((parts) => Object.assign({}, ...parts) as Route),
)

/** A valid message with bytes changed, cut off or added; or bytes of no meaning at all. */
export const mangled = (valid: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> =>
  fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc
      .tuple(valid, fc.array(fc.tuple(fc.nat(), u8), { maxLength: 8 }), fc.nat(), fc.uint8Array({ maxLength: 16 }))
      .map(([bytes, edits, cut, tail]) => {
        const copy = Buffer.concat([bytes.subarray(0, cut % 3 === 0 ? cut % (bytes.length + 1) : bytes.length), tail])
        for (const [at, value] of edits) {
          if (copy.length > 0) copy[at % copy.length] = value
        }
        return copy
      }),
  )
