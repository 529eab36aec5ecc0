import { setTimeout } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { type Bench, expectUnharmed, extra, test } from './bench.ts'
import { expectHealed } from './limits.ts'
import { type Setting, startNetworkd } from './networkd.ts'
import { report } from './report.ts'
import { spread } from './row.ts'

async function start(bench: Bench, setting: Setting): Promise<void> {
  await startNetworkd(bench, setting)
  await bench.settle()
}

const settings = (['static', 'dhcp'] as const).flatMap((ipv4) => [false, true].map((dropIn) => ({ dropIn, ipv4 })))

describe.each(settings)('systemd-networkd ($ipv4 addresses, drop-in: $dropIn)', ({ dropIn, ipv4 }) => {
  const rival = `networkd, ${ipv4}, ${dropIn ? 'with' : 'without'} drop-in`
  const most = dropIn ? 0 : 2

  test('restart', { timeout: 180_000 }, async ({ stage: bench, task }) => {
    await start(bench, { dropIn, ipv4 })
    const row = await bench.disturb({ rival, action: 'restart', times: 10 }, async () => {
      await bench.guest.systemctl('restart', 'systemd-networkd')
      await setTimeout(1000)
    })
    report(task, row)
    expectUnharmed(row)
    for (const { eni, lost } of row.pings) {
      expect(lost, `lost on ${eni}`).toBeLessThanOrEqual(10 * most)
    }
    expect(spread(row.healed).p50).toBeLessThanOrEqual(10)
    expect(spread(row.healed).worst).toBeLessThanOrEqual(1000)
  })

  test('start, as after a boot', { timeout: 180_000 }, async ({ stage: bench, task }) => {
    await start(bench, { dropIn, ipv4 })
    const row = await bench.disturb({ rival, action: 'stop, forget, start' }, async () => {
      await bench.guest.systemctl('stop', 'systemd-networkd')
      bench.guest.remove('/run/systemd/netif/links')
      bench.guest.remove('/run/systemd/netif/leases')
      await bench.guest.systemctl('start', 'systemd-networkd')
      await setTimeout(1000)
    })
    report(task, row)
    expectUnharmed(row)
    for (const { lost } of row.pings) {
      expect(lost).toBeLessThanOrEqual(most)
    }
  })

  test('reload, reconfigure, renew', { timeout: 180_000 }, async ({ stage: bench, task }) => {
    await start(bench, { dropIn, ipv4 })
    const rows = []
    for (const args of [['reload'], ['reconfigure', 'eth1'], ['reconfigure', 'eth0'], ['renew', 'eth1']]) {
      rows.push(
        await bench.disturb({ rival, action: `networkctl ${args.join(' ')}` }, async () => {
          await bench.guest.exec('networkctl', args)
          await setTimeout(1000)
        }),
      )
    }
    report(task, ...rows)
    expectHealed(rows)
  })

  test('an ENI comes that it configures, and goes', { timeout: 180_000 }, async ({ stage: bench, task }) => {
    await start(bench, { dropIn, ipv4 })
    const rows = [
      await bench.disturb({ rival, action: 'an ENI is attached' }, async () => {
        await bench.vpc.attach({ ...extra, configure: false })
        await setTimeout(1000)
      }),
      await bench.disturb({ rival, action: 'an ENI is detached' }, async () => {
        await bench.vpc.detach(extra.name)
        await setTimeout(500)
      }),
    ]
    report(task, ...rows)
    for (const row of rows) {
      expectUnharmed(row)
      expect(row.pings.reduce((sum, { lost }) => sum + lost, 0)).toBeLessThanOrEqual(most)
    }
  })
})
