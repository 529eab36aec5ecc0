import { setTimeout } from 'node:timers/promises'
import { describe } from 'vitest'
import type { Lease } from '../support/guest-dhcp.ts'
import { type Bench, enis, extra, test } from './bench.ts'
import { expectHealed } from './limits.ts'
import { report } from './report.ts'
import type { Row } from './row.ts'

const rival = 'NetworkManager'

async function start(bench: Bench): Promise<void> {
  bench.guest.write(
    '/etc/NetworkManager/conf.d/test.conf',
    '[main]\nplugins=keyfile\nno-auto-default=*\n[device-eni]\nmatch-device=interface-name:eth*\nmanaged=1\n',
  )
  enis.forEach((eni, index) => {
    bench.guest.write(`/etc/NetworkManager/system-connections/${eni.name}.nmconnection`, connection(eni, index))
  })
  await bench.plug()
  await bench.guest.systemctl('start', 'NetworkManager')
  await bench.settle()
}

/** Link-local addresses of the MAC, as in EC2: the VPC drops others. */
const connection = ({ name, addresses }: Lease, index: number): string =>
  [
    ...['[connection]', `id=${name}`, 'type=ethernet', `interface-name=${name}`],
    ...['[ipv4]', 'method=auto', `route-metric=${100 + index}`],
    ...['[ipv6]', 'method=auto', `address1=${addresses![1]}`, `route-metric=${100 + index}`, 'addr-gen-mode=0', ''],
  ].join('\n')

describe('NetworkManager', () => {
  test('reapply, modify, disconnect and connect, restart', async ({ stage: bench, task }) => {
    await start(bench)
    const nmcli = (...args: string[]) => bench.guest.exec('nmcli', args)
    const rows: Row[] = []
    const act = async (action: string, todo: () => Promise<unknown>) => {
      rows.push(
        await bench.disturb({ rival, action }, async () => {
          await todo()
          await setTimeout(500)
        }),
      )
    }
    await act('device reapply eth1', () => nmcli('device', 'reapply', 'eth1'))
    await act('device reapply eth0', () => nmcli('device', 'reapply', 'eth0'))
    await act('connection up eth1', () => nmcli('connection', 'up', 'eth1'))
    await act('device disconnect eth1, connect', async () => {
      await nmcli('device', 'disconnect', 'eth1')
      await setTimeout(300)
      await nmcli('device', 'connect', 'eth1')
    })
    await act('device disconnect eth0, connect', async () => {
      await nmcli('device', 'disconnect', 'eth0')
      await setTimeout(300)
      await nmcli('device', 'connect', 'eth0')
    })
    await act('restart', () => bench.guest.systemctl('restart', 'NetworkManager'))
    await act('an ENI is attached', () => bench.vpc.attach({ ...extra, configure: false }))
    await act('an ENI is detached', () => bench.vpc.detach(extra.name))
    report(task, ...rows)
    expectHealed(rows)
  })
})
