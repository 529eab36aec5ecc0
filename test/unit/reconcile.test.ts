import { describe, expect, test } from 'vitest'
import { cleanup } from '../../src/cleanup.ts'
import { Contention } from '../../src/contention.ts'
import { look } from '../../src/look.ts'
import { forgetKept } from '../../src/policy/kept.ts'
import { noMemory, type PassInput, reconcile } from '../../src/reconcile.ts'
import { type Change, objectKey } from '../../src/state/change.ts'
import { FakeKernel } from '../support/fake-kernel.ts'
import { planLines, settings } from '../support/snapshot.ts'

const host = `
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
  route default via 172.31.0.1 dev eth0 metric 100
  link eth1 driver ena
  addr 172.31.0.218/20 dev eth1
`
const pass = (kernel: FakeKernel, more: Partial<PassInput> = {}) =>
  reconcile({
    kernel,
    settings: settings(),
    memory: noMemory,
    contention: new Contention(),
    thorough: true,
    hint: { what: 'an event' },
    now: 0,
    ...more,
  })

describe('reconcile', () => {
  test('makes every change in one batch, and looks once more to verify', () => {
    const kernel = new FakeKernel(host)
    const outcome = pass(kernel)
    expect(outcome).toMatchObject({ verified: true, refused: [], withheld: [] })
    expect(outcome.applied).toHaveLength(12)
    expect(kernel.batches).toHaveLength(1)
    expect(kernel.observations).toBe(2)
  })

  test('looks once and writes nothing where nothing is to do', () => {
    const kernel = new FakeKernel(host)
    const { memory } = pass(kernel)
    kernel.observations = 0
    expect(pass(kernel, { memory })).toMatchObject({ verified: true, applied: [] })
    expect(kernel.observations).toBe(1)
    expect(kernel.batches).toHaveLength(1)
  })

  test('remembers what stands by the objects of now: after a give-back others stand for the same', () => {
    const kernel = new FakeKernel(host)
    const before = pass(kernel)
    forgetKept()
    const { desired, memory } = pass(kernel, { memory: before.memory })
    expect(desired.rules).not.toBe(before.desired.rules)
    expect(memory.stood.rules).toBe(desired.rules)
    expect(memory.stood.routes).toBe(desired.routes)
  })

  test('reports what the kernel refuses, does the rest, and does not try the same again at once', () => {
    const kernel = new FakeKernel(host)
    kernel.refuses = (change) => (change.kind === 'rule' && change.rule.oif === 'eth1' ? 'EPERM' : undefined)
    const outcome = pass(kernel)
    expect(outcome.verified).toBe(false)
    expect(
      planLines(
        outcome.refused.map(({ change }) => change),
        outcome.snapshot,
      ),
    ).toEqual(['+ ip rule add priority 20002 from all oif eth1 lookup 20001 protocol 213'])
    expect(outcome.refused[0]?.result).toEqual({ done: false, code: 'EPERM', message: '' })
    expect(kernel.batches).toHaveLength(1)
  })

  test('what the next look finds done is done, though the answer of the kernel was lost', () => {
    const kernel = new FakeKernel(host)
    const contention = new Contention()
    kernel.mute = () => true
    let { memory, applied, refused } = pass(kernel, { contention })
    const lost = { done: true, already: false, unacknowledged: true }
    expect(applied.map(({ result }) => result)).toEqual(Array(12).fill(lost))
    expect(refused).toEqual([])
    for (let i = 0; i < 6; i++) {
      kernel.take('rule priority 20002 from all oif eth1')
      memory = pass(kernel, { memory, contention, now: i }).memory
    }
    expect(contention.contested(6), 'repairs count as well').toHaveLength(1)
    kernel.detach('eth1')
    const after = pass(kernel, { memory, contention, now: 7 })
    expect(after.applied.length).toBeGreaterThan(0)
    expect(after.applied.every(({ result }) => result.done && result.unacknowledged)).toBe(true)
  })

  test('of what a torn look lacks it is not known whether it is done', () => {
    const kernel = new FakeKernel(host)
    const rule = 'rule priority 20002 from all oif eth1 lookup 20001 protocol 213'
    kernel.mute = () => kernel.batches.length === 1
    kernel.tears = [rule]
    const { applied } = pass(kernel)
    const unknown = applied.filter(({ result }) => !result.done)
    expect(unknown.map(({ change }) => change)).toMatchObject([{ kind: 'rule', rule: { oif: 'eth1' } }])
    expect(unknown[0]?.result).toMatchObject({ unanswered: true })
  })

  test('a second look mends what one change could not: a key with several foreign routes', () => {
    const kernel = new FakeKernel(host)
    pass(kernel)
    kernel.take('route default via 172.31.0.1 dev eth1 table 20001')
    kernel.type('route default via 172.31.0.8 dev eth1 table 20001 proto 4')
    kernel.type('route default via 172.31.0.9 dev eth1 table 20001 proto 4')
    expect(pass(kernel).verified).toBe(true)
    expect(kernel.batches.slice(1)).toEqual([
      ['+ ip route replace default via 172.31.0.1 dev eth1 table 20001 proto 213'],
      ['- ip route del default via 172.31.0.9 dev eth1 table 20001 proto 4'],
    ])
  })

  test('gives up for this time when somebody undoes every batch', () => {
    const kernel = new FakeKernel(host)
    kernel.afterApply = () => kernel.take('rule priority 20001 from 172.31.0.218')
    const outcome = pass(kernel)
    expect(outcome.verified).toBe(false)
    expect(kernel.batches).toHaveLength(3)
  })

  test('holds back what is being fought over, and does the rest', () => {
    const kernel = new FakeKernel(host)
    const fought = look({ kernel, settings: settings(), tables: new Map(), thorough: true }).pending.at(-1)!
    const contention = new Contention()
    for (let i = 0; i < 40; i++) contention.repaired(objectKey(fought), { object: 'it', by: 'somebody' }, 0)
    const outcome = pass(kernel, { contention, now: 1 })
    expect(outcome).toMatchObject({ verified: false, refused: [], withheld: [fought] })
    expect(outcome.applied).toHaveLength(11)
    expect(pass(kernel, { contention, now: 10_000 })).toMatchObject({ verified: true, withheld: [] })
  })

  test('counts as a repair what stood before, and tells who was heard of last', () => {
    const kernel = new FakeKernel(host)
    const contention = new Contention()
    let { memory } = pass(kernel, { contention })
    for (let i = 0; i < 6; i++) {
      kernel.take('rule priority 20002 from all oif eth1')
      memory = pass(kernel, { memory, contention, now: i, hint: { what: 'rule deleted by process 812' } }).memory
    }
    expect(contention.contested(6)).toEqual([
      {
        object: 'ip rule add priority 20002 from all oif eth1 lookup 20001 protocol 213',
        by: 'rule deleted by process 812',
        repairs: 6,
      },
    ])
  })

  test('does not take a refused removal for done, though a cheap look would not see what is left', () => {
    const kernel = new FakeKernel(`${host}route 10.9.0.0/16 dev lo table 25000 proto 213 scope link`)
    kernel.refuses = (change) => (change.op === 'delete' ? 'EPERM' : undefined)
    expect(pass(kernel).verified).toBe(false)
  })

  test('takes away what only a thorough look finds', () => {
    const stray = 'route 10.9.0.0/16 dev lo table 25000 proto 213 scope link'
    const kernel = new FakeKernel(host)
    const { memory } = pass(kernel)
    kernel.type(stray)
    expect(pass(kernel, { memory, thorough: false }).applied).toEqual([])
    expect(pass(kernel, { memory }).verified).toBe(true)
    expect(kernel.lines).not.toContain(stray)
  })

  test('counts as repairs what it puts there, not what it takes away', () => {
    const kernel = new FakeKernel('link eth0 driver ena')
    const contention = new Contention()
    let memory = noMemory
    for (let i = 0; i < 30; i++) {
      kernel.type('rule priority 20001 from 10.0.0.5 lookup 20000 protocol 213')
      const outcome = pass(kernel, { memory, contention, now: i })
      expect(outcome.verified).toBe(true)
      memory = outcome.memory
    }
    expect(contention.contested(30)).toEqual([])
  })

  test('a torn look that lacks a rule adds it to no harm, and is not believed to be verified', () => {
    const kernel = new FakeKernel(host)
    const { memory } = pass(kernel)
    const rule = 'rule priority 20001 from 172.31.0.218 lookup 20001 protocol 213'
    kernel.tears = [rule]
    const outcome = pass(kernel, { memory })
    expect(outcome.verified).toBe(false)
    expect(outcome.applied.every(({ result }) => result.done && result.already)).toBe(true)
    expect(kernel.lines.filter((line) => line === rule)).toHaveLength(1)
  })

  test('passes on that the kernel could not be read', () => {
    const kernel = new FakeKernel(host)
    kernel.failure = new Error('reading links: EINTR')
    expect(() => pass(kernel)).toThrow('reading links: EINTR')
  })

  test('tells what it did, though the kernel can not be read afterwards', () => {
    const kernel = new FakeKernel(host)
    kernel.afterApply = () => {
      kernel.failure = new Error('reading links: EINTR')
    }
    const outcome = pass(kernel)
    expect(outcome.verified).toBe(false)
    expect(outcome.applied).toHaveLength(12)
  })

  test('a host with hundreds of addresses is one batch', () => {
    const many = Array.from({ length: 250 }, (_, i) => `addr 10.0.${i}.9/32 dev eth1`).join('\n')
    const kernel = new FakeKernel(`${host}${many}`)
    expect(pass(kernel).verified).toBe(true)
    expect(kernel.batches).toHaveLength(1)
  })
})

