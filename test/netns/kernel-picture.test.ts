import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openKernel } from '../../src/kernel/netlink.ts'
import type { Kernel as Port } from '../../src/kernel/port.ts'
import { NLM_F } from '../../src/netlink/constants.ts'
import { addRule, deleteRule } from '../../src/netlink/rule-request.ts'
import type { Interest } from '../../src/policy/interest.ts'
import type { Change } from '../../src/state/change.ts'
import { hostPrefix } from '../../src/state/prefix.ts'
import type { Rule } from '../../src/state/rule.ts'
import type { Snapshot } from '../../src/state/snapshot.ts'
import { ip, Kernel, unprivileged } from '../support/netlink.ts'

const rule = (address: string): Rule => ({
  ...{ family: 4, priority: 20001, action: 'lookup', table: 20000, protocol: 213 },
  source: hostPrefix(address),
})

describe.skipIf(unprivileged)('what is kept of the kernel from one look to the next', () => {
  let world: Kernel
  let port: Port
  let differences: string[]

  beforeEach(() => {
    world = new Kernel()
    differences = []
    port = openKernel((what) => differences.push(what))
    look(true)
  })
  afterEach(() => {
    port.close()
    world.close()
  })

  /** Of those that are there: one that was renamed or deleted is not. */
  const indexes = (names: readonly string[]) => names.map((name) => world.index(name)).filter((index) => index)
  /** With so many links that main is read once for all of them: none has these. */
  const others = [90_001, 90_002, 90_003, 90_004, 90_005, 90_006]
  const interest = (more: readonly number[]): Interest => ({
    ...{
      mainThrough: [...indexes(['nlt0', 'nlt2']), ...more],
      tables: [20000, 20001],
      protocols: [],
      marking: false,
    },
  })
  const look = (thorough: boolean, more: readonly number[] = []): Snapshot =>
    port.observe(() => interest(more), thorough)

  test.each([
    ['an address is added', ['addr add 10.4.0.1/24 dev nlt2']],
    ['a secondary address is added', ['addr add 10.0.0.9/24 dev nlt0']],
    ['a host address is added', ['addr add 10.7.0.1/32 dev nlt0', 'addr add 10.6.0.1/32 dev nlt2']],
    [
      'an address of a narrower scope is added',
      ['addr add 10.4.0.1/24 dev nlt0 scope link', 'addr add 10.5.0.1/24 dev nlt0'],
    ],
    ['IPv6 addresses are added', ['addr add 2001:db8::5/64 dev nlt0 nodad', 'addr add 2001:db8::4/64 dev nlt2 nodad']],
    ['an address is changed', ['addr change 10.0.0.1/24 dev nlt0 valid_lft 900 preferred_lft 800']],
    ['a secondary address is deleted', ['addr del 10.0.0.2/24 dev nlt0']],
    ['a primary address is deleted, with its secondaries', ['addr del 10.0.0.1/24 dev nlt0']],
    ['an IPv6 address is deleted', ['addr del 2001:db8::1/64 dev nlt0']],
    ['the last IPv4 address is deleted', ['route add 10.99.0.0/16 dev nlt2 table 20001', 'addr flush dev nlt2']],
    ['a link goes down', ['route add 10.99.0.0/16 dev nlt0 table 20000', 'link set nlt0 down']],
    [
      'a link goes down and up',
      ['route add 10.99.0.0/16 dev nlt0 table 20000', 'link set nlt0 down', 'link set nlt0 up'],
    ],
    [
      'a link is renamed',
      ['rule add from 10.0.0.1 oif nlt2 lookup 20001', 'link set nlt2 down', 'link set nlt2 name other'],
    ],
    ['a link is deleted', ['rule add oif nlt2 lookup 20001', 'link del nlt2']],
    ['a link is added', ['link add new0 type veth peer name new1', 'addr add 10.40.0.1/24 dev new0']],
    ['a link group is set', ['link set nlt0 group 7']],
    ['a nexthop object is deleted', ['route add 10.99.0.0/16 nhid 77 table 20000', 'nexthop del id 77']],
    [
      'rules are added',
      [
        'rule add from 10.0.0.9 lookup 20001',
        'rule add priority 20001 from 10.0.0.8 lookup 20001',
        '-6 rule add from 2001:db8::1 lookup 20001',
      ],
    ],
    [
      'rules of one priority are added and deleted',
      [
        'rule add priority 9 from 1.1.1.1 lookup 7',
        'rule add priority 9 from 1.1.1.2 lookup 7',
        'rule add priority 9 from 1.1.1.3 lookup 7',
        'rule del priority 9 from 1.1.1.2',
      ],
    ],
    ['all rules are flushed', ['rule add from 10.0.0.9 lookup 20001', 'rule flush']],
    [
      'routes are added, replaced, deleted',
      [
        'route add 10.99.0.0/16 dev nlt0 table 20000',
        'route replace 10.99.0.0/16 dev nlt2 table 20000',
        'route add 10.98.0.0/16 dev nlt2 table 20001',
        'route del 10.99.0.0/16 table 20000',
      ],
    ],
    [
      "main's routes come and go",
      [
        'route add 10.99.0.0/16 dev nlt0',
        'route add default via 10.0.0.254 dev nlt0',
        '-6 route add default via fe80::9 dev nlt0',
        'route del 10.99.0.0/16',
      ],
    ],
  ] as const)('%s: the next look has it, and a thorough one finds the same', async (_, commands) => {
    for (const command of commands) {
      ip(command)
      // IPv6 announces an address from a work queue, some ms after it is there.
      await sleep(20)
      const kept = look(false)
      const read = look(true)
      expect(differences, command).toEqual([])
      expect(kept, command).toEqual(read)
      expect(look(true, others), command).toEqual(read)
    }
  })

  test('changes of its own are in it', () => {
    const added = { op: 'add', kind: 'rule', rule: rule('10.0.0.1'), cause: '' } as Change
    expect(port.apply([added])).toEqual([{ done: true, already: false }])
    expect(look(false).rules).toContainEqual(rule('10.0.0.1'))
    port.apply([{ ...added, op: 'delete' } as Change])
    expect(look(false).rules).not.toContainEqual(rule('10.0.0.1'))
    look(true)
    expect(differences).toEqual([])
  })

  test('a rule that is there twice is there twice, and once when one of them goes', () => {
    const { flags, ...request } = addRule(rule('10.0.0.1'))
    const count = () => look(false).rules.filter(({ priority }) => priority === 20001).length
    world.socket.batch([addRule(rule('10.0.0.1')), { ...request, flags: flags & ~NLM_F.EXCL }])
    expect(count()).toBe(2)
    world.socket.batch([deleteRule(rule('10.0.0.1'))])
    expect(count()).toBe(1)
    look(true)
    expect(differences).toEqual([])
  })

  test('what has not changed stays the same object, also after a thorough look', () => {
    const before = look(false)
    ip('addr add 10.4.0.1/24 dev nlt2')
    ip('rule add from 10.0.0.9 lookup 20001')
    for (const after of [look(false), look(true), look(false)]) {
      expect(before.addresses.filter((address) => !after.addresses.includes(address))).toEqual([])
      expect(before.rules.filter((one) => !after.rules.includes(one))).toEqual([])
      expect(before.links.filter((link) => !after.links.includes(link))).toEqual([])
    }
  })
})
