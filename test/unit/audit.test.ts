import { describe, expect, test } from 'vitest'
import { Audit } from '../../src/audit.ts'
import { Contention } from '../../src/contention.ts'
import type { Problem } from '../../src/policy/health.ts'
import { noMetadata } from '../../src/policy/knowledge.ts'
import { noMemory, reconcile } from '../../src/reconcile.ts'
import type { Change } from '../../src/state/change.ts'
import { FakeKernel } from '../support/fake-kernel.ts'
import { memoryLog } from '../support/fake-kernel-log.ts'
import { settings } from '../support/snapshot.ts'

const host = `
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
  link eth1 driver ena
  addr 172.31.0.218/20 dev eth1
`

/** Passes over one kernel, audited; the hint of each is "an event". */
function audited(kernel = new FakeKernel(host)) {
  const { log, entries, messages } = memoryLog()
  const audit = new Audit(log)
  let passes = 0
  let memory = noMemory
  const pass = (now = 0) => {
    const hint = 'an event'
    const contention = new Contention()
    const outcome = reconcile({
      kernel,
      settings: settings(),
      memory,
      contention,
      thorough: true,
      hint: { what: hint },
      now,
    })
    memory = outcome.memory
    audit.pass(outcome, { pass: ++passes, hint, durationUs: 1500, now, knowledge: noMetadata })
  }
  return { kernel, audit, entries, messages, pass }
}
const isRuleOf = (oif: string) => (change: Change) => change.kind === 'rule' && change.rule.oif === oif

