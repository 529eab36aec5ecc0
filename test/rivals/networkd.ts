import { readFileSync } from 'node:fs'
import { bare } from '../../src/lab/addressing.ts'
import type { Lease } from '../support/guest-dhcp.ts'
import { type Bench, enis } from './bench.ts'

const dropInFile = new URL('../../systemd/networkd/10-eni-routed.conf', import.meta.url)

export interface Setting {
  readonly dropIn: boolean
  readonly ipv4: 'dhcp' | 'static'
}

/** Plugs the ENIs in and lets systemd-networkd configure them. */
export async function startNetworkd(bench: Bench, { dropIn, ipv4 }: Setting): Promise<void> {
  enis.forEach((eni, index) => {
    bench.guest.write(`/etc/systemd/network/10-${eni.name}.network`, networkFile(bench, eni, index, ipv4))
  })
  if (dropIn) {
    bench.guest.write('/etc/systemd/networkd.conf.d/10-eni-routed.conf', readFileSync(dropInFile, 'utf8'))
  }
  // Ten restarts in a few seconds are no crash loop.
  bench.guest.write('/etc/systemd/system/systemd-networkd.service.d/test.conf', '[Unit]\nStartLimitIntervalSec=0\n')
  await bench.guest.systemctl('daemon-reload')
  await bench.plug()
  await bench.guest.systemctl('start', 'systemd-networkd')
}

function networkFile(bench: Bench, { name, subnet, addresses }: Lease, index: number, ipv4: Setting['ipv4']): string {
  const router = bare(bench.vpc.subnet(subnet).router.ipv4)
  const metric = 100 + index
  const four =
    ipv4 === 'dhcp'
      ? ['DHCP=ipv4', '[DHCPv4]', `RouteMetric=${metric}`]
      : [`Address=${addresses![0]}`, '[Route]', `Gateway=${router}`, `Metric=${metric}`]
  return [
    ...['[Match]', `Name=${name}`, '[Network]', 'IPv6AcceptRA=yes', `Address=${addresses![1]}`, ...four],
    ...['[IPv6AcceptRA]', 'DHCPv6Client=no', `RouteMetric=${metric}`, ''],
  ].join('\n')
}
