import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Family } from '../../../src/state/ip.ts'
import { hostPrefix, networkOf } from '../../../src/state/prefix.ts'
import { formatRule, type Rule, ruleKey, ruleMeaning } from '../../../src/state/rule.ts'
import { parseRule } from '../../support/snapshot-parse.ts'

const number = fc.nat(0xffff_ffff)
const range = fc.record({ from: fc.nat(65_535), to: fc.nat(65_535) })
const action = fc.oneof(
  number.map((table) => ({ action: 'lookup', table })),
  number.map((gotoPriority) => ({ action: 'goto', table: 0, gotoPriority })),
  fc.constantFrom('nop', 'blackhole', 'unreachable', 'prohibit').map((name) => ({ action: name, table: 0 })),
  fc.constant({ action: 'lookup', table: 0, l3mdev: true }),
)

const rule: fc.Arbitrary<Rule> = fc.constantFrom<Family>(4, 6).chain((family) => {
  const address = family === 4 ? '10.1.2.3' : '2600:1f18::3'
  const prefix = fc.constantFrom(hostPrefix(address), networkOf(address, 20))
  return fc
    .tuple(
      fc.record({ family: fc.constant(family), priority: number, protocol: fc.integer({ min: 1, max: 255 }) }),
      action,
      fc.record(
        {
          source: prefix,
          destination: prefix,
          iif: fc.constantFrom('eth0', 'lo'),
          oif: fc.constantFrom('eth1', 'wg0'),
          tos: fc.integer({ min: 1, max: 255 }),
          invert: fc.constant(true),
          suppressPrefixLength: fc.nat(128),
          suppressGroup: number,
          uidRange: range,
          ipProto: fc.nat(255),
          sourcePort: range,
          destinationPort: range,
        },
        { requiredKeys: [] },
      ),
      fc.oneof(fc.constant({}), fc.record({ fwmark: number, fwmask: number }), fc.record({ fwmark: number })),
    )
    .map((parts) => Object.assign({}, ...parts) as Rule)
})

test('what formatRule prints, typed in again, is the rule', () => {
  fc.assert(
    fc.property(rule, (given) => {
      expect(parseRule(formatRule(given).split(' '), given.family)).toEqual(given)
    }),
    { numRuns: 1000 },
  )
})

test('rules that differ in anything have different keys', () => {
  fc.assert(
    fc.property(rule, rule, (a, b) => {
      const same = a.family === b.family && formatRule(a) === formatRule(b)
      expect(ruleKey(a) === ruleKey(b)).toBe(same)
    }),
  )
  fc.assert(
    fc.property(rule, fc.constantFrom('source', 'oif', 'suppressGroup', 'invert', 'priority', 'tos'), (a, property) => {
      const { [property]: _, ...b } = a as unknown as Record<string, unknown>
      expect(ruleKey(b as unknown as Rule) === ruleKey(a)).toBe(!(property in a))
    }),
  )
})

describe('ruleMeaning', () => {
  const ours = parseRule('priority 20001 from 10.0.0.5 lookup 20000 protocol 213'.split(' '))

  test('is the same for a twin of another protocol, whose key is not', () => {
    const twin = { ...ours, protocol: 4 }
    expect(ruleMeaning(twin)).toBe(ruleMeaning(ours))
    expect(ruleKey(twin)).not.toBe(ruleKey(ours))
  })

  test('tells a selector that this program does not know', () => {
    expect(ruleKey({ ...ours, opaque: [{ type: 99, hex: '01' }] })).not.toBe(ruleKey(ours))
  })
})

test.each([
  {
    name: "main's specific routes",
    text: 'priority 20000 from 10.0.0.5 lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol 213',
  },
  { name: 'sockets of a device', text: 'priority 20002 from all oif eth1 lookup 20000 protocol 213' },
  { name: 'a full tunnel', text: 'not priority 19999 from all fwmark 0xca6c lookup 51820 protocol 3' },
  { name: 'a masked mark', text: 'priority 5210 from all fwmark 0x80000/0xff0000 lookup main protocol 3' },
  { name: 'a jump', text: 'priority 100 from all goto 200 protocol 3' },
  {
    name: 'a port of a user',
    text: 'priority 100 from all uidrange 1000-1000 ipproto 6 sport 1-9 dport 80-80 lookup 5 protocol 3',
  },
  { name: 'a VRF', text: 'priority 1000 from all l3mdev protocol 2' },
  { name: 'a refusal', text: 'priority 100 from all to 10.0.0.0/8 tos 0x10 iif eth0 prohibit protocol 3' },
])('formatRule prints $name as ip takes it', ({ text }) => {
  expect(formatRule(parseRule(text.split(' ')))).toBe(text)
})