test('look tells what a pass would do, and does nothing', () => {
  const kernel = new FakeKernel(host)
  const before = kernel.state
  expect(look({ kernel, settings: settings(), tables: new Map(), thorough: true }).pending).toHaveLength(12)
  expect(kernel.state).toBe(before)
})

describe('cleanup', () => {
  test('takes away exactly what is ours', () => {
    const kernel = new FakeKernel(`${host}rule priority 20001 from 172.31.0.218 lookup 20001 protocol static`)
    const before = kernel.state
    pass(kernel)
    expect(cleanup(kernel, settings(), 10)).toMatchObject({ left: [] })
    expect(kernel.state).toEqual(before)
  })

  test('tells what went though the answer of the kernel was lost', () => {
    const kernel = new FakeKernel(host)
    pass(kernel)
    kernel.mute = () => true
    const { applied, left } = cleanup(kernel, settings(), 10)
    expect(left).toEqual([])
    expect(applied).toHaveLength(12)
    expect(applied.every(({ result }) => result.done && result.unacknowledged)).toBe(true)
  })

  test('tells what went though the kernel can no longer be read, and what may be left', () => {
    const kernel = new FakeKernel(host)
    pass(kernel)
    const group = (change: Change) => change.kind === 'link'
    kernel.refuses = (change) => (group(change) ? 'EBUSY' : undefined)
    kernel.afterApply = () => {
      kernel.failure = new Error('reading links: EINTR')
    }
    const { applied, left, failure } = cleanup(kernel, settings(), 10)
    expect(failure).toBe(kernel.failure)
    expect(applied).toHaveLength(12)
    expect(left).toEqual(applied.map(({ change }) => change).filter(group))
    expect(left.length).toBeGreaterThan(0)
    expect(() => cleanup(kernel, settings(), 10)).toThrow('EINTR')
  })

  test('tells what is left where somebody puts it back', () => {
    const kernel = new FakeKernel(host)
    pass(kernel)
    const rule = 'rule priority 20001 from 172.31.0.218 lookup 20001 protocol 213'
    kernel.afterApply = () => kernel.type(rule)
    const { left, snapshot } = cleanup(kernel, settings(), 3)
    expect(planLines(left, snapshot)).toEqual([`- ip ${rule.replace('rule', 'rule del')}`])
    expect(kernel.batches).toHaveLength(4)
  })

  test('takes objects that are there several times', () => {
    const kernel = new FakeKernel(host)
    pass(kernel)
    const rule = 'rule priority 20001 from 172.31.0.218 lookup 20001 protocol 213'
    kernel.type(rule)
    kernel.type(rule)
    cleanup(kernel, settings(), 10)
    expect(kernel.lines.filter((line) => line.includes('213'))).toEqual([])
  })
})
