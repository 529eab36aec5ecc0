import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { parseConfig } from '../../../src/config/parse.ts'
import { Daemon } from '../../../src/daemon.ts'
import { Tally } from '../../../src/metrics/tally.ts'
import { prometheusText } from '../../../src/metrics/text.ts'
import { FakeKernel } from '../../support/fake-kernel.ts'
import { memoryLog } from '../../support/fake-kernel-log.ts'
import { ruleLine } from '../../support/snapshot.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const host = `
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
  addr fd00::1/64 dev eth0
  route default via 172.31.0.1 dev eth0 metric 100
`
const eth1 = `
  link eth1 driver ena
  addr 172.31.0.218/20 dev eth1
`
const sourceRule = 'rule priority 20001 from 172.31.0.218 lookup 20001 protocol 213'

function running(text = host + eth1, prepare: (kernel: FakeKernel) => void = () => {}) {
  const kernel = new FakeKernel(text)
  prepare(kernel)
  const news = vi.fn()
  const daemon = new Daemon({
    kernel,
    config: parseConfig('', 'test.toml'),
    log: memoryLog().log,
    version: '1.2.3',
    onNews: news,
  })
  daemon.start()
  /** Lines of the series whose name, after `eni_routed_`, starts so; without the zeros. */
  const series = (start: string) =>
    prometheusText(daemon.account.metrics())
      .split('\n')
      .filter((line) => line.startsWith(`eni_routed_${start}`) && !line.endsWith(' 0'))
      .map((line) => line.replace('eni_routed_', ''))
  return { kernel, daemon, news, series }
}
const pass = (ms = 1) => vi.advanceTimersByTime(ms)

describe("the daemon's metrics", () => {
  test('of a machine in shape', () => {
    const { series } = running()
    expect(series('build_info')).toEqual([`build_info{version="1.2.3",node="${process.version}"} 1`])
    expect(series('health')).toEqual(['health{state="in sync"} 1'])
    expect(series('enis')).toEqual(['enis{state="managed"} 2'])
    expect(series('addresses')).toEqual(['addresses{family="ipv4"} 2', 'addresses{family="ipv6"} 1'])
    expect(series('passes_total')).toEqual(['passes_total{result="verified"} 1'])
    expect(series('changes_total').every((line) => line.includes('result="done"'))).toBe(true)
    expect(series('last_verified')).toEqual([`last_verified_pass_timestamp_seconds ${Date.now() / 1000}`])
    expect(series('last_thorough')).toEqual([`last_thorough_pass_timestamp_seconds ${Date.now() / 1000}`])
    expect(series('event_to_verified')).toEqual([])
    expect(series('repairs')).toEqual([])
  })

  test.for([
    { state: 'bare', lines: 'link eth2 driver ena' },
    { state: 'down', lines: 'link eth2 driver ena down' },
  ])('of an ENI that is $state', ({ state, lines }) => {
    expect(running(`${host}${eth1}${lines}\n`).series('enis')).toContain(`enis{state="${state}"} 1`)
  })

  test('of a repair: its cause, and the time that it took', () => {
    const { kernel, series } = running()
    kernel.take(sourceRule)
    pass()
    expect(series('repairs')).toEqual(['repairs_total{object="rule",cause="rule changed"} 1'])
    expect(series('event_to_verified_seconds_count')).toEqual(['event_to_verified_seconds_count 1'])
  })

  test('of an event that called for nothing: no time that anybody waited for', () => {
    const { kernel, series } = running()
    pass(5_000)
    kernel.notify({ kind: 'link' }, 'noise')
    pass(100)
    expect(series('event_to_verified_seconds_count')).toEqual([])
  })

  test('of changes that the kernel refuses, and of the wait until it no longer does', () => {
    let refusing = false
    const { kernel, series } = running(host + eth1, (fresh) => {
      fresh.refuses = (change) =>
        refusing && change.kind === 'rule' && ruleLine(change.rule) === sourceRule ? 'EINVAL' : undefined
    })
    refusing = true
    kernel.take(sourceRule)
    pass(3_000)
    expect(series('pending_changes')).toEqual(['pending_changes 1'])
    expect(series('health')).toEqual(['health{state="degraded"} 1'])
    // The refused rule, and its packets to the Internet and to another subnet that leave by the other ENI for want of it.
    expect(series('problems')).toEqual(['problems{severity="error"} 3'])
    expect(series('changes_total{action="add",object="rule",result="refused"}')).toHaveLength(1)
    expect(series('event_to_verified_seconds_count')).toEqual([])
    refusing = false
    pass(2_000)
    expect(series('pending_changes')).toEqual([])
    expect(series('event_to_verified_seconds_bucket{le="2.5"}')).toEqual([])
    expect(series('event_to_verified_seconds_bucket{le="5"}')).toHaveLength(1)
  })

  test('of changes of which nobody knows what became: their answers were lost, and the look after them is torn', () => {
    const { kernel, series } = running()
    kernel.refuses = () => 'ENOBUFS'
    kernel.mute = () => true
    kernel.afterApply = () => {
      kernel.tears = []
    }
    kernel.take(sourceRule)
    pass()
    expect(series('changes_total{action="add",object="rule",result="unknown"}')).toHaveLength(1)
    expect(series('changes_total{action="add",object="rule",result="refused"}')).toEqual([])
  })

  test('of passes that failed, of a fight, and of lost events', () => {
    const { kernel, series } = running()
    kernel.failure = new Error('reading links: EINTR')
    kernel.notify({ kind: 'link' }, 'noise')
    pass(100)
    expect(series('passes_total{result="failed"}')).toHaveLength(1)
    kernel.failure = undefined
    kernel.afterApply = () => kernel.take(sourceRule)
    kernel.take(sourceRule)
    pass(10_000)
    expect(series('contested_objects')).toEqual(['contested_objects 1'])
    kernel.loseEvents()
    vi.advanceTimersByTime(0)
    expect(series('overflows')).toEqual(['overflows_total 1'])
  })

  test('are news after a pass and after a judgement, and not while nothing happens', () => {
    const { kernel, news } = running()
    pass(5_000)
    expect(news.mock.calls.length).toBeGreaterThan(1)
    news.mockClear()
    pass(50_000)
    expect(news).not.toHaveBeenCalled()
    kernel.take(sourceRule)
    pass()
    expect(news).toHaveBeenCalled()
  })
})

test('errors of the metadata service are counted by their reason', () => {
  const tally = new Tally()
  tally.metadataFailed('timeout')
  const errors = tally.families().find(({ name }) => name === 'eni_routed_metadata_errors')?.samples
  expect(errors).toContainEqual({ labels: { reason: 'timeout' }, value: 1 })
  expect(errors).toContainEqual({ labels: { reason: 'refused' }, value: 0 })
})
