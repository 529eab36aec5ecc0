import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openKernel } from '../../src/kernel/netlink.ts'
import type { Hint, Kernel as Port } from '../../src/kernel/port.ts'
import type { MarkingSight } from '../../src/state/marking.ts'
import { Kernel, unprivileged } from '../support/netlink.ts'

const interest = () => ({ mainThrough: [], tables: [], protocols: [], marking: true })
const nft = (...args: string[]) => execFileSync('nft', args, { stdio: 'pipe' })
const ours = ['table', 'inet', 'eni-routed'] as const

describe.skipIf(unprivileged)('what others do to nftables', () => {
  let world: Kernel
  let port: Port
  let hints: Hint[]

  beforeEach(() => {
    world = new Kernel()
    port = openKernel()
    hints = []
    port.watch(
      () => undefined,
      (hint) => hints.push(hint),
    )
    nft('add', ...ours)
    nft('add', 'chain', 'inet', 'eni-routed', 'forward')
    look()
  })
  afterEach(() => {
    port.close()
    world.close()
  })

  const look = (thorough = false): MarkingSight => port.observe(interest, thorough).marking!
  const told = () => expect.poll(() => hints.map(({ urgency }) => urgency), { timeout: 5000 })
  const stranger = () => nft('add', 'rule', 'inet', 'eni-routed', 'forward', 'counter')

  test('is told', async () => {
    stranger()
    await told().toEqual(['now'])
    expect(look().table?.chains.join()).toContain('counter')
  })

  test('is told also if it was a look that read the event, which nobody acts on', async () => {
    stranger()
    expect(look().table?.chains.join()).toContain('counter')
    await told().toEqual(['now'])
  })

  test('is told where it is the work of others with marks, and read again though it was read a moment ago', async () => {
    nft('add', 'table', 'ip', 'others')
    nft('add', 'chain', 'ip', 'others', 'c')
    await told().toEqual([])
    const uses = () => look().uses.map(({ bits }) => bits)
    for (let bit = 1; bit <= 4; bit *= 2) {
      nft('add', 'rule', 'ip', 'others', 'c', 'meta', 'mark', 'set', 'meta', 'mark', '|', `${bit}`)
      uses()
    }
    const told4 = hints.length
    await expect.poll(() => hints.length, { timeout: 5000 }).toBeGreaterThan(told4)
    await expect.poll(uses, { timeout: 5000 }).toEqual([7])
  })

  test('is told no more once marks are not asked for, and seen when they are again', async () => {
    port.observe(() => ({ ...interest(), marking: false }), false)
    stranger()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(hints).toEqual([])
    expect(look().table?.chains.join()).toContain('counter')
    nft('delete', ...ours)
    await told().toEqual(['now'])
  })

  test('with our table taken away between two looks: there is none, and nothing is wrong', () => {
    nft('delete', ...ours)
    expect(look()).toEqual({ uses: [], legacyUses: [] })
  })

  test('is told after a flood that the queue could not hold', async () => {
    const many = Array.from({ length: 20_000 }, () => 'add rule inet other c counter accept\n').join('')
    const flood = `add table inet other\nadd chain inet other c\n${many}delete table inet other\n`
    for (let round = 0; round < 2; round++) execFileSync('nft', ['-f', '-'], { input: flood, stdio: 'pipe' })
    stranger()
    await expect.poll(() => hints.some(({ urgency }) => urgency === 'now'), { timeout: 10_000 }).toBe(true)
    hints = []
    await expect.poll(() => look().table?.chains.join(), { timeout: 10_000 }).toContain('counter')
  })
})
