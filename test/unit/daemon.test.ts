import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { Daemon } from '../../src/daemon.ts'
import type { Informing } from '../../src/guidance.ts'
import { noMetadata } from '../../src/policy/knowledge.ts'
import type { Change } from '../../src/state/change.ts'
import { FakeKernel } from '../support/fake-kernel.ts'
import { memoryLog } from '../support/fake-kernel-log.ts'
import { desiredOf, routeLine, ruleLine, settings } from '../support/snapshot.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const host = `
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
  route default via 172.31.0.1 dev eth0 metric 100
`
const eth1 = `
  link eth1 driver ena
  addr 172.31.0.218/20 dev eth1
  route default via 172.31.0.1 dev eth1 metric 200
`
const sourceRule = 'rule priority 20001 from 172.31.0.218 lookup 20001 protocol 213'
const configOf = (toml: string) => parseConfig(toml, 'test.toml')

/** A daemon that has made its first pass, on a kernel in memory and with a clock that the test moves. */
function running(text = host + eth1, toml = '', prepare: (kernel: FakeKernel) => void = () => {}) {
  const kernel = new FakeKernel(text)
  prepare(kernel)
  const { log, entries, messages } = memoryLog()
  const daemon = new Daemon({ kernel, config: configOf(toml), log, version: '0' })
  daemon.start()
  return { kernel, daemon, entries, messages }
}
/** A millisecond is the pause after a pass that found nothing to do. */
const pass = (ms = 1) => vi.advanceTimersByTime(ms)
const ours = (kernel: FakeKernel) => kernel.lines.filter((line) => /proto(col)? 213/.test(line))
const wanted = (kernel: FakeKernel) => {
  const { rules, routes } = desiredOf(kernel.state)
  return [...rules.map(({ rule }) => ruleLine(rule)), ...routes.map(({ route }) => routeLine(route, kernel.state))]
}
const inShape = (kernel: FakeKernel) => expect(ours(kernel).sort()).toEqual(wanted(kernel).sort())
const isSourceRule = (change: Change) => change.kind === 'rule' && ruleLine(change.rule) === sourceRule

describe('the daemon', () => {
  test('brings the kernel into shape at once, and is ready', () => {
    const { kernel, daemon, messages } = running()
    inShape(kernel)
    expect(messages('ready')).toEqual(['ready: 2 ENIs, 2 addresses'])
    expect(daemon.account.report()).toMatchObject({
      health: 'in sync',
      passes: 1,
      changes: 12,
      contested: [],
      tables: [
        { linkIndex: 2, mac: '02:00:00:00:00:02', table: 20_000 },
        { linkIndex: 3, mac: '02:00:00:00:00:03', table: 20_001 },
      ],
    })
  })

  test('tells that it is ready before it writes the records of what it did', () => {
    const { log, entries } = memoryLog()
    const told: unknown[] = []
    const daemon = new Daemon({
      ...{ kernel: new FakeKernel(host + eth1), config: configOf(''), log, version: '0' },
      onNews: () => told.push([daemon.account.ready, entries.length]),
    })
    daemon.start()
    expect(told).toEqual([[true, 0]])
    expect(entries.at(-1)).toMatchObject({ event: 'ready' })
  })

  test('is told of quiet after the start and at looks at intervals that find nothing, and outlives what is done then', () => {
    const onQuiet = vi.fn(() => {
      throw new Error('no memory to spare')
    })
    const kernel = new FakeKernel(host + eth1)
    const { log, messages } = memoryLog()
    new Daemon({ kernel, config: configOf(''), log, version: '0', onQuiet }).start()
    expect(onQuiet).not.toHaveBeenCalled()
    pass(30_000)
    expect(onQuiet).toHaveBeenCalledTimes(1)
    pass(60_000)
    expect(onQuiet).toHaveBeenCalledTimes(2)
    kernel.take(sourceRule, true)
    pass(60_000)
    expect(onQuiet).toHaveBeenCalledTimes(2)
    expect(messages('failed')).toEqual([])
    pass(60_000)
    expect(onQuiet).toHaveBeenCalledTimes(3)
  })

  test('tells its looks at intervals from passes that events ask for', () => {
    const atIntervals = vi.fn((pass: () => void) => pass())
    const kernel = new FakeKernel(host + eth1)
    const { log } = memoryLog()
    new Daemon({ kernel, config: configOf(''), log, version: '0', atIntervals }).start()
    pass(50_000)
    kernel.take(sourceRule)
    pass(5_000)
    expect(atIntervals).not.toHaveBeenCalled()
    kernel.take(sourceRule, true)
    pass(10_000)
    expect(atIntervals).toHaveBeenCalledTimes(1)
    inShape(kernel)
  })

  test('with one ENI it changes nothing, and says so', () => {
    const { kernel, daemon, messages } = running(host)
    expect(kernel.batches).toEqual([])
    expect(messages('ready')).toEqual(['ready: 1 ENI, nothing to do until a second one is attached'])
    expect(daemon.account.report().health).toBe('single')
  })

  test('a second ENI is taken up when its link comes, and everything goes when it goes', () => {
    const { kernel } = running(host)
    kernel.attach(eth1)
    pass()
    inShape(kernel)
    expect(ours(kernel)).not.toEqual([])
    kernel.detach('eth1')
    pass(1000)
    expect(ours(kernel)).toEqual([])
    expect(kernel.state.links.map(({ group }) => group)).toEqual([0, 0])
  })

  test('what somebody takes is put back at once, and the record tells why', () => {
    const { kernel, entries } = running()
    kernel.take(sourceRule)
    pass()
    inShape(kernel)
    expect(entries.findLast(({ event }) => event === 'change')).toMatchObject({
      command: `ip ${sourceRule.replace('rule', 'rule add')}`,
      cause: 'restored (somebody took a line away): 172.31.0.218: leaves by eth1',
    })
  })

  test('what the kernel takes silently is put back within a minute', () => {
    const { kernel } = running()
    pass(5_000)
    kernel.take('route default via 172.31.0.1 dev eth1 table 20001', true)
    pass(60_000)
    inShape(kernel)
  })

  test('a burst of events is one pass', () => {
    const { kernel, daemon } = running()
    pass(5_000)
    const { passes } = daemon.account.report()
    for (let i = 0; i < 500; i++) kernel.notify({ kind: 'link' }, 'noise')
    pass()
    expect(daemon.account.report().passes).toBe(passes + 1)
  })

  test('an event that does not concern it is no pass', () => {
    const { kernel, daemon } = running()
    pass(5_000)
    const { passes } = daemon.account.report()
    kernel.type('route 10.9.0.0/16 dev lo table 52 proto 4')
    pass(5_000)
    expect(daemon.account.report().passes).toBe(passes)
  })

  test('a wrong outcome is degraded once it is confirmed, and healed when its cause goes', () => {
    const { kernel, daemon, messages } = running()
    pass(2_000)
    kernel.type('route default dev lo table 51820')
    kernel.type('rule priority 19999 from all lookup 51820')
    pass(2_000)
    expect(daemon.account.report().health).toBe('degraded')
    expect(messages('problem')[0]).toContain('rule "priority 19999 from all lookup 51820 protocol 3" is asked first')
    kernel.take('rule priority 19999')
    pass(2_000)
    expect(daemon.account.report().health).toBe('in sync')
    expect(messages('resolved').length).toBe(messages('problem').length)
  })
})

describe('a daemon whose metadata is about to tell of a link that comes', () => {
  /** Of the informant: introduced links, and ms of patience with the link that came. */
  function awaiting() {
    const told = { introduced: [] as string[], patience: 20, learned: (_what: string) => {} }
    const informant: Informing = {
      knowledge: noMetadata,
      onNews: (callback) => {
        told.learned = callback
      },
      isNewcomer: ({ kind }) => kind === 'link',
      introduce: ({ links }) => told.introduced.push(links.map(({ name }) => name).join(' ')),
      get patience() {
        return told.introduced.length > 0 ? told.patience : 0
      },
      ...{ see: () => {}, configure: () => {}, stop: () => {} },
    }
    const kernel = new FakeKernel(host)
    const { log } = memoryLog()
    const options = { kernel, config: configOf(''), log, version: '0', informant: () => informant }
    const daemon = new Daemon(options)
    daemon.start()
    pass(5_000)
    kernel.attach(eth1)
    pass(1)
    return { kernel, daemon, told }
  }

  test('asks first, and passes once it is told', () => {
    const { kernel, daemon, told } = awaiting()
    expect(told.introduced).toEqual(['lo eth0 eth1'])
    expect(kernel.batches).toEqual([])
    told.learned('the metadata told of eth1')
    pass(1)
    inShape(kernel)
    expect(daemon.account.report().passes).toBe(2)
  })

  test('passes without, where it is not told in time', () => {
    const { kernel, told } = awaiting()
    pass(10)
    expect(kernel.batches).toEqual([])
    told.patience = 0
    pass(10)
    inShape(kernel)
  })

  test('lets nothing else wait for it', () => {
    const { kernel } = awaiting()
    kernel.type('rule priority 20001 from 10.0.0.1 lookup 20001')
    pass(1)
    inShape(kernel)
  })

  test('tries again where the kernel can not be read just then', () => {
    const { kernel, told } = awaiting()
    pass(2_000)
    kernel.failure = new Error('reading links: EINTR')
    kernel.detach('eth1')
    pass(10)
    kernel.failure = undefined
    told.patience = 0
    pass(2_000)
    expect(ours(kernel)).toEqual([])
  })
})

describe('a daemon that is asked for signs of life', () => {
  const watched = () => {
    const signs: number[] = []
    const kernel = new FakeKernel(host + eth1)
    const { log } = memoryLog()
    const onAlive = () => signs.push(Date.now())
    const options = { kernel, config: configOf(''), log, version: '0', onAlive, longestSilence: 10_000 }
    new Daemon(options).start()
    return { kernel, signs }
  }

  test('gives them in time, and no more', () => {
    const { signs } = watched()
    pass(100_001)
    expect(signs).toHaveLength(10)
  })

  test('gives none while no pass succeeds, and one as soon as one does', () => {
    const { kernel, signs } = watched()
    kernel.failure = new Error('reading links: EINTR')
    pass(30_000)
    expect(signs).toEqual([])
    kernel.failure = undefined
    pass(1_000)
    expect(signs).toHaveLength(1)
  })

  test('gives none while it hears nothing', () => {
    const { kernel, signs } = watched()
    kernel.deaf = true
    pass(30_000)
    expect(signs).toEqual([])
  })
})

describe('a change that the kernel refuses', () => {
  const refusing = () =>
    running(host + eth1, '', (kernel) => {
      kernel.refuses = (change) => (isSourceRule(change) ? 'EINVAL' : undefined)
    })

  test('is tried again in time, without any event', () => {
    const { kernel, daemon, messages } = refusing()
    expect(messages('ready')).toEqual([])
    expect(daemon.account.report().health).toBe('repairing')
    pass(100)
    kernel.refuses = () => undefined
    pass(1_000)
    inShape(kernel)
    expect(messages('ready')).toHaveLength(1)
  })

  test('is told once when it lasts, and tried about once a second', () => {
    const { kernel, messages } = refusing()
    pass(10_000)
    expect(messages('refused')).toEqual([`refused: ip ${sourceRule.replace('rule', 'rule add')}: EINVAL`])
    const before = kernel.batches.length
    pass(10_000)
    expect(kernel.batches.length - before).toBeGreaterThan(8)
    expect(kernel.batches.length - before).toBeLessThan(15)
  })
})

test('a removal that the kernel refuses is tried until it is done', () => {
  const stray = 'route 10.9.0.0/16 dev lo table 25000 proto 213 scope link'
  const { kernel, daemon } = running(`${host}${eth1}${stray}`, '', (fresh) => {
    fresh.refuses = (change) => (change.op === 'delete' ? 'EBUSY' : undefined)
  })
  pass(5_000)
  expect(daemon.account.report().health).toBe('degraded')
  kernel.refuses = () => undefined
  pass(2_000)
  expect(kernel.lines).not.toContain(stray)
  expect(daemon.account.report().health).toBe('in sync')
})

describe('somebody who undoes every repair', () => {
  const fought = () => {
    const all = running()
    pass(2_000)
    all.kernel.afterApply = () => all.kernel.take(sourceRule)
    all.kernel.take(sourceRule)
    return all
  }

  test('is backed off from, and reported', () => {
    const { kernel, daemon, messages } = fought()
    pass(10_000)
    const before = kernel.batches.length
    pass(10_000)
    expect(kernel.batches.length - before).toBeLessThan(150)
    expect(daemon.account.report().contested).toMatchObject([
      { object: `ip ${sourceRule.replace('rule', 'rule add')}` },
    ])
    expect(messages('problem').filter((text) => text.startsWith('contested: '))).toEqual([
      `contested: somebody keeps undoing "ip ${sourceRule.replace('rule', 'rule add')}"`,
    ])
  })

  test('is no reason to neglect the rest', () => {
    const { kernel } = fought()
    pass(10_000)
    kernel.take('rule priority 20002 from all oif eth0')
    pass()
    expect(ours(kernel)).toContain('rule priority 20002 from all oif eth0 lookup 20000 protocol 213')
  })

  test('is forgiven when it stops: healed within a second, and no longer reported', () => {
    const { kernel, daemon, messages } = fought()
    pass(10_000)
    kernel.afterApply = () => {}
    pass(1_000)
    inShape(kernel)
    pass(30_000)
    expect(daemon.account.report()).toMatchObject({ health: 'in sync', contested: [] })
    expect(messages('resolved').some((text) => text.includes('contested'))).toBe(true)
  })
})

describe('a kernel that can not be read', () => {
  test('is told once and tried until it can', () => {
    const { kernel, daemon, messages } = running()
    kernel.failure = new Error('reading links: EINTR')
    kernel.take(sourceRule)
    pass(20_000)
    expect(messages('failed')).toEqual(['the pass failed and is tried again: reading links: EINTR'])
    kernel.failure = undefined
    pass(1_000)
    inShape(kernel)
    expect(daemon.account.report().health).toBe('in sync')
  })

  test('just after a change leaves the record of the change', () => {
    const { kernel, messages } = running()
    kernel.afterApply = () => {
      kernel.failure = new Error('reading links: EINTR')
    }
    kernel.take(sourceRule)
    pass()
    expect(messages('change').at(-1)).toBe(`ip ${sourceRule.replace('rule', 'rule add')}`)
    kernel.failure = undefined
    pass(1_000)
    inShape(kernel)
  })

  test('at the moment of a judgement is judged later', () => {
    const { kernel, daemon } = running()
    pass(2_000)
    kernel.type('rule priority 100 from 172.31.0.218 prohibit')
    pass(300)
    kernel.failure = new Error('reading routes: ENOBUFS')
    expect(() => pass(5_000)).not.toThrow()
    kernel.failure = undefined
    pass(5_000)
    expect(daemon.account.report().health).toBe('degraded')
  })

  test('at the start is no end', () => {
    const { kernel, messages, daemon } = running(host + eth1, '', (fresh) => {
      fresh.failure = new Error('reading links: EINTR')
    })
    expect(daemon.account.report().health).toBe('starting')
    kernel.failure = undefined
    pass(1_000)
    inShape(kernel)
    expect(messages('ready')).toHaveLength(1)
  })
})

test('looks that are torn by others do no harm, and end in shape', () => {
  const { kernel } = running(host + eth1, '', (fresh) => {
    fresh.tears = [sourceRule]
  })
  pass(5_000)
  inShape(kernel)
  kernel.tears = undefined
  pass(2_000)
  inShape(kernel)
})

describe('another configuration', () => {
  const other = '[routing]\ntable-base = 30000\npriority-base = 1000\nlink-group = 30'
  const otherShape = (kernel: FakeKernel) => {
    const { rules, routes } = desiredOf(kernel.state, { settings: settings(other) })
    return [...rules.map(({ rule }) => ruleLine(rule)), ...routes.map(({ route }) => routeLine(route, kernel.state))]
  }

  test('keeps the old objects until the new ones stand, and then takes them away', () => {
    const { kernel, daemon } = running()
    const before = ours(kernel)
    daemon.reconfigure(configOf(other))
    pass()
    expect(ours(kernel).sort()).toEqual(otherShape(kernel).sort())
    const batch = kernel.batches.at(-1) as string[]
    expect(batch.filter((line) => line.startsWith('- '))).toHaveLength(before.length)
    expect(batch.findIndex((line) => line.startsWith('- '))).toBe(batch.length - before.length)
  })

  test('keeps them while the kernel refuses the new ones, and takes them away afterwards', () => {
    const { kernel, daemon } = running()
    const before = ours(kernel)
    kernel.failure = new Error('busy')
    daemon.reconfigure(configOf(other))
    pass(5_000)
    expect(ours(kernel)).toEqual(before)
    kernel.failure = undefined
    pass(2_000)
    expect(ours(kernel).sort()).toEqual(otherShape(kernel).sort())
  })

  test('old objects that a torn look did not show are taken away by a later one', () => {
    const { kernel, daemon } = running()
    pass(5_000)
    kernel.tears = [sourceRule]
    daemon.reconfigure(configOf(other))
    pass()
    expect(ours(kernel)).toContain(sourceRule)
    kernel.tears = undefined
    pass(61_000)
    expect(ours(kernel).sort()).toEqual(otherShape(kernel).sort())
  })

  test('twice in a row leaves nothing of either', () => {
    const { kernel, daemon } = running()
    daemon.reconfigure(configOf('[routing]\ntable-base = 40000\nprotocol = 214'))
    daemon.reconfigure(configOf(other))
    pass(5_000)
    expect(kernel.lines.filter((line) => /proto(col)? 214|table [24]0/.test(line))).toEqual([])
    expect(ours(kernel).sort()).toEqual(otherShape(kernel).sort())
  })

  test('after it, objects with the old numbers are foreign again', () => {
    const { kernel, daemon } = running()
    daemon.reconfigure(configOf(other))
    pass(5_000)
    kernel.type(sourceRule)
    pass(61_000)
    expect(kernel.lines).toContain(sourceRule)
  })

  test('that is the same changes nothing', () => {
    const { kernel, daemon } = running()
    daemon.reconfigure(configOf(''))
    pass(5_000)
    expect(kernel.batches).toHaveLength(1)
  })
})

describe('stopped', () => {
  test('it leaves the routing in place, and never looks again', () => {
    const { kernel, daemon } = running()
    kernel.take(sourceRule)
    daemon.stop()
    const { observations } = kernel
    pass(120_000)
    expect(kernel.observations).toBe(observations)
    expect(kernel.closed).toBe(true)
    expect(ours(kernel)).toHaveLength(wanted(kernel).length - 1)
  })

  test('it takes the routing away where it is told to, and writes that down', () => {
    const { kernel, daemon, messages } = running(host + eth1, '[routing]\non-stop = "remove"')
    const count = messages('change').length
    daemon.stop()
    expect(ours(kernel)).toEqual([])
    expect(messages('change')).toHaveLength(2 * count)
    expect(messages('removed')).toEqual(['the routing was taken away'])
  })

  test('it writes down what it took away where the kernel cannot be read again', () => {
    const { kernel, daemon, messages } = running(host + eth1, '[routing]\non-stop = "remove"')
    const count = messages('change').length
    kernel.refuses = (change) => (change.kind === 'rule' && ruleLine(change.rule) === sourceRule ? 'EPERM' : undefined)
    kernel.afterApply = () => {
      kernel.failure = new Error('reading links: EINTR')
    }
    expect(() => daemon.stop()).toThrow('EINTR')
    expect(messages('change')).toHaveLength(2 * count - 1)
    expect(messages('removed')).toEqual(['the routing was taken away, but for 1 object'])
    expect(kernel.closed).toBe(true)
  })

  test('it leaves the routing to the daemon that takes over, whatever it is told', () => {
    const { kernel, daemon, messages } = running(host + eth1, '[routing]\non-stop = "remove"')
    const before = ours(kernel)
    daemon.stop({ handOver: true })
    expect(ours(kernel)).toEqual(before)
    expect(messages('removed')).toEqual([])
  })
})
