import { describe, expect, test } from 'vitest'
import { isOurRoute, isOurRule, ourGroups } from '../../../src/policy/ownership.ts'
import { settings } from '../../support/snapshot.ts'
import { parseRoute, parseRule } from '../../support/snapshot-parse.ts'

const old = { tableBase: 40_000, priorityBase: 15_000, protocol: 214, linkGroup: 7 }

describe('isOurRule', () => {
  test.each([
    {
      name: 'our protocol, priority and table are ours',
      rule: 'priority 20001 from 10.0.0.5 lookup 20000 protocol 213',
      ours: true,
    },
    {
      name: 'main is a table that our rules ask',
      rule: 'priority 20000 from 10.0.0.5 lookup main protocol 213',
      ours: true,
    },
    { name: 'the bands include their last numbers', rule: 'priority 20999 lookup 29999 protocol 213', ours: true },
    { name: 'one priority further is foreign', rule: 'priority 21000 lookup 20000 protocol 213', ours: false },
    { name: 'one priority before is foreign', rule: 'priority 19999 lookup 20000 protocol 213', ours: false },
    { name: 'one table further is foreign', rule: 'priority 20001 lookup 30000 protocol 213', ours: false },
    { name: 'a low table is foreign', rule: 'priority 20001 lookup 100 protocol 213', ours: false },
    {
      name: 'another protocol is foreign',
      rule: 'priority 20001 from 10.0.0.5 lookup 20000 protocol static',
      ours: false,
    },
    {
      name: 'an action other than lookup is foreign',
      rule: 'priority 20001 from 10.0.0.5 unreachable protocol 213',
      ours: false,
    },
    { name: 'a goto within the band is ours', rule: 'priority 20003 goto 20999 protocol 213', ours: true },
    {
      name: 'a goto that leads out of the band is foreign',
      rule: 'priority 20003 goto 21000 protocol 213',
      ours: false,
    },
    { name: 'the end of the index is ours', rule: 'priority 20999 nop protocol 213', ours: true },
    { name: "somebody else's goto is foreign", rule: 'priority 20003 goto 20999 protocol static', ours: false },
    {
      name: 'numbers of an earlier configuration are ours',
      rule: 'priority 15001 lookup 40000 protocol 214',
      ours: true,
    },
    {
      name: 'numbers of two configurations mixed are foreign',
      rule: 'priority 15001 lookup 40000 protocol 213',
      ours: false,
    },
  ])('$name', ({ rule, ours }) => {
    expect(isOurRule(settings('', [{ numbers: old, include: [] }]), parseRule(rule.split(' ')))).toBe(ours)
  })
})

describe('isOurRoute', () => {
  test.each([
    { name: 'our protocol in our band is ours', route: 'default dev eth0 table 20000 proto 213', ours: true },
    { name: 'the band includes its last table', route: 'default dev eth0 table 29999 proto 213', ours: true },
    { name: 'the table behind the band is foreign', route: 'default dev eth0 table 30000 proto 213', ours: false },
    { name: 'main is foreign, whatever the protocol', route: 'default dev eth0 table main proto 213', ours: false },
    { name: 'another protocol is foreign', route: 'default dev eth0 table 20000 proto static', ours: false },
    { name: 'an earlier configuration is ours', route: 'default dev eth0 table 40000 proto 214', ours: true },
  ])('$name', ({ route, ours }) => {
    expect(
      isOurRoute(
        settings('', [{ numbers: old, include: [] }]),
        parseRoute(route.split(' '), () => 2),
      ),
    ).toBe(ours)
  })
})

test('group 0 is nobody’s', () => {
  expect([...ourGroups(settings('[routing]\nlink-group = 0', [{ numbers: old, include: [] }]))]).toEqual([7])
})
