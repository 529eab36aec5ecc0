import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { serviceManager, talkTo } from '../../../src/systemd/notify.ts'
import { Service } from '../../../src/systemd/service.ts'
import { memoryLog } from '../../support/fake-kernel-log.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

/** A service that has begun to start, and everything that its manager was told, EXTEND_TIMEOUT_USEC aside. */
function starting() {
  const told: string[] = []
  const subject = { ready: false, line: 'starting', statusLine: () => subject.line }
  const notify = (lines: string) => lines.startsWith('EXTEND') || told.push(lines.replace(/USEC=\d+/, 'USEC=now'))
  const service = new Service(talkTo(notify, undefined), subject)
  service.starting()
  const news = (line: string, ready = subject.ready) => {
    Object.assign(subject, { line, ready })
    service.news()
  }
  return { told, service, news }
}

describe('the service manager', () => {
  test('hears of readiness when a pass is verified, and not before', () => {
    const { told, news } = starting()
    news('repairing')
    expect(told).toEqual([])
    news('in sync', true)
    vi.advanceTimersByTime(10_000)
    expect(told).toEqual(['READY=1\nSTATUS=in sync'])
  })

  test('hears after a second that it is up and what is wrong, where no pass can be verified', () => {
    const { told, news } = starting()
    news('degraded: no router')
    vi.advanceTimersByTime(999)
    expect(told).toEqual([])
    vi.advanceTimersByTime(1)
    news('in sync', true)
    expect(told).toEqual(['READY=1\nSTATUS=degraded: no router', 'STATUS=in sync'])
  })

  test('hears of a status once', () => {
    const { told, news } = starting()
    for (const line of ['in sync', 'in sync', 'repairing', 'repairing']) news(line, true)
    expect(told.slice(1)).toEqual(['STATUS=repairing'])
  })

  test('hears of a reload and of its end', () => {
    const { told, service, news } = starting()
    news('in sync', true)
    service.reloading()
    service.reloaded()
    news('in sync under the new configuration')
    expect(told.slice(1)).toEqual([
      'RELOADING=1\nMONOTONIC_USEC=now',
      'READY=1\nSTATUS=in sync under the new configuration',
    ])
  })

  test('hears that a configuration was turned down, until one is taken over', () => {
    const { told, service, news } = starting()
    news('in sync', true)
    service.reloading()
    service.reloaded('config.toml:3: unknown key')
    news('repairing')
    service.reloading()
    service.reloaded()
    news('in sync')
    const complaint = 'the configuration was not taken over: config.toml:3: unknown key'
    expect(told.slice(2)).toEqual([
      `READY=1\nSTATUS=in sync; ${complaint}`,
      `STATUS=repairing; ${complaint}`,
      'RELOADING=1\nMONOTONIC_USEC=now',
      'READY=1\nSTATUS=in sync',
    ])
  })

  test('hears that it stops, and nothing of a start that was not over', () => {
    const { told, service } = starting()
    service.stopping()
    vi.advanceTimersByTime(10_000)
    expect(told).toEqual(['STOPPING=1\nSTATUS=Stopping'])
  })
})

test('the time of a reload is that of CLOCK_MONOTONIC, in µs', () => {
  const told: string[] = []
  talkTo((lines) => told.push(lines), undefined).reloading()
  const at = Number(/MONOTONIC_USEC=(\d+)$/.exec(told[0]!)?.[1])
  expect(Math.abs(Number(process.hrtime.bigint() / 1000n) - at)).toBeLessThan(10_000_000)
})

test('where nobody asks to be told, nothing is', async () => {
  const { log, entries } = memoryLog()
  const manager = await serviceManager(log, { WATCHDOG_USEC: '1000000' })
  expect(manager.watchdog).toBeUndefined()
  manager.ready('in sync')
  expect(entries).toEqual([])
})
