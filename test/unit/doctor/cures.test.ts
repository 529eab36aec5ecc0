import { describe, expect, test } from 'vitest'
import type { WrongOutcome } from '../../../src/policy/outcome.ts'
import type { Change } from '../../../src/state/change.ts'
import { version } from '../../../src/version.ts'
import { expectExactly, type Found, type Row, twoEnis } from '../../support/doctor.ts'

const unit = { 'usr/lib/systemd/system/eni-routed.service': '[Unit]\n' }
const enabledUnit = { ...unit, 'etc/systemd/system/multi-user.target.wants/eni-routed.service': '[Unit]\n' }
const running = {
  daemon: { state: 'running', report: { contested: [], version, pid: 7, since: 'now' } as never },
} as const
const pending = [
  {
    op: 'delete',
    kind: 'rule',
    cause: 'test',
    rule: { family: 4, priority: 20001, action: 'lookup', table: 20001, protocol: 213 },
  },
] as const satisfies readonly Change[]
const hotplug = 'usr/lib/udev/rules.d/90-cloud-init-hook-hotplug.rules'

/** A packet of eth1 that leaves by another way. */
const wrong = (fate: string, question: Partial<WrongOutcome['question']> = {}, isForeign = false): WrongOutcome => ({
  question: {
    ...{ family: 4, source: '172.31.0.218', destination: '8.8.8.8', ipProtocol: 6, towards: 'the Internet' },
    ...{ linkIndex: 3, table: 20001, ...question },
  },
  fate,
  remedy: 'do that',
  isForeign,
})
const byMain = wrong('leave by eth0 (table main) instead of by eth1: the route "default via 172.31.0.1 dev eth0"')
const byRule = wrong(
  'leave by wg0 (table 7) instead of by eth1: the rule "priority 9 from all lookup 7" is asked first',
  {},
  true,
)

const absent = { id: 'daemon-absent', cure: 'eni-routed run, or once: eni-routed apply' }
const wrongWay = (evidence: readonly string[]): Found => ({ id: 'wrong-way', evidence, cure: 'do that' })
const asked = 'ip route get 8.8.8.8 from 172.31.0.218'

describe('the daemon and its unit:', () => {
  test.each<Row>([
    { name: 'runs, and is enabled', files: enabledUnit, other: running, finds: [] },
    {
      name: 'is installed and does not run',
      files: enabledUnit,
      finds: [
        {
          id: 'daemon-absent',
          evidence: ['/usr/lib/systemd/system/eni-routed.service'],
          cure: 'systemctl enable --now eni-routed',
        },
      ],
    },
    { name: 'does not run, and there is one ENI', files: unit, kernel: 'link eth0 driver ena', finds: [] },
    {
      name: 'runs, and is not enabled',
      files: unit,
      other: running,
      finds: [
        {
          id: 'daemon-not-enabled',
          evidence: ['no unit wants /usr/lib/systemd/system/eni-routed.service'],
          cure: 'systemctl enable --now eni-routed',
        },
      ],
    },
    {
      name: 'is masked',
      files: { ...unit, 'etc/systemd/system/eni-routed.service': '' },
      other: running,
      finds: [
        {
          id: 'daemon-not-enabled',
          evidence: ['/etc/systemd/system/eni-routed.service leads to /dev/null'],
          cure: 'systemctl unmask eni-routed && systemctl enable --now eni-routed',
        },
      ],
    },
    {
      name: 'hangs',
      other: { daemon: { state: 'silent', pid: 9 } },
      finds: [
        {
          id: 'daemon-silent',
          evidence: ['process 9 has the lock of this network namespace'],
          cure: 'systemctl restart eni-routed',
        },
      ],
    },
    { name: 'runs elsewhere, nothing is wrong', finds: [] },
    {
      name: 'lacks, and packets go wrong for want of it',
      outcomes: [byMain],
      pending,
      finds: [{ ...absent, evidence: [`packets from 172.31.0.218 to the Internet ${byMain.fate}`] }],
    },
    {
      name: 'lacks, and packets go wrong for another reason, which is told by itself',
      outcomes: [byRule],
      pending,
      finds: [wrongWay([asked])],
    },
    {
      name: 'lacks, and nothing is pending: what goes wrong is not its want',
      outcomes: [byMain],
      finds: [wrongWay([asked])],
    },
    {
      name: 'has faults in its configuration',
      other: { configFaults: [{ file: 'c.toml', line: 3, key: 'a.b', problem: 'is bad' } as never] },
      finds: [
        {
          id: 'configuration',
          evidence: [expect.stringContaining('c.toml:3') as never],
          cure: 'correct the file, then: systemctl restart eni-routed',
        },
      ],
    },
    {
      name: 'is fought',
      other: {
        daemon: {
          state: 'running',
          report: {
            contested: [{ object: 'ip rule x', by: 'process 8', repairs: 9 }],
            version,
            pid: 7,
            since: 'now',
          } as never,
        },
      },
      finds: [
        {
          id: 'contested',
          evidence: ['ip rule x', 'last heard of: process 8'],
          cure: 'eni-routed history tells when; stop the program that does so, or teach it to leave that alone',
        },
      ],
    },
    {
      name: 'was not restarted after an upgrade',
      other: { daemon: { state: 'running', report: { contested: [], version: '0', pid: 7, since: 'then' } as never } },
      finds: [{ id: 'daemon-version', evidence: ['process 7 since then'], cure: 'systemctl restart eni-routed' }],
    },
  ])('$name', expectExactly)
})

