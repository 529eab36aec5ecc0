import { describe, expect, test } from 'vitest'
import { wordsOf } from '../../../../src/explain/words.ts'
import { plainPacket } from '../../../../src/policy/fib/packet.ts'
import { fibOf } from '../../../../src/policy/fib/picture.ts'
import { wayOut } from '../../../../src/policy/fib/way.ts'
import { familyOf } from '../../../../src/state/ip.ts'
import { snapshot } from '../../../support/snapshot.ts'

const host = `
  link eth0 group 7
  addr 10.0.0.1/24 dev eth0
  route local 10.0.0.1 dev eth0 table local
  link eth1
  addr 10.1.0.1/24 dev eth1
  route local 10.1.0.1 dev eth1 table local
  route default via 10.0.0.254 dev eth0
`

interface Given {
  readonly to?: string
  readonly oif?: number
  readonly more?: object
  readonly dead?: string
}

function wayOf(lines: string, { to = '8.8.8.8', more = {}, dead }: Given = {}) {
  const seen = snapshot(host + lines)
  const fib = fibOf({ ...seen, deadRouters: new Set(dead ? [dead] : []), forwardsIpv6: false })
  const family = familyOf(to)
  const source = family === 4 ? '10.0.0.1' : 'fd00::1'
  const way = wayOut(fib, { ...plainPacket, family, source, destination: to, ...more })
  return way.fates.map((fate) => wordsOf(fib).fate(fate)).join('; or ')
}

describe('a packet to 8.8.8.8', () => {
  test.each([
    { name: 'takes the default of main', lines: '', way: 'eth0 via 10.0.0.254 (table main)' },
    {
      name: 'the longest prefix wins, whatever its metric',
      lines: 'route 8.0.0.0/8 dev eth1 metric 5\nroute 8.8.0.0/16 via 10.1.0.9 dev eth1 metric 900',
      way: 'eth1 via 10.1.0.9 (table main)',
    },
    {
      name: 'jumps over rules to the target of goto',
      lines:
        'rule priority 5 from all goto 20\nrule priority 10 from all blackhole\nrule priority 20 from all lookup main',
      way: 'eth0 via 10.0.0.254 (table main)',
    },
    {
      name: 'passes over a goto without a target',
      lines: 'rule priority 5 from all goto 20\nrule priority 10 from all prohibit',
      way: 'nowhere: EACCES',
    },
    {
      name: 'a route by a link of the suppressed group is passed over',
      lines: 'rule priority 5 from all lookup main suppress_ifgroup 7\nrule priority 6 from all unreachable',
      way: 'nowhere: ENETUNREACH',
    },
    {
      name: 'throw goes on with the next rule, blackhole does not',
      lines: 'rule priority 5 from all lookup 100\nroute throw 8.0.0.0/8 table 100\nroute blackhole default table 100',
      way: 'eth0 via 10.0.0.254 (table main)',
    },
    {
      name: 'a multipath route is one of its nexthops',
      lines: 'route 8.0.0.0/8 nexthop via 10.0.0.9 dev eth0 nexthop via 10.1.0.9 dev eth1',
      way: 'one of eth0 via 10.0.0.9; eth1 via 10.1.0.9 (table main)',
    },
    {
      name: 'equal defaults are either',
      lines: 'route default via 10.1.0.254 dev eth1',
      way: 'one of eth0 via 10.0.0.254; eth1 via 10.1.0.254 (table main)',
    },
  ])('$name', ({ lines, way }) => {
    expect(wayOf(lines)).toBe(way)
  })

  test('of a bound socket takes the neighbour for granted where no route is found', () => {
    expect(wayOf('', { more: { oif: 3 } })).toMatch(/^eth1, on-link: no table has a route/)
  })

  test('from an address that is not ours is refused', () => {
    expect(wayOf('', { more: { source: '9.9.9.9' } })).toBe('nowhere: ENETUNREACH (no link of this host has 9.9.9.9)')
  })
})

describe('IPv6', () => {
  const v6 =
    'addr fd00::1/64 dev eth0\n-6 route default via fe80::1 dev eth0 metric 10\n-6 route default via fe80::2 dev eth1 metric 20\n'
  const to = '2600::1'
  test.each([
    { name: 'takes the lower metric', lines: v6, way: 'eth0 via fe80::1 (table main)' },
    { name: 'passes over a dead router', lines: v6, dead: '2 fe80::1', way: 'eth1 via fe80::2 (table main)' },
    {
      name: 'a source-specific route comes first',
      lines: `${v6}-6 route default from fd00::/64 via fe80::3 dev eth1 metric 900`,
      way: 'eth1 via fe80::3 (table main)',
    },
    {
      name: 'goes on past a prefix whose source-specific routes are all of others, as the kernel does',
      lines: `${v6}-6 route 2600::/16 via fe80::4 dev eth1\n-6 route 2600::/16 from fd99::/64 via fe80::5 dev eth1`,
      way: 'eth0 via fe80::1 (table main)',
    },
  ])('$name', ({ lines, dead, way }) => {
    expect(wayOf(lines, { to, ...(dead ? { dead } : {}) })).toBe(way)
  })

  test('of a bound socket takes routes by its link alone', () => {
    expect(wayOf(v6, { to, more: { oif: 3 } })).toBe('eth1 via fe80::2 (table main)')
  })
})
