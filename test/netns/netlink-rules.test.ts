import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { RequestSocket } from '../../src/netlink/request.ts'
import { addRule, deleteRule } from '../../src/netlink/rule-request.ts'
import { formatRule, type Rule, ruleKey } from '../../src/state/rule.ts'
import { codes, ip, ipJson, Kernel, unprivileged } from '../support/netlink.ts'

const own: Rule = { family: 4, priority: 20001, action: 'lookup', table: 20000, protocol: 213 }

describe.skipIf(unprivileged)('rules on the kernel', () => {
  let kernel: Kernel
  let socket: RequestSocket

  beforeAll(() => {
    kernel = new Kernel()
    socket = kernel.socket
  })
  afterAll(() => kernel?.close())

  const rules = () => [...socket.rules(4).items, ...socket.rules(6).items]
  let before: Set<string>

  beforeEach(() => {
    before = new Set(rules().map(ruleKey))
  })
  afterEach(() => {
    socket.batch(added().map(deleteRule))
  })

  const added = () => rules().filter((rule) => !before.has(ruleKey(rule)))

  test.each([
    'from 10.0.0.1 lookup 100',
    'from 10.0.0.0/24 to 10.1.0.0/16 lookup 100000 protocol 213',
    'from all lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol 213 priority 20000',
    'from all lookup main suppress_prefixlength 0',
    'from all lookup main suppress_ifgroup 0',
    'not from 10.0.0.1 lookup 100',
    'from 10.0.0.1 tos 0x10 lookup 100',
    'fwmark 0x5 lookup 100',
    'fwmark 0x5/0xff lookup 100',
    'fwmark 0/0x80 lookup 100',
    'iif nlt0 lookup 100',
    'oif nlt0 lookup 100',
    'iif not-there oif neither lookup 100',
    'iif lo lookup 100',
    'uidrange 1000-2000 lookup 100',
    'ipproto tcp sport 80 lookup 100',
    'ipproto udp sport 1000-2000 dport 53 lookup 100',
    'ipproto icmp lookup 100',
    'priority 5 goto 32766',
    'priority 5 goto 31000',
    'from 10.0.0.1 blackhole',
    'from 10.0.0.1 unreachable',
    'from 10.0.0.1 prohibit',
    'from 10.0.0.1 nop',
    'l3mdev priority 1000',
    'realms 3 from 10.0.0.1 lookup 100',
    'tun_id 77 lookup 100',
    'from 10.0.0.5/24 lookup 100',
  ])('%s: read, deleted, put back the same', (words) => roundTrip('', words))

  test.each([
    'from 2001:db8::1 lookup 100',
    'from 2001:db8::/64 to 2001:db8:9::/48 lookup 100000 protocol 213',
    'from all lookup main suppress_prefixlength 4 suppress_ifgroup 20000 protocol 213 priority 20000',
    'not from 2001:db8::/64 iif nlt0 fwmark 0x10/0xf0 lookup 100',
    'ipproto tcp dport 443 uidrange 0-0 tos 0x10 lookup 100',
    'from 2001:db8::1 prohibit',
    'l3mdev priority 1000',
    'from 2001:db8::5/64 lookup 100',
  ])('-6 %s: read, deleted, put back the same', (words) => roundTrip('-6 ', words))

  function roundTrip(family: string, words: string): void {
    ip(`${family}rule add ${words}`)
    const listed = ipJson(`${family}rule`)
    const [rule, ...others] = added()
    expect(others).toEqual([])
    expect(codes(socket.batch([addRule(rule as Rule)]))).toEqual(['EEXIST'])
    expect(codes(socket.batch([deleteRule(rule as Rule)]))).toEqual([undefined])
    expect(added()).toEqual([])
    expect(codes(socket.batch([addRule(rule as Rule)]))).toEqual([undefined])
    expect(ipJson(`${family}rule`)).toEqual(listed)
  }

  test('what is decoded is what ip prints', () => {
    ip(
      'rule add from 10.0.0.0/24 to 10.1.0.1 tos 0x10 fwmark 0x5/0xff iif nlt0 oif nlt2 lookup 20000 priority 7 protocol 213',
    )
    expect(added().map(formatRule)).toEqual([
      'priority 7 from 10.0.0.0/24 to 10.1.0.1 tos 0x10 fwmark 0x5/0xff iif nlt0 oif nlt2 lookup 20000 protocol 213',
    ])
  })

  test('a selector newer than this program is kept: a partial port mask, DSCP', () => {
    const newer: Rule[] = [
      { ...own, sourcePort: { from: 0x1200, to: 0x1200 }, ipProto: 6, opaque: [{ type: 28, hex: '00ff' }] },
      { ...own, priority: 20002, opaque: [{ type: 25, hex: '0a' }] },
    ]
    expect(codes(socket.batch(newer.map(addRule)))).toEqual([undefined, undefined])
    expect(added()[0]).toEqual(newer[0])
    // The kernel adds the mask of the DSCP by itself.
    expect(added()[1]).toMatchObject({
      opaque: [
        { type: 25, hex: '0a' },
        { type: 30, hex: '3f' },
      ],
    })
    expect(codes(socket.batch(added().map(deleteRule)))).toEqual([undefined, undefined])
  })

  test('twins that differ in protocol alone are two rules, and the right one is deleted', () => {
    const foreign = { ...own, protocol: 4 }
    expect(codes(socket.batch([foreign, own, own].map(addRule)))).toEqual([undefined, undefined, 'EEXIST'])
    expect(codes(socket.batch([deleteRule(own)]))).toEqual([undefined])
    expect(added()).toEqual([foreign])
    expect(codes(socket.batch([deleteRule(own)]))).toEqual(['ENOENT'])
  })

  /** What deleteRule warns of, and addRule with it: the kernel can't be told "no source". */
  test('the kernel takes a rule that says more for one that says less', () => {
    const more = { ...own, source: { address: '10.0.0.1', length: 32 } }
    expect(codes(socket.batch([addRule(more), addRule(own)]))).toEqual([undefined, 'EEXIST'])
    expect(codes(socket.batch([deleteRule(own)]))).toEqual([undefined])
    expect(added()).toEqual([])
  })

  test('the kernel does not compare `not`', () => {
    const inverted = { ...own, source: { address: '10.0.0.1', length: 32 }, invert: true } as const
    const { invert: _, ...plain } = inverted
    expect(codes(socket.batch([addRule(inverted), addRule(plain)]))).toEqual([undefined, 'EEXIST'])
  })

  test('a refusal carries the words of the kernel', () => {
    const [error] = socket.batch([addRule({ ...own, action: 'goto', table: 0, gotoPriority: 5 })])
    expect(error).toMatchObject({ code: 'EINVAL', kernelText: expect.stringMatching(/goto/i) })
  })

  test('thousands in one batch', () => {
    const many = Array.from({ length: 3000 }, (_, i): Rule => ({ ...own, priority: 1000 + i }))
    expect(socket.batch(many.map(addRule)).filter((error) => error)).toEqual([])
    expect(added()).toEqual(many)
    expect(socket.batch(many.map(deleteRule)).filter((error) => error)).toEqual([])
    expect(added()).toEqual([])
  })
})