describe('what the kernel answers:', () => {
  const strict = { 'proc/sys/net/ipv4/conf/eth1/rp_filter': '1\n' }
  test.each<Row>([
    {
      name: 'while a daemon runs, whatever is pending',
      outcomes: [byMain],
      pending,
      other: running,
      finds: [
        {
          id: 'pending',
          evidence: ['ip rule del priority 20001 from all lookup 20001 protocol 213'],
          cure: 'journalctl -u eni-routed tells why; then: systemctl reload eni-routed',
        },
        wrongWay([asked]),
      ],
    },
    {
      name: "a refusing route is somebody else's doing",
      outcomes: [wrong('are refused (X): the route "unreachable default"', {}, true)],
      pending,
      finds: [wrongWay([asked])],
    },
    {
      name: 'the question shows all that the rule tells packets apart by',
      outcomes: [
        wrong('go wrong', { ipProtocol: 6, sourcePort: 22 }),
        wrong('go wrong too', { ipProtocol: 17, destinationPort: 53, uid: 9 }),
      ],
      finds: [wrongWay([`${asked} ipproto tcp sport 22`]), wrongWay([`${asked} ipproto udp dport 53 uid 9`])],
    },
    {
      name: 'two questions stand for many',
      outcomes: ['8.8.8.8', '1.1.1.1', '9.9.9.9'].map((destination) => wrong('go wrong', { destination })),
      finds: [wrongWay([asked, 'ip route get 1.1.1.1 from 172.31.0.218'])],
    },
    {
      name: 'an address that two ENIs have is a finding of its own',
      kernel: `${twoEnis}addr 172.31.0.218/32 dev eth0`,
      outcomes: [byRule, wrong('go wrong', { source: '172.31.15.216' })],
      finds: [
        wrongWay(['ip route get 8.8.8.8 from 172.31.15.216']),
        {
          id: 'conflict',
          evidence: ['address 172.31.0.218'],
          cure: 'ip address del 172.31.0.218 dev eth1, if the VPC gave it to eth0',
        },
      ],
    },
    {
      name: 'no router is known',
      kernel:
        'link eth0 type veth\nlink eth1 type veth\naddr 10.0.0.1/24 dev eth0\nroute default via 10.0.0.254 dev eth0\naddr 10.1.0.1/24 dev eth1',
      toml: 'interfaces.include = ["eth*"]',
      finds: [
        {
          id: 'no-router',
          evidence: ['link eth1'],
          cure: "add a default route through it, by its subnet's router: ip route add default via ROUTER dev eth1 metric 20000",
        },
      ],
    },
    {
      name: 'a pattern meets nothing',
      toml: 'interfaces.include = ["eth*", "ens9"]',
      finds: [
        {
          id: 'idle-pattern',
          evidence: ['links: lo, eth0, eth1'],
          cure: 'correct the pattern in /etc/eni-routed/config.toml, or leave it if the interface is yet to be attached',
        },
      ],
    },
    {
      name: 'a strict rp_filter drops before, while nothing of ours stands',
      outcomes: [byMain],
      pending,
      files: strict,
      finds: [
        { ...absent, evidence: [`packets from 172.31.0.218 to the Internet ${byMain.fate}`] },
        {
          id: 'rp-filter-strict',
          evidence: ['net.ipv4.conf.eth1.rp_filter = 1'],
          cure: "eni-routed run, or once: eni-routed apply; under the daemon's rules local services pass the strict filter, too",
        },
      ],
    },
    { name: 'a strict rp_filter, and nothing goes wrong', pending, files: strict, finds: [] },
    {
      name: 'a strict rp_filter, and nothing is pending',
      outcomes: [byRule],
      files: strict,
      finds: [wrongWay([asked])],
    },
    {
      name: 'a strict rp_filter, and the daemon runs',
      outcomes: [byRule],
      pending: [],
      files: strict,
      other: running,
      finds: [wrongWay([asked])],
    },
    {
      name: 'a link group of somebody else',
      kernel: twoEnis.replace('link eth1 driver ena', 'link eth1 driver ena group 7'),
      finds: [
        {
          id: 'conflict',
          evidence: ['link eth1 group 7'],
          cure: 'ip link set dev eth1 group 20000, or routing.link-group = 7 if every ENI is in it',
        },
      ],
    },
  ])('$name', expectExactly)
})

