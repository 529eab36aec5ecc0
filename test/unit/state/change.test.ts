import { describe, expect, test } from 'vitest'
import { type Change, changeKey, formatChange, takesAway } from '../../../src/state/change.ts'
import { snapshot } from '../../support/snapshot.ts'
import { parseRoute, parseRule } from '../../support/snapshot-parse.ts'

const address = snapshot('link eth1\naddr 10.0.0.5/24 dev eth1 proto 213').addresses[0]!
const link = snapshot('link eth1 driver ena').links[1]!
const rule = parseRule('priority 20001 from 10.0.0.5 lookup 20000 protocol 213'.split(' '))
const rule6 = parseRule('priority 20002 oif eth1 lookup 20000 protocol 213'.split(' '), 6)
const route = parseRoute('10.0.0.0/24 dev eth1 table 20000 proto 213'.split(' '), () => 2)
const route6 = parseRoute('default via fe80::1 dev eth1 table 20000 proto 213'.split(' '), () => 2)
const cause = 'a test'

interface Row {
  readonly change: Change
  readonly command: string
  readonly away?: true
}

describe('formatChange', () => {
  test.each<Row>([
    {
      change: { op: 'add', kind: 'rule', rule, cause },
      command: 'ip rule add priority 20001 from 10.0.0.5 lookup 20000 protocol 213',
    },
    {
      change: { op: 'delete', kind: 'rule', rule: rule6, cause },
      command: 'ip -6 rule del priority 20002 from all oif eth1 lookup 20000 protocol 213',
      away: true,
    },
    {
      change: { op: 'add', kind: 'route', route, cause },
      command: 'ip route add 10.0.0.0/24 dev eth1 table 20000 proto 213 scope link',
    },
    {
      change: { op: 'replace', kind: 'route', route: route6, cause },
      command: 'ip -6 route replace default via fe80::1 dev eth1 table 20000 proto 213 metric 1024',
    },
    {
      change: { op: 'delete', kind: 'route', route: route6, cause },
      command: 'ip -6 route del default via fe80::1 dev eth1 table 20000 proto 213 metric 1024',
      away: true,
    },
    { change: { op: 'set', kind: 'link', link, group: 20_000, cause }, command: 'ip link set dev eth1 group 20000' },
    { change: { op: 'set', kind: 'up', link, cause }, command: 'ip link set dev eth1 up' },
    {
      change: { op: 'add', kind: 'address', address, cause },
      command: 'ip address add 10.0.0.5/24 dev eth1 proto 213',
    },
    {
      change: { op: 'delete', kind: 'address', address, cause },
      command: 'ip address del 10.0.0.5/24 dev eth1',
      away: true,
    },
    {
      change: { op: 'reset', kind: 'link', link, group: 0, cause },
      command: 'ip link set dev eth1 group 0',
      away: true,
    },
  ])('$command', ({ change, command, away = false }) => {
    expect(formatChange(change, () => 'eth1')).toBe(command)
    expect(takesAway(change)).toBe(away)
  })

  test('a link that is gone is named by its index, as ip does', () => {
    const gone: Change = { op: 'delete', kind: 'route', route, cause }
    expect(formatChange(gone, (index) => `if${index}`)).toContain('dev if2')
  })
})

test('changeKey tells changes apart by what they do to which object, not by their cause', () => {
  const keys = [
    { op: 'add', kind: 'rule', rule, cause },
    { op: 'delete', kind: 'rule', rule, cause },
    { op: 'add', kind: 'rule', rule: { ...rule, protocol: 4 }, cause },
    { op: 'add', kind: 'route', route, cause },
    { op: 'replace', kind: 'route', route, cause },
    { op: 'set', kind: 'link', link, group: 20_000, cause },
    { op: 'reset', kind: 'link', link, group: 0, cause },
  ].map((change) => changeKey(change as Change))
  expect(new Set(keys).size).toBe(keys.length)
  expect(changeKey({ op: 'add', kind: 'rule', rule, cause: 'another' })).toBe(keys[0])
})