describe('a pass', () => {
  test('is one record for each change, and a summary', () => {
    const { pass, entries, messages } = audited()
    pass()
    expect(messages('change')).toHaveLength(12)
    expect(messages('pass')).toEqual(['12 changes in 1.5 ms, verified'])
    expect(entries[0]).toMatchObject({
      event: 'change',
      action: 'replace',
      object: 'link',
      interface: 'eth0',
      group: 20_000,
      command: 'ip link set dev eth0 group 20000',
      cause: 'an ENI',
      pass: 1,
      result: 'done',
    })
    expect(entries[3]).toMatchObject({
      action: 'add',
      object: 'route',
      interface: 'eth1',
      table: 20_001,
      cause: 'the subnet of the ENI',
    })
    expect(entries[9]).toMatchObject({ action: 'add', object: 'rule', address: '172.31.0.218', table: 20_001 })
  })

  test('tells as done what was found done after the answer of the kernel was lost, and nothing else', () => {
    const { kernel, pass, entries, messages } = audited()
    kernel.mute = (change) => change.kind === 'rule'
    kernel.refuses = (change) => (isRuleOf('eth1')(change) ? 'EINVAL' : undefined)
    pass()
    expect(messages('change')).toHaveLength(11)
    const causes = entries.flatMap(({ event, object, cause }) =>
      event === 'change' && object === 'rule' ? [cause] : [],
    )
    expect(causes).toHaveLength(5)
    expect(causes.every((cause) => /; the kernel's answer was lost, and it was found done$/.test(String(cause)))).toBe(
      true,
    )
    expect(messages('pass')).toEqual(['11 changes in 1.5 ms, more is pending'])
  })

  test('tells as unknown of what the answer was lost, where the kernel can not be read afterwards', () => {
    const { kernel, pass, entries, messages } = audited()
    kernel.mute = isRuleOf('eth1')
    kernel.afterApply = () => {
      kernel.failure = new Error('reading links: EINTR')
    }
    pass()
    expect(messages('change').at(-1)).toBe(
      'unknown: ip rule add priority 20002 from all oif eth1 lookup 20001 protocol 213',
    )
    expect(entries.filter(({ event }) => event === 'change').at(-1)).toMatchObject({
      level: 40,
      result: 'unknown',
      cause: "sockets bound to eth1; the kernel's answer was lost, and no look could tell whether it is done",
    })
  })

  test('is no record where nothing changed', () => {
    const { pass, entries } = audited()
    pass()
    entries.length = 0
    pass()
    expect(entries).toEqual([])
  })

  test('what was there and has to be put there again was taken by somebody', () => {
    const { kernel, pass, entries } = audited()
    pass()
    kernel.take('rule priority 20002 from all oif eth1')
    kernel.take('route default via 172.31.0.1 dev eth0 table 20000')
    entries.length = 0
    pass()
    expect(entries.map(({ msg, cause }) => `${msg}: ${cause}`).slice(0, 2)).toEqual([
      "ip route add default via 172.31.0.1 dev eth0 table 20000 proto 213: restored (an event): the subnet's first address, as in every VPC",
      'ip rule add priority 20002 from all oif eth1 lookup 20001 protocol 213: restored (an event): sockets bound to eth1',
    ])
  })

  test('what the kernel refused before was never there: it is not restored', () => {
    const { kernel, pass, entries } = audited()
    kernel.refuses = (change) => (isRuleOf('eth1')(change) ? 'EINVAL' : undefined)
    pass()
    kernel.refuses = () => undefined
    entries.length = 0
    pass()
    expect(entries[0]).toMatchObject({ event: 'change', cause: 'sockets bound to eth1' })
  })

  test('what was there stays known while others change', () => {
    const { kernel, pass, entries } = audited()
    pass()
    kernel.refuses = (change) => (isRuleOf('eth1')(change) ? 'EINVAL' : undefined)
    kernel.take('rule priority 20002')
    pass()
    kernel.refuses = () => undefined
    entries.length = 0
    pass()
    expect(entries[0]).toMatchObject({ cause: 'restored (an event): sockets bound to eth1' })
  })

  test('what is taken away is not restored', () => {
    const { kernel, pass, entries } = audited()
    pass()
    kernel.detach('eth1')
    entries.length = 0
    pass()
    expect(new Set(entries.filter(({ event }) => event === 'change').map(({ cause }) => cause))).toEqual(
      new Set(['no longer wanted']),
    )
  })
})

describe('the ENI of an object', () => {
  test('is told with every change, also of rules that ask main', () => {
    const { pass, entries } = audited()
    pass()
    for (const entry of entries.filter(({ event }) => event === 'change')) {
      expect(entry.mac, entry.msg).toBe(entry.interface === 'eth1' ? '02:00:00:00:00:03' : '02:00:00:00:00:02')
    }
    const { interface: name } = entries.find(({ msg }) => msg.includes('from 172.31.0.218 lookup main'))!
    expect(name).toBe('eth1')
  })

  test('is still told when it is gone', () => {
    const { kernel, pass, entries } = audited()
    pass()
    kernel.detach('eth1')
    entries.length = 0
    pass()
    const { interface: name } = entries.find(({ msg }) => msg.includes('del priority 20001 from 172.31.0.218'))!
    expect(name).toBe('eth1')
  })
})

describe('what an earlier process left standing', () => {
  test('is told once, an ENI at a time, when all is verified', () => {
    const { kernel, pass } = audited()
    pass()
    kernel.take('rule priority 20002 from all oif eth1')
    const later = audited(kernel)
    later.pass()
    later.pass()
    expect(later.messages('adopted')).toEqual([
      'found standing: 6 objects of eth0',
      'found standing: 5 objects of eth1',
    ])
    expect(later.entries.find(({ event }) => event === 'adopted')).toMatchObject({
      interface: 'eth0',
      mac: '02:00:00:00:00:02',
      command: expect.stringMatching(/^ip link set dev eth0 group 20000\nip route add /),
    })
  })

  test('is nothing where everything was made by this one', () => {
    const { pass, messages } = audited()
    pass()
    expect(messages('adopted')).toEqual([])
  })
})

test('what the kernel takes along with a link is told', () => {
  const { kernel, pass, entries } = audited(
    new FakeKernel(`${host}link eth2 driver ena\naddr 172.31.0.219/20 dev eth2`),
  )
  pass()
  kernel.detach('eth2')
  entries.length = 0
  pass()
  pass()
  const vanished = entries.filter(({ event }) => event === 'vanished')
  expect(vanished).toMatchObject([
    { interface: 'eth2', mac: '02:00:00:00:00:04', objects: 3, msg: 'the kernel has taken away: 3 objects of eth2' },
  ])
  expect(String(vanished[0]?.command).split('\n')).toEqual([
    'ip link set dev eth2 group 0',
    'ip route del 172.31.0.0/20 dev eth2 table 20002 proto 213 scope link src 172.31.0.219',
    'ip route del default via 172.31.0.1 dev eth2 table 20002 proto 213',
  ])
})

describe('a refusal', () => {
  const refusing = () => {
    const all = audited()
    all.kernel.refuses = (change) => (isRuleOf('eth1')(change) ? 'EINVAL' : undefined)
    return all
  }

  test('is not told while the kernel may only need a moment', () => {
    const { pass, messages } = refusing()
    for (const now of [0, 100, 299]) pass(now)
    expect(messages('refused')).toEqual([])
  })

  test('is told once when it lasts, with its command and error', () => {
    const { pass, messages, entries } = refusing()
    for (const now of [0, 300, 600, 900]) pass(now)
    expect(messages('refused')).toEqual([
      'refused: ip rule add priority 20002 from all oif eth1 lookup 20001 protocol 213: EINVAL',
    ])
    expect(entries.find(({ event }) => event === 'refused')).toMatchObject({
      result: 'refused',
      errno: 'EINVAL',
      level: 40,
    })
  })

  test('is told again when it comes back after it was gone', () => {
    const { kernel, pass, messages } = refusing()
    const { refuses } = kernel
    for (const now of [0, 300]) pass(now)
    kernel.refuses = () => undefined
    pass(600)
    kernel.refuses = refuses
    kernel.take('rule priority 20002')
    for (const now of [900, 1100, 1200]) pass(now)
    expect(messages('refused')).toHaveLength(2)
  })
})

test('problems are told when they come and when they go, and not between', () => {
  const { log, entries } = memoryLog()
  const audit = new Audit(log)
  const problem = (text: string, severity: Problem['severity'] = 'warning') => ({
    severity,
    problem: text,
    remedy: 'do it',
  })
  audit.problems([problem('a'), problem('b', 'error')])
  audit.problems([problem('b', 'error')])
  audit.problems([problem('b', 'error'), problem('a')])
  expect(entries.map(({ event, level, msg }) => `${event} ${level} ${msg}`)).toEqual([
    'problem 40 a',
    'problem 50 b',
    'resolved 30 no longer: a',
    'problem 40 a',
  ])
  expect(entries[0]?.remedy).toBe('do it')
})