describe('cloud agents:', () => {
  const dropIn = 'run/systemd/network/70-eth1.network.d/ec2net_policy.conf'
  test.each<Row>([
    {
      name: 'the units of amazon-ec2-net-utils, on Amazon Linux',
      files: { 'etc/systemd/system/timers.target.wants/refresh-policy-routes@ens6.timer': '[Unit]\n' },
      finds: [
        {
          id: 'ec2-net-utils',
          evidence: ['/etc/systemd/system/timers.target.wants/refresh-policy-routes@ens6.timer'],
          cure: 'dnf remove amazon-ec2-net-utils',
        },
      ],
    },
    {
      name: 'its package on Debian, and what it wrote for networkd',
      files: {
        'var/lib/dpkg/info/amazon-ec2-net-utils.list': '/.\n',
        [dropIn]: '[RoutingPolicyRule]\nFrom=172.31.0.218\nTable=10001\n',
        'run/systemd/network/70-eth0.network.d/x.conf': '[Network]\nDHCP=yes\n',
      },
      finds: [
        {
          id: 'ec2-net-utils',
          evidence: [`/${dropIn}`, '/var/lib/dpkg/info/amazon-ec2-net-utils.list'],
          cure: `apt-get purge amazon-ec2-net-utils; rm /${dropIn}; systemctl restart systemd-networkd`,
        },
      ],
    },
    {
      name: 'its first version, of Amazon Linux 2',
      files: { 'etc/sysconfig/network-scripts/ec2net-functions': '#\n' },
      finds: [
        {
          id: 'ec2-net-utils',
          evidence: ['/etc/sysconfig/network-scripts/ec2net-functions'],
          cure: 'yum remove ec2-net-utils',
        },
      ],
    },
    {
      name: 'its rules alone, which are left behind',
      kernel: `${twoEnis}${[1, 2, 3].map((i) => `rule priority 1000${i} from 172.31.0.218 lookup 1000${i}\n`).join('')}`,
      finds: [
        {
          id: 'ec2-net-utils',
          evidence: [1, 2].map((i) => `ip rule priority 1000${i} from 172.31.0.218 lookup 1000${i} protocol 3`),
          cure: [1, 2, 3]
            .map((i) => `ip rule del priority 1000${i} from 172.31.0.218 lookup 1000${i} protocol 3`)
            .join('; '),
        },
      ],
    },
    {
      name: 'nm-cloud-setup, with the interfaces that it has rules for',
      kernel: `${twoEnis}rule priority 30200 from 172.31.15.216 lookup 30200\nrule priority 30400 from 172.31.15.216 lookup 30400`,
      files: { 'etc/systemd/system/timers.target.wants/nm-cloud-setup.timer': '[Unit]\n' },
      finds: [
        {
          id: 'nm-cloud-setup',
          evidence: [
            '/etc/systemd/system/timers.target.wants/nm-cloud-setup.timer',
            ...[30200, 30400].map((n) => `ip rule priority ${n} from 172.31.15.216 lookup ${n} protocol 3`),
          ],
          cure: 'systemctl disable --now nm-cloud-setup.timer nm-cloud-setup.service; nmcli device reapply eth0',
        },
      ],
    },
    {
      name: "cloud-init's hook of the vendor, and its mark",
      files: { [hotplug]: 'x\n', 'run/cloud-init/hotplug.enabled': '' },
      finds: [
        {
          id: 'cloud-init-hotplug',
          evidence: [`/${hotplug}`, '/run/cloud-init/hotplug.enabled'],
          cure: "ln -sf /dev/null /etc/udev/rules.d/90-cloud-init-hook-hotplug.rules; rm -f /run/cloud-init/hotplug.enabled; echo 'updates: {network: {when: [boot-new-instance]}}' > /etc/cloud/cloud.cfg.d/99-no-hotplug.cfg",
        },
      ],
    },
    {
      name: "cloud-init's hook, and the line that asks for it",
      files: {
        'etc/udev/rules.d/10-cloud-init-hook-hotplug.rules': 'x\n',
        'etc/cloud/cloud.cfg.d/50.cfg': 'updates: {network: {when: [hotplug]}}\n',
      },
      finds: [
        {
          id: 'cloud-init-hotplug',
          evidence: [
            '/etc/udev/rules.d/10-cloud-init-hook-hotplug.rules',
            '/etc/cloud/cloud.cfg.d/50.cfg:1: updates: {network: {when: [hotplug]}}',
          ],
          cure: 'rm -f /etc/udev/rules.d/10-cloud-init-hook-hotplug.rules; take "hotplug" out of these lines',
        },
      ],
    },
    {
      name: "cloud-init's hook, where cloud-init is off",
      files: { [hotplug]: 'x\n', 'etc/cloud/cloud-init.disabled': '' },
      finds: [],
    },
    {
      name: "cloud-init's rules",
      files: { 'etc/network/interfaces.d/50-cloud-init': ' up ip rule add from 172.31.0.218 lookup 101\n' },
      finds: [
        {
          id: 'cloud-init-policy-routing',
          evidence: ['/etc/network/interfaces.d/50-cloud-init:1: up ip rule add from 172.31.0.218 lookup 101'],
          cure: "take these lines out, and keep cloud-init from writing them anew: echo 'network: {config: disabled}' > /etc/cloud/cloud.cfg.d/99-disable-network-config.cfg; then: netplan apply, or restart what configures the interfaces",
        },
      ],
    },
  ])('$name', expectExactly)
})

