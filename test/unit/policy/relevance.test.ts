import { describe, expect, test } from 'vitest'
import { type EventSketch, type Urgency, urgencyOf } from '../../../src/policy/relevance.ts'
import { settings } from '../../support/snapshot.ts'

const old = { tableBase: 40_000, priorityBase: 15_000, protocol: 214, linkGroup: 7 }
const enis = new Set([2, 3])

interface Row {
  readonly name: string
  readonly event: EventSketch
  readonly urgency: Urgency
}

describe('urgencyOf', () => {
  test.each<Row>([
    { name: 'every link', event: { kind: 'link', linkIndex: 77 }, urgency: 'now' },
    { name: 'every nexthop object', event: { kind: 'nexthop' }, urgency: 'now' },
    { name: 'an address of an ENI', event: { kind: 'address', linkIndex: 3 }, urgency: 'now' },
    { name: 'an address of another link', event: { kind: 'address', linkIndex: 9 }, urgency: undefined },
    { name: 'an address that could not be read', event: { kind: 'address' }, urgency: 'now' },
    { name: 'a rule among our priorities', event: { kind: 'rule', priority: 20_500, table: 1 }, urgency: 'now' },
    { name: 'a rule that asks a table of ours', event: { kind: 'rule', priority: 5, table: 20_003 }, urgency: 'now' },
    { name: 'a rule of an earlier configuration', event: { kind: 'rule', priority: 15_001, table: 1 }, urgency: 'now' },
    { name: 'a rule that could not be read', event: { kind: 'rule' }, urgency: 'now' },
    {
      name: 'any other rule, which may stand in front of ours',
      event: { kind: 'rule', priority: 5, table: 52 },
      urgency: 'soon',
    },
    { name: 'a route of a table of ours', event: { kind: 'route', table: 20_003, linkIndex: 9 }, urgency: 'now' },
    { name: "main's route through an ENI", event: { kind: 'route', table: 254, linkIndex: 2 }, urgency: 'now' },
    { name: "local's route through an ENI", event: { kind: 'route', table: 255, linkIndex: 2 }, urgency: 'now' },
    {
      name: "main's route through who knows what",
      event: { kind: 'route', table: 254, anyLink: true },
      urgency: 'now',
    },
    {
      name: "main's specific route through another link",
      event: { kind: 'route', table: 254, linkIndex: 9, destinationLength: 24 },
      urgency: undefined,
    },
    {
      name: "main's default through another link",
      event: { kind: 'route', table: 254, linkIndex: 9, destinationLength: 0 },
      urgency: 'soon',
    },
    {
      name: 'a route of a foreign table through an ENI',
      event: { kind: 'route', table: 52, linkIndex: 2 },
      urgency: undefined,
    },
  ])('$name: $urgency', ({ event, urgency }) => {
    expect(urgencyOf(event, enis, settings('', [{ numbers: old, include: [] }]))).toBe(urgency)
  })
})
