import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Redirections } from '../../src/kernel/redirections.ts'
import type { NftSet } from '../../src/state/netfilter.ts'
import { Kernel, unprivileged } from '../support/netlink.ts'

const nft = (input: string) => execFileSync('nft', ['-f', '-'], { input, stdio: 'pipe' })

describe.skipIf(unprivileged)('what is read of nftables', () => {
  let world: Kernel
  let redirections: Redirections

  beforeEach(() => {
    world = new Kernel()
    redirections = new Redirections()
    nft(`table ip nat {
  set some { type inet_service; elements = { 53, 80 } }
  chain pre { type nat hook prerouting priority -100; tcp dport @some dnat to 10.0.0.9; }
}`)
  })
  afterEach(() => {
    redirections.close()
    world.close()
  })

  const keys = (set: NftSet | undefined) => set?.elements.map(({ key }) => Buffer.from(key ?? []).readUInt16BE()).sort()

  test('has the chains, rules and sets by which packets are redirected', () => {
    const { ruleset, unread } = redirections.see()
    expect(unread).toEqual([])
    expect(ruleset?.chains).toEqual([
      { family: 'ip', table: 'nat', name: 'pre', hook: { number: 0, priority: -100, type: 'nat' } },
    ])
    expect(ruleset?.rules.map(({ expressions }) => expressions.at(-1)?.kind)).toEqual(['redirect'])
    expect(keys(ruleset?.set('ip', 'nat', 'some'))).toEqual([53, 80])
    expect(ruleset?.set('ip', 'nat', 'other')).toBeUndefined()
  })

  test('is no error where a set goes away in the midst of it', () => {
    const { ruleset } = redirections.see()
    nft('delete table ip nat')
    expect(ruleset?.set('ip', 'nat', 'some')).toBeUndefined()
  })

  test.each([
    { statement: 'add @seen { ip saddr }', kind: 'aside' },
    { statement: 'add @seen { ip saddr counter }', kind: 'aside' },
    { statement: 'update @seen { ip saddr limit rate over 1/hour }', kind: 'unknown' },
    { statement: 'quota name "large"', kind: 'unknown' },
    { statement: 'counter name "total"', kind: 'aside' },
    { statement: 'limit rate 1/hour', kind: 'unknown' },
  ])('$statement is $kind', ({ statement, kind }) => {
    nft(`table ip nat {
  set seen { type ipv4_addr; flags dynamic; size 65535; }
  quota large { over 1 mbytes }
  counter total { }
  chain c { ${statement}; }
}`)
    const rule = redirections.see().ruleset?.rules.find(({ chain }) => chain === 'c')
    expect(rule?.expressions.at(-1)?.kind).toBe(kind)
  })
})