describe('network plug-ins, by all that shows them:', () => {
  const cure =
    'eni-routed status tells which interfaces are left to it; name others that it drives under exclude in /etc/eni-routed/config.toml, then: systemctl reload eni-routed'
  const agent = (name: string) => ({ processes: [{ pid: 5, name, command: [name], startedAt: 0 }] })
  test.each<Row>([
    {
      name: 'the VPC CNI',
      kernel:
        'link eth0 driver ena\naddr 172.31.15.216/20 dev eth0\nlink eni0123456789a type veth\nrule priority 1024 from all fwmark 0x80/0x80 lookup main',
      other: agent('aws-k8s-agent'),
      finds: [
        {
          id: 'vpc-cni',
          evidence: [
            'ip rule priority 1024 from all fwmark 0x80/0x80 lookup main protocol 3',
            'process 5 is aws-k8s-agent',
            'links of pods: eni0123456789a',
          ],
          cure,
        },
      ],
    },
    {
      name: 'cilium',
      kernel: 'link eth0 driver ena\nlink cilium_net type veth',
      other: agent('cilium-agent'),
      finds: [{ id: 'cilium', evidence: ['process 5 is cilium-agent', 'links cilium_net'], cure }],
    },
    { name: 'neither, by other processes', other: agent('containerd'), finds: [] },
  ])('$name', expectExactly)
})

