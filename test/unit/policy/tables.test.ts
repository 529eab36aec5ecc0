import { describe, expect, test } from 'vitest'
import { selectEnis } from '../../../src/policy/enis.ts'
import type { Knowledge } from '../../../src/policy/knowledge.ts'
import { assignTables, type Tables } from '../../../src/policy/tables.ts'
import { linkNamer } from '../../../src/state/snapshot.ts'
import { knowing } from '../../support/knowledge.ts'
import { settings, snapshot } from '../../support/snapshot.ts'

const two = `
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
  link eth1 driver ena
  addr 172.31.0.218/20 dev eth1
`

interface Row {
  readonly name: string
  readonly text: string
  readonly remembered?: Tables
  readonly routing?: string
  readonly exclude?: string
  readonly knowledge?: Knowledge
  readonly tables: string
}

/** What an observation reads: the slots of devices, and free ones behind. */
const tablesRead = [20_000, 29_000, 30_000].flatMap((base) => Array.from({ length: 400 }, (_, i) => base + i))

const mac = (index: number) => `02:00:00:00:00:0${index}`

describe('assignTables', () => {
  test.each<Row>([
    { name: 'the lowest free numbers are given, by ifindex', text: two, tables: 'eth0 20000, eth1 20001' },
    {
      name: 'the ENI with the best IPv4 default comes first',
      text: `${two}
        route default via 172.31.0.1 dev eth0 metric 200
        route default via 172.31.0.1 dev eth1 metric 100`,
      tables: 'eth1 20000, eth0 20001',
    },
    {
      name: 'the best default is told by its metric, not by the number of defaults',
      text: `${two}
        route default via 172.31.0.1 dev eth0 metric 100
        route default via 172.31.0.1 dev eth0 metric 300
        route default via 172.31.0.1 dev eth1 metric 200`,
      tables: 'eth0 20000, eth1 20001',
    },
    {
      name: 'an ENI without an address has none yet',
      text: 'link eth0 driver ena\nlink eth1 driver ena\naddr 10.0.0.2/24 dev eth1',
      tables: 'eth1 20000',
    },
    {
      name: 'a link-local address alone is none',
      text: 'link eth0 driver ena\naddr fe80::1/64 dev eth0\nlink eth1 driver ena\naddr 10.0.0.2/24 dev eth1',
      tables: 'eth1 20000',
    },
    {
      name: 'a remembered table stays, though a lower one is free',
      text: two,
      remembered: new Map([[3, { mac: mac(3), table: 20_007 }]]),
      tables: 'eth1 20007, eth0 20000',
    },
    {
      name: 'a remembered table stays while the address is away',
      text: 'link eth0 driver ena\nlink eth1 driver ena',
      remembered: new Map([[3, { mac: mac(3), table: 20_007 }]]),
      tables: 'eth1 20007',
    },
    {
      name: 'an ifindex that another MAC uses again inherits nothing',
      text: two,
      remembered: new Map([[3, { mac: mac(9), table: 20_007 }]]),
      tables: 'eth0 20000, eth1 20001',
    },
    {
      name: 'a remembered table outside a new band is given up',
      text: two,
      routing: 'table-base = 30000',
      remembered: new Map([[3, { mac: mac(3), table: 20_007 }]]),
      tables: 'eth0 30000, eth1 30001',
    },
    {
      name: 'after a restart our routes tell the table',
      text: `${two}
        route 172.31.0.0/20 dev eth1 table 20004 proto 213`,
      tables: 'eth1 20004, eth0 20000',
    },
    {
      name: 'after a restart of a link that is down the rule of its address tells the table',
      text: `${two}
        rule priority 20001 from 172.31.0.218 lookup 20004 protocol 213`,
      tables: 'eth1 20004, eth0 20000',
    },
    {
      name: 'the rule of its device tells the table, too',
      text: `${two}
        rule priority 20002 oif eth1 lookup 20004 protocol 213`,
      tables: 'eth1 20004, eth0 20000',
    },
    {
      name: 'the rule that asks main tells no table',
      text: `${two}
        rule priority 20000 from 172.31.0.218 lookup main suppress_prefixlength 1 protocol 213`,
      tables: 'eth0 20000, eth1 20001',
    },
    {
      name: 'an address that moved takes no table away from the ENI that is known by its routes',
      text: `${two}
        route default via 172.31.0.1 dev eth1 table 20001 proto 213
        rule priority 20001 from 172.31.15.216 lookup 20001 protocol 213`,
      tables: 'eth1 20001, eth0 20000',
    },
    {
      name: 'an address that moved takes no table away from the ENI that is remembered',
      text: `${two}
        rule priority 20001 from 172.31.15.216 lookup 20001 protocol 213`,
      remembered: new Map([[3, { mac: mac(3), table: 20_001 }]]),
      tables: 'eth1 20001, eth0 20000',
    },
    {
      name: 'an address that two ENIs have leaves each its table',
      text: `${two}
        addr 172.31.15.216/20 dev eth1
        rule priority 20001 from 172.31.15.216 lookup 20004 protocol 213
        rule priority 20002 oif eth0 lookup 20004 protocol 213
        rule priority 20002 oif eth1 lookup 20006 protocol 213`,
      tables: 'eth0 20004, eth1 20006',
    },
    {
      name: 'a table that holds a foreign route is avoided',
      text: `${two}
        route 10.0.0.0/8 dev lo table 20000 proto static`,
      tables: 'eth0 20001, eth1 20002',
    },
    {
      name: 'a table that a foreign rule asks is avoided',
      text: `${two}
        rule priority 100 lookup 20001 protocol static`,
      tables: 'eth0 20000, eth1 20002',
    },
    {
      name: 'a table in use is kept, though a foreign route was put into it',
      text: `${two}
        route 172.31.0.0/20 dev eth1 table 20001 proto 213
        route 10.0.0.0/8 dev lo table 20001 proto static`,
      tables: 'eth1 20001, eth0 20000',
    },
    {
      name: 'an excluded ENI has none',
      text: two,
      exclude: '"eth0"',
      tables: 'eth1 20000',
    },
    {
      name: 'a device number that is known makes the table',
      text: two,
      knowledge: knowing([
        { index: 2, device: 0 },
        { index: 3, device: 5 },
      ]),
      tables: 'eth0 20000, eth1 20005',
    },
    {
      name: 'device numbers repeat across network cards',
      text: two,
      knowledge: knowing([
        { index: 2, device: 0, card: 0 },
        { index: 3, device: 1, card: 3 },
      ]),
      tables: 'eth0 20000, eth1 20301',
    },
    {
      name: 'device 0 is the primary alone: another one says so before its document is whole',
      text: two,
      knowledge: knowing([
        { index: 2, device: 0 },
        { index: 3, device: 0 },
      ]),
      tables: 'eth0 20000, eth1 29000',
    },
    {
      name: 'nothing known yet: from 29000, the number of nobody',
      text: two,
      knowledge: knowing([]),
      tables: 'eth0 29000, eth1 29001',
    },
    {
      name: 'a device number that is known later renumbers nothing',
      text: two,
      remembered: new Map([[3, { mac: mac(3), table: 29_000 }]]),
      knowledge: knowing([
        { index: 2, device: 0 },
        { index: 3, device: 1 },
      ]),
      tables: 'eth1 29000, eth0 20000',
    },
    {
      name: 'nor does it after a restart',
      text: `${two}
        rule priority 20002 oif eth1 lookup 29000 protocol 213`,
      knowledge: knowing([
        { index: 2, device: 0 },
        { index: 3, device: 1 },
      ]),
      tables: 'eth1 29000, eth0 20000',
    },
    {
      name: 'two ENIs that claim one device: the second gets another table',
      text: two,
      knowledge: knowing([
        { index: 2, device: 1 },
        { index: 3, device: 1 },
      ]),
      tables: 'eth0 20001, eth1 29000',
    },
    {
      name: "a device's table that somebody else uses is avoided",
      text: `${two}
        rule priority 100 lookup 20001 protocol static`,
      knowledge: knowing([
        { index: 2, device: 0 },
        { index: 3, device: 1 },
      ]),
      tables: 'eth0 20000, eth1 29000',
    },
    {
      name: 'a device number from 100 on has no table of its own',
      text: two,
      knowledge: knowing([
        { index: 2, device: 0 },
        { index: 3, device: 100 },
      ]),
      tables: 'eth0 20000, eth1 29000',
    },
  ])('$name', ({ text, remembered, routing, exclude, knowledge, tables }) => {
    const seen = { ...snapshot(text), tables: tablesRead }
    const given = settings(`[interfaces]\nexclude = [${exclude ?? ''}]\n[routing]\n${routing ?? ''}`, [], knowledge)
    const assigned = assignTables(seen, selectEnis(seen.links, given).enis, given, remembered ?? new Map())
    const name = linkNamer(seen)
    expect([...assigned].map(([index, { table }]) => `${name(index)} ${table}`).join(', ')).toBe(tables)
  })
})
