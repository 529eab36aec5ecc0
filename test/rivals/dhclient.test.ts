import { setTimeout } from 'node:timers/promises'
import { describe } from 'vitest'
import { familyOf } from '../../src/state/ip.ts'
import { type Bench, present, test } from './bench.ts'
import { expectHealed } from './limits.ts'
import { report } from './report.ts'
import type { Row } from './row.ts'

const rival = 'dhclient'
const leaseSeconds = 8

const files = (name: string): string[] => ['-pf', `/run/dhclient.${name}.pid`, '-lf', `/var/lib/dhcp/${name}.leases`]

/** As ifupdown calls it, with a metric of its own for each default route. */
async function acquire(bench: Bench, name: string): Promise<void> {
  const metric = `IF_METRIC=${100 + Number(name.slice(3))}`
  await bench.guest.launch('dhclient', ['-4', '-e', metric, ...files(name), name])
}

async function start(bench: Bench): Promise<void> {
  await bench.plug(leaseSeconds)
  // As short as the leases, so that a client which lost its own asks again at once.
  bench.guest.write(
    '/etc/dhcp/dhclient.conf',
    'request subnet-mask, routers;\nretry 1;\nreboot 1;\ninitial-interval 1;\nbackoff-cutoff 1;\n',
  )
  for (const { name, addresses } of present) {
    await bench.vpc.instance.ip(`link set dev ${name} up`)
    await bench.vpc.instance.ip(`address add ${addresses.find((a) => familyOf(a) === 6)} dev ${name} nodad`)
    await acquire(bench, name)
  }
  await bench.settle()
}

describe('dhclient', () => {
  test('renews, expires, releases', async ({ stage: bench, task }) => {
    await start(bench)
    const rows: Row[] = []
    rows.push(await bench.disturb({ rival, action: 'renewals in 6 s, leases of 8 s' }, () => setTimeout(6000)))
    rows.push(
      await bench.disturb({ rival, action: 'the leases of all ENIs expire' }, async () => {
        await bench.dhcp.stop()
        await setTimeout((leaseSeconds + 2) * 1000)
        await bench.dhcp.start()
      }),
    )
    rows.push(
      await bench.disturb({ rival, action: 'release and acquire eth1' }, async () => {
        await bench.guest.launch('dhclient', ['-4', '-r', ...files('eth1'), 'eth1'])
        await acquire(bench, 'eth1')
      }),
    )
    report(task, ...rows)
    expectHealed(rows)
  })
})