describe('interfaces:', () => {
  const eth2 = `${twoEnis}link eth2 driver ena`
  const configured =
    'have it configured (networkd, netplan, NetworkManager, ifupdown), or set addresses.mode = "imds" in /etc/eni-routed/config.toml'
  const bare: Found = { id: 'interface-bare', evidence: ['link eth2 address 02:00:00:00:00:04'], cure: configured }
  const relength = (narrow: string, wide: string): string[] => {
    const [address, length] = narrow.split(' ')[1]?.split('/') ?? []
    return [`add ${address}/${wide.split('/')[1]?.split(' ')[0]}`, `del ${address}/${length}`]
  }
  const lies = (narrow: string, wide: string, name = 'eth1'): Found => ({
    id: 'prefix-length',
    evidence: [wide, narrow],
    cure: `give both the length of their subnet, for instance: ${relength(narrow, wide)
      .map((text) => `ip address ${text} dev ${name}`)
      .join('; ')}, and the same where the interface is configured`,
  })
  test.each<Row>([
    {
      name: 'one is down',
      kernel: `${eth2} down`,
      finds: [
        {
          id: 'interface-down',
          evidence: ['link eth2 state DOWN'],
          cure: 'ip link set dev eth2 up, or have it configured: networkd, netplan, ifupdown, or addresses.mode = "imds"',
        },
      ],
    },
    { name: 'one is bare', kernel: eth2, finds: [bare] },
    { name: 'one has a link-local address alone', kernel: `${eth2}\naddr fe80::4/64 dev eth2`, finds: [bare] },
    {
      name: 'one waits for duplicate address detection, and has a link-local address',
      kernel: `${eth2}\naddr fe80::4/64 dev eth2\naddr fd00::4/64 dev eth2 tentative`,
      finds: [],
    },
    {
      name: 'one has an address that another host has',
      kernel: `${eth2}\naddr fd00::4/64 dev eth2 tentative dadfailed`,
      finds: [
        {
          id: 'duplicate-address',
          evidence: ['address fd00::4/64 dev eth2 dadfailed'],
          cure: 'ip -6 address del fd00::4/64 dev eth2',
        },
        bare,
      ],
    },
    {
      name: 'a length that is too small',
      kernel: twoEnis.replace('172.31.0.218/20', '172.31.0.218/24'),
      finds: [lies('address 172.31.0.218/24 dev eth1', 'address 172.31.15.216/20 dev eth0')],
    },
    {
      name: 'a length that is too small, on the first',
      kernel: twoEnis.replace('172.31.15.216/20', '172.31.0.216/24'),
      finds: [
        {
          id: 'prefix-length',
          evidence: ['address 172.31.0.218/20 dev eth1', 'address 172.31.0.216/24 dev eth0'],
          cure: 'give both the length of their subnet, for instance: ip address add 172.31.0.216/20 dev eth0; ip address del 172.31.0.216/24 dev eth0, and the same where the interface is configured',
        },
      ],
    },
    {
      name: 'addresses with the length of a host lie in every subnet',
      kernel: `${twoEnis}addr 172.31.0.9/32 dev eth1`,
      finds: [],
    },
    {
      name: 'two MTUs where one of the subnets is shared',
      kernel: `${twoEnis}addr 10.9.0.2/24 dev eth0\naddr 10.8.0.2/24 dev eth1`,
      other: {
        wires: [
          { name: 'eth0', carrier: true, mtu: 9001, arp: true },
          { name: 'eth1', carrier: true, mtu: 1500, arp: true },
        ],
      },
      finds: [
        {
          id: 'mtu-differs',
          evidence: ['link eth0 mtu 9001', 'link eth1 mtu 1500'],
          cure: 'ip link set dev eth1 mtu 9001, and the same where the interface is configured',
        },
      ],
    },
    {
      name: 'that are down have no carrier',
      kernel: `${eth2} down`,
      other: { wires: [{ name: 'eth2', carrier: false, mtu: 1500, arp: false }] },
      finds: [expect.objectContaining({ id: 'interface-down' }) as never],
    },
    {
      name: 'that are not included, and those of a bridge or without a default',
      kernel: `${twoEnis.replaceAll('ena', 'virtio_net')}link eth2 driver virtio_net\nlink docker0 type bridge\nroute default dev docker0 metric 900\nroute default via 172.31.0.1 dev eth1 table 7`,
      finds: [
        {
          id: 'interfaces-not-included',
          evidence: [
            'link eth0 driver virtio_net',
            'link eth1 driver virtio_net',
            'interfaces.include: driver:ena, driver:ixgbevf, driver:vif',
          ],
          cure: 'include = ["eth0", "eth1"] under [interfaces] in /etc/eni-routed/config.toml, then: systemctl reload eni-routed',
        },
      ],
    },
    {
      name: 'that are not included, of one multipath default',
      kernel: `${twoEnis.replaceAll('ena', 'virtio_net').replace(/route.*\n/g, '')}route default nexthop via 172.31.0.1 dev eth0 nexthop via 172.31.0.1 dev eth1`,
      finds: [expect.objectContaining({ id: 'interfaces-not-included' }) as never],
    },
  ])('$name', expectExactly)
})
