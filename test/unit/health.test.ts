import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Audit } from '../../src/audit.ts'
import { Contention } from '../../src/contention.ts'
import { Health } from '../../src/health.ts'
import { noMemory, reconcile } from '../../src/reconcile.ts'
import { FakeKernel } from '../support/fake-kernel.ts'
import { memoryLog } from '../support/fake-kernel-log.ts'
import { knowing } from '../support/knowledge.ts'
import { settings } from '../support/snapshot.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const host = `
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
  route default via 172.31.0.1 dev eth0 metric 100
  link eth1 driver ena
`
const address = 'addr 172.31.0.218/20 dev eth1\n'
const given = {
  ...settings(),
  knowledge: knowing([{ index: 3, ipv4: ['172.31.0.218'], subnets: ['172.31.0.0/20'] }]),
}
const lacks = 'eth1 lacks 172.31.0.218, which the metadata lists'

/** A health that is told of passes over a kernel as written. */
function judging() {
  const { log, messages } = memoryLog()
  const contention = new Contention()
  const health = new Health({ kernel: new FakeKernel(host + address), audit: new Audit(log), contention })
  const note = (text: string, due: 'now' | 'soon' | undefined) => {
    const kernel = new FakeKernel(text)
    const pass = { kernel, settings: given, memory: noMemory, contention, thorough: true, hint: { what: '' }, now: 0 }
    health.note(reconcile(pass), given, due)
  }
  return { health, note, told: () => messages('problem') }
}

describe('an address that the metadata lists and the link lacks', () => {
  test('is not spoken of while DHCP may be slow', () => {
    const { note, told, health } = judging()
    note(host, 'soon')
    vi.advanceTimersByTime(5_000)
    expect([told(), health.problems]).toEqual([[], []])
    note(host + address, 'soon')
    vi.advanceTimersByTime(20_000)
    expect(told().filter((text) => text.includes('lacks'))).toEqual([])
  })

  test('is a warning when it has been lacking for some seconds, though nothing else happens', () => {
    const { note, told } = judging()
    note(host, 'soon')
    vi.advanceTimersByTime(7_000)
    expect(told()).toEqual([expect.stringContaining(lacks)])
  })

  test('that was there in between has its patience anew', () => {
    const { note, told } = judging()
    note(host, 'now')
    vi.advanceTimersByTime(5_000)
    note(host + address, 'now')
    note(host, 'now')
    vi.advanceTimersByTime(5_000)
    expect(told()).toEqual([])
    vi.advanceTimersByTime(1_500)
    expect(told()).toEqual([expect.stringContaining(lacks)])
  })

  test('holds no other judgement up', () => {
    const { note, told } = judging()
    note(host, 'now')
    note(`${host}link bond0 kind bond\nlink eth2 driver ena master bond0\n`, 'soon')
    vi.advanceTimersByTime(600)
    expect(told()).toEqual([expect.stringContaining('eth2 is not taken for an ENI')])
  })
})
