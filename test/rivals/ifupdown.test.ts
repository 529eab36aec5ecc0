import { setTimeout } from 'node:timers/promises'
import { describe } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import { type Bench, enis, present, test } from './bench.ts'
import { expectHealed } from './limits.ts'
import { report } from './report.ts'
import type { Row } from './row.ts'

async function start(bench: Bench, method: 'dhcp' | 'static'): Promise<void> {
  bench.guest.write('/etc/network/interfaces', present.map(({ name }) => stanza(bench, name, method)).join('\n'))
  await bench.plug()
  for (const { name } of present) {
    await bench.guest.launch('ifup', [name])
  }
  await bench.settle()
}

function stanza(bench: Bench, name: string, method: 'dhcp' | 'static'): string {
  const eni = enis.find((candidate) => candidate.name === name)!
  const index = enis.indexOf(eni)
  const [ipv4, ipv6] = eni.addresses
  const metric = `  metric ${100 + index}`
  const four =
    method === 'dhcp' ? [] : [`  address ${ipv4}`, `  gateway ${bare(bench.vpc.subnet(eni.subnet).router.ipv4)}`]
  return [
    ...[`iface ${name} inet ${method}`, ...four, metric],
    ...[`iface ${name} inet6 static`, `  address ${ipv6}`, '  accept_ra 2', '  dad-attempts 0', ''],
  ].join('\n')
}

describe.each(['static', 'dhcp'] as const)('ifupdown (%s)', (method) => {
  test('ifdown and ifup', async ({ stage: bench, task }) => {
    await start(bench, method)
    const rows: Row[] = []
    for (const name of ['eth1', 'eth0']) {
      rows.push(
        await bench.disturb({ rival: `ifupdown, ${method}`, action: `ifdown ${name}, ifup` }, async () => {
          await bench.guest.launch('ifdown', [name])
          await setTimeout(300)
          await bench.guest.launch('ifup', [name])
        }),
      )
    }
    report(task, ...rows)
    expectHealed(rows)
  })
})
