import { describe, expect, test } from 'vitest'
import { type Row as ExactRow, expectExactly, findingsOf, type Given, misjudged } from '../../support/doctor.ts'

const off = '[Network]\nManageForeignRoutingPolicyRules=no\nManageForeignRoutes=no\n'
const enabled = { 'etc/systemd/system/multi-user.target.wants/systemd-networkd.service': '[Unit]\n' }
const networkd = { ...enabled, 'usr/lib/systemd/libsystemd-shared-252.so': '' }
const netplan = 'network:\n  version: 2\n  ethernets:\n    eth0: {dhcp4: true}\n'
const withRules = '      routing-policy:\n        - from: 172.31.0.218\n          table: 101\n'

interface Row extends Given {
  readonly name: string
}
interface Fault extends Row {
  readonly id: string
  readonly also?: readonly string[]
  /** Where the evidence is. */
  readonly at: string
}

describe('silent about', () => {
  test.each<Row>([
    { name: 'no files at all' },
    { name: 'networkd that is installed and not enabled', files: { 'usr/lib/systemd/libsystemd-shared-252.so': '' } },
    {
      name: 'networkd with the drop-in',
      files: { ...networkd, 'usr/lib/systemd/networkd.conf.d/10-eni-routed.conf': off },
    },
    { name: 'networkd with both keys in its file', files: { ...networkd, 'etc/systemd/networkd.conf': off } },
    {
      name: 'a default that a later file overrides',
      files: {
        ...networkd,
        'etc/systemd/networkd.conf': '[Network]\nManageForeignRoutes=yes\nManageForeignRoutingPolicyRules=true\n',
        'run/systemd/networkd.conf.d/90-x.conf': off,
      },
    },
    {
      name: 'a weaker file of the same name',
      files: {
        ...networkd,
        'etc/systemd/networkd.conf.d/10-x.conf': off,
        'usr/lib/systemd/networkd.conf.d/10-x.conf': '[Network]\nManageForeignRoutes=yes\n',
      },
    },
    {
      name: 'netplan beside the drop-in',
      files: { ...networkd, 'etc/netplan/50-cloud-init.yaml': netplan, 'etc/systemd/networkd.conf.d/x.conf': off },
    },
    {
      name: 'netplan that leaves all to NetworkManager',
      files: { 'etc/netplan/01-network-manager-all.yaml': 'network:\n  version: 2\n  renderer: NetworkManager\n' },
    },
    {
      name: 'cloud-init with its module for hotplug, and no event',
      files: { 'etc/cloud/cloud.cfg': 'cloud_final_modules:\n - install-hotplug\n - [scripts-user, hotplug]\n' },
    },
    {
      name: 'cloud-init that configures at the first boot alone',
      files: { 'etc/cloud/cloud.cfg.d/99.cfg': 'updates:\n  network:\n    when: [boot-new-instance] # no hotplug\n' },
    },
    {
      name: 'the rules of ec2-net-utils, switched off',
      files: {
        'etc/udev/rules.d/99-vpc-policy-routes.rules': '',
        'usr/lib/udev/rules.d/99-vpc-policy-routes.rules': 'SUBSYSTEM=="net"\n',
      },
    },
    {
      name: 'the programs of ec2-net-utils, switched off',
      files: {
        'etc/udev/rules.d/99-vpc-policy-routes.rules': '',
        'usr/lib/udev/rules.d/99-vpc-policy-routes.rules': 'SUBSYSTEM=="net"\n',
        'usr/bin/setup-policy-routes': '#!/bin/bash\n',
      },
    },
    {
      name: "cloud-init's hotplug, where it leaves the network alone",
      files: {
        'etc/udev/rules.d/10-cloud-init-hook-hotplug.rules': 'SUBSYSTEM=="net"\n',
        'etc/cloud/cloud.cfg.d/99-disable.cfg': 'network: {config: disabled}\n',
      },
    },
    {
      name: 'networkd that is masked',
      files: { ...networkd, 'etc/systemd/system/systemd-networkd.service': '' },
    },
    {
      name: 'nm-cloud-setup that is masked',
      files: {
        'etc/systemd/system/timers.target.wants/nm-cloud-setup.timer': '[Timer]\n',
        'etc/systemd/system/nm-cloud-setup.timer': '',
      },
    },
    {
      name: 'from: of a netplan route, commented-out rules, and a backup of a file',
      files: {
        'etc/systemd/networkd.conf.d/10-eni-routed.conf': off,
        'etc/netplan/60.yaml': `${netplan}#${withRules.replaceAll('\n', '\n#')}\n`,
      },
    },
    { name: 'other udev rules', files: { 'usr/lib/udev/rules.d/75-net-description.rules': 'SUBSYSTEM=="net"\n' } },
    { name: 'another network plug-in', files: { 'etc/cni/net.d/87-podman-bridge.conflist': '{}' } },
    {
      name: 'rules in files that are for other networks, or commented out',
      files: {
        'etc/rc.local':
          '#!/bin/sh\n# ip rule add from 172.31.0.218 lookup 101\nip rule add from 10.8.0.0/24 lookup 5\n',
        'etc/network/interfaces': 'auto eth0\niface eth0 inet dhcp\n',
      },
    },
    {
      name: 'a kernel with all options, and one that does not run without',
      files: {
        'proc/sys/kernel/osrelease': '6.1.0-13-cloud-amd64\n',
        'boot/config-6.1.0-13-cloud-amd64': 'CONFIG_IP_MULTIPLE_TABLES=y\nCONFIG_IPV6_MULTIPLE_TABLES=y\n',
        'boot/config-5.10.0-1-amd64': '# CONFIG_IP_MULTIPLE_TABLES is not set\n',
      },
    },
  ])('$name', ({ name: _, ...given }) => {
    expect(findingsOf(given)).toEqual([])
  })
})

describe('found:', () => {
  test.each<Fault>([
    {
      name: "netplan's rules in flow style",
      files: {
        'etc/systemd/networkd.conf.d/10-eni-routed.conf': off,
        'etc/netplan/60.yaml':
          'network: {version: 2, ethernets: {eth1: {routing-policy: [{from: 172.31.0.218, table: 101}]}}}\n',
      },
      id: 'rules-in-files',
      at: '/etc/netplan/60.yaml:1',
    },
    {
      name: "netplan's rules in JSON, under /run",
      files: {
        'etc/systemd/networkd.conf.d/10-eni-routed.conf': off,
        'run/netplan/60.yaml': '{"network": {"ethernets": {"eth1": {"routing-policy": [{"from": "172.31.0.218"}]}}}}\n',
      },
      id: 'rules-in-files',
      at: '/run/netplan/60.yaml:1',
    },
    {
      name: "cloud-init's rules in flow style",
      files: {
        'etc/systemd/networkd.conf.d/10-eni-routed.conf': off,
        'etc/netplan/50-cloud-init.yaml': 'network: {ethernets: {eth1: {routing-policy: [{from: 172.31.0.218}]}}}\n',
      },
      id: 'cloud-init-policy-routing',
      at: '/etc/netplan/50-cloud-init.yaml:1',
    },
    {
      name: 'the drop-in with a name that systemd does not read',
      files: { ...networkd, 'etc/systemd/networkd.conf.d/10-eni-routed.conf.disabled': off },
      id: 'networkd-foreign-rules',
      at: '10-eni-routed.conf.disabled:2: ManageForeignRoutingPolicyRules=no (networkd reads it in networkd.conf',
    },
    {
      name: 'the keys in a .network file',
      files: { ...networkd, 'etc/systemd/network/10-ena.network': off },
      id: 'networkd-foreign-rules',
      at: '/etc/systemd/network/10-ena.network:2',
    },
    {
      name: 'the keys in another section',
      files: { ...networkd, 'etc/systemd/networkd.conf.d/10-x.conf': off.replace('[Network]', '[DHCPv4]') },
      id: 'networkd-foreign-rules',
      at: '/etc/systemd/networkd.conf.d/10-x.conf:2: ManageForeignRoutingPolicyRules=no (not under [Network]',
    },
    {
      name: 'networkd without the drop-in',
      files: networkd,
      id: 'networkd-foreign-rules',
      at: 'ManageForeignRoutingPolicyRules is yes, its default',
    },
    {
      name: 'one of the keys alone',
      files: { ...networkd, 'etc/systemd/networkd.conf': '[Network]\nManageForeignRoutingPolicyRules=no\n' },
      id: 'networkd-foreign-rules',
      at: 'ManageForeignRoutes is yes, its default',
    },
    {
      name: 'a later file that takes it back',
      files: {
        ...networkd,
        'usr/lib/systemd/networkd.conf.d/10-eni-routed.conf': off,
        'etc/systemd/networkd.conf.d/50-mine.conf': '[Network]\n\nManageForeignRoutes = yes\n',
      },
      id: 'networkd-foreign-rules',
      at: '/etc/systemd/networkd.conf.d/50-mine.conf:3: ManageForeignRoutes=yes',
    },
    {
      name: 'a masked drop-in',
      files: {
        ...networkd,
        'usr/lib/systemd/networkd.conf.d/10-eni-routed.conf': off,
        'etc/systemd/networkd.conf.d/10-eni-routed.conf': '',
      },
      id: 'networkd-foreign-rules',
      at: 'ManageForeignRoutingPolicyRules is yes',
    },
    {
      name: 'keys in another section',
      files: { ...networkd, 'etc/systemd/networkd.conf.d/a.conf': off.replace('[Network]', '[DHCPv4]') },
      id: 'networkd-foreign-rules',
      at: 'ManageForeignRoutingPolicyRules is yes',
    },
    {
      name: 'a value that is no boolean',
      files: { ...networkd, 'etc/systemd/networkd.conf.d/a.conf': off.replaceAll('=no', '=nope') },
      id: 'networkd-foreign-rules',
      at: '/etc/systemd/networkd.conf.d/a.conf:2: ManageForeignRoutingPolicyRules=nope',
    },
    {
      name: 'a networkd that knows neither key',
      files: { ...enabled, 'usr/lib/systemd/libsystemd-shared-245.so': '', 'etc/systemd/networkd.conf': off },
      id: 'networkd-too-old',
      at: '/usr/lib/systemd/libsystemd-shared-245.so',
    },
    {
      name: 'a networkd that runs',
      other: {
        processes: [{ pid: 99, name: 'systemd-network', command: ['/lib/systemd/systemd-networkd'], startedAt: 1000 }],
      },
      id: 'networkd-foreign-rules',
      at: 'process 99',
    },
    {
      name: 'a networkd that has not read the drop-in yet',
      files: { ...networkd, 'usr/lib/systemd/networkd.conf.d/10-eni-routed.conf': off },
      other: {
        processes: [{ pid: 99, name: 'systemd-network', command: [], startedAt: 1_000_000 }],
        changedAt: new Map([['/usr/lib/systemd/networkd.conf.d/10-eni-routed.conf', 1_060_000]]),
      },
      id: 'networkd-not-restarted',
      at: '/usr/lib/systemd/networkd.conf.d/10-eni-routed.conf is from 1970-01-01T00:17:40.000Z',
    },
    {
      name: 'netplan in one line',
      files: {
        'etc/netplan/x.yaml': 'network: {version: 2, renderer: networkd, ethernets: {eth0: {dhcp4: true}}}\n',
        'etc/systemd/networkd.conf': '',
      },
      id: 'networkd-foreign-rules',
      at: '/etc/netplan/x.yaml',
    },
    {
      name: 'amazon-ec2-net-utils by its package',
      files: { 'var/lib/dpkg/info/amazon-ec2-net-utils.list': '/.\n' },
      id: 'ec2-net-utils',
      at: '/var/lib/dpkg/info/amazon-ec2-net-utils.list',
    },
    {
      name: 'nm-cloud-setup by its timer',
      files: { 'etc/systemd/system/timers.target.wants/nm-cloud-setup.timer': '[Unit]\n' },
      id: 'nm-cloud-setup',
      at: '/etc/systemd/system/timers.target.wants/nm-cloud-setup.timer',
    },
    {
      name: 'nm-cloud-setup by its rules',
      kernel: `${'link eth0 driver ena\naddr 172.31.15.216/20 dev eth0\nroute default via 172.31.0.1 dev eth0\n'}rule priority 30200 from 172.31.15.216 lookup 30200 protocol static`,
      id: 'nm-cloud-setup',
      at: 'priority 30200 from 172.31.15.216',
    },
    {
      name: 'amazon-ec2-net-utils',
      files: { 'usr/lib/udev/rules.d/99-vpc-policy-routes.rules': 'SUBSYSTEM=="net"\n' },
      id: 'ec2-net-utils',
      at: '/usr/lib/udev/rules.d/99-vpc-policy-routes.rules',
    },
    {
      name: 'its older form',
      files: { 'etc/udev/rules.d/53-ec2-network-interfaces.rules': 'ACTION=="add"\n' },
      id: 'ec2-net-utils',
      at: '53-ec2-network-interfaces.rules',
    },
    {
      name: "cloud-init's hotplug hook",
      files: { 'etc/udev/rules.d/10-cloud-init-hook-hotplug.rules': 'SUBSYSTEM=="net"\n' },
      id: 'cloud-init-hotplug',
      at: '/etc/udev/rules.d/10-cloud-init-hook-hotplug.rules',
    },
    {
      name: "cloud-init's hotplug event",
      files: { 'etc/cloud/cloud.cfg.d/50-net.cfg': 'updates:\n  network:\n    when:\n      - boot\n      - hotplug\n' },
      id: 'cloud-init-hotplug',
      at: '/etc/cloud/cloud.cfg.d/50-net.cfg:5: - hotplug',
    },
    {
      name: "cloud-init's hotplug event in the user's data",
      files: {
        'var/lib/cloud/instance/user-data.txt': "#cloud-config\nupdates: {network: {when: ['boot', 'hotplug']}}\n",
      },
      id: 'cloud-init-hotplug',
      at: '/var/lib/cloud/instance/user-data.txt:2',
    },
    {
      name: "cloud-init's rules of ifupdown",
      files: {
        'etc/network/interfaces.d/50-cloud-init':
          'iface eth1 inet static\n    post-up ip rule add from 172.31.0.218 table 101\n',
      },
      id: 'cloud-init-policy-routing',
      at: '/etc/network/interfaces.d/50-cloud-init:2',
    },
    {
      name: 'amazon-ec2-net-utils by its program alone',
      files: { 'usr/bin/setup-policy-routes': '#!/bin/bash\n' },
      id: 'ec2-net-utils',
      at: '/usr/bin/setup-policy-routes',
    },
    {
      name: 'a hook that makes rules for every interface',
      files: { 'etc/networkd-dispatcher/routable.d/50-rules': '#!/bin/sh\nip rule add from "$ADDR" lookup 101\n' },
      id: 'rules-in-files',
      at: '/etc/networkd-dispatcher/routable.d/50-rules:2',
    },
    {
      name: 'cilium by its rules',
      kernel: 'link eth0 driver ena\nrule priority 9 from all fwmark 0x200/0xf00 lookup 2004',
      id: 'cilium',
      at: 'lookup 2004',
    },
    {
      name: "cloud-init's rules",
      files: { 'etc/netplan/50-cloud-init.yaml': netplan + withRules, 'etc/systemd/networkd.conf': off },
      id: 'cloud-init-policy-routing',
      at: '/etc/netplan/50-cloud-init.yaml:5: routing-policy:',
    },
    {
      name: 'the VPC CNI by its file',
      files: { 'etc/cni/net.d/10-aws.conflist': '{}' },
      id: 'vpc-cni',
      at: '/etc/cni/net.d/10-aws.conflist',
    },
    {
      name: 'the VPC CNI by its rule',
      kernel: `${'link eth0 driver ena\naddr 172.31.15.216/20 dev eth0\n'}rule priority 1024 from all fwmark 0x80/0x80 lookup main`,
      id: 'vpc-cni',
      at: 'fwmark 0x80/0x80 lookup main',
    },
    { name: 'cilium', files: { 'etc/cni/net.d/05-cilium.conflist': '{}' }, id: 'cilium', at: '05-cilium.conflist' },
    {
      name: 'a rule in a script',
      files: { 'etc/rc.local': '#!/bin/sh\nip rule add from 172.31.0.218 table 101 # eth1\n' },
      id: 'rules-in-files',
      at: "are kept by hand in files: they come back at every boot, in front of the daemon's\n/etc/rc.local:2: ip rule add from 172.31.0.218",
    },
    {
      name: 'a rule in ifupdown, mistyped',
      files: {
        'etc/network/interfaces.d/eth1':
          'iface eth1 inet dhcp\n  post-up ip -4 rule add from 172.31.0.128/32 lookup 101\n',
      },
      id: 'rules-in-files',
      at: 'for 172.31.0.128, which no interface has',
    },
    {
      name: 'a rule of a .network file',
      files: {
        'etc/systemd/network/20-eth1.network':
          '[Match]\nName=eth1\n[RoutingPolicyRule]\nFrom=172.31.0.218\nTable=101\n',
      },
      id: 'rules-in-files',
      at: '/etc/systemd/network/20-eth1.network:4: From=172.31.0.218',
    },
    {
      name: "a rule of netplan's",
      files: { 'etc/netplan/60-mine.yaml': netplan + withRules, 'etc/systemd/networkd.conf': off },
      id: 'rules-in-files',
      at: '/etc/netplan/60-mine.yaml:6: - from: 172.31.0.218',
    },
    {
      name: 'a rule of the scripts of Red Hat',
      files: { 'etc/sysconfig/network-scripts/rule-eth1': 'from 172.31.0.218/32 table 101\n' },
      id: 'rules-in-files',
      at: '/etc/sysconfig/network-scripts/rule-eth1:1',
    },
    {
      name: 'a rule of a keyfile',
      files: {
        'etc/NetworkManager/system-connections/eth1.nmconnection':
          '[ipv4]\nrouting-rule1=priority 5 from 172.31.0.218 table 101\n',
      },
      id: 'rules-in-files',
      at: 'eth1.nmconnection:2',
    },
    {
      name: 'a kernel without policy routing',
      files: {
        'proc/sys/kernel/osrelease': '6.1.0\n',
        'boot/config-6.1.0': 'CONFIG_NET=y\n# CONFIG_IPV6_MULTIPLE_TABLES is not set\n',
      },
      id: 'kernel-feature-missing',
      at: '/boot/config-6.1.0: # CONFIG_IPV6_MULTIPLE_TABLES is not set',
    },
    {
      name: 'a kernel that is too old',
      files: { 'proc/sys/kernel/osrelease': '3.10.0-1160.el7.x86_64\n' },
      id: 'kernel-too-old',
      at: '/proc/sys/kernel/osrelease',
    },
    {
      name: 'a kernel that refuses',
      other: { kernel: undefined, kernelRefusal: { code: 'EOPNOTSUPP', message: 'reading rules' } },
      id: 'kernel-refuses',
      at: 'EOPNOTSUPP',
    },
    {
      name: 'a masked unit',
      files: {
        'etc/systemd/system/eni-routed.service': '',
        'usr/lib/systemd/system/eni-routed.service': '[Unit]\n',
      },
      kernel: 'link eth0 driver ena',
      id: 'daemon-not-enabled',
      at: '/etc/systemd/system/eni-routed.service leads to /dev/null',
    },
  ])('$name', ({ name: _, id, also = [], at, ...given }) => {
    const findings = findingsOf(given)
    expect(findings.map((finding) => finding.id)).toEqual([id, ...also])
    expect(misjudged(findings)).toEqual([])
    expect([findings[0]?.what, ...(findings[0]?.evidence ?? [])].join('\n')).toContain(at)
    expect(findings[0]?.cure).not.toBe('')
  })

  test('netplan with networkd is one finding, with one file of each', () => {
    const files = { ...networkd, 'etc/netplan/50-cloud-init.yaml': netplan, 'etc/netplan/60-x.yaml': netplan }
    const findings = findingsOf({ files })
    expect(findings.map(({ id }) => id)).toEqual(['networkd-foreign-rules'])
    expect(findings[0]?.what).toContain('as at every "netplan apply"')
    expect(findings[0]?.evidence.slice(2)).toEqual([
      '/etc/systemd/system/multi-user.target.wants/systemd-networkd.service',
      '/etc/netplan/50-cloud-init.yaml',
    ])
  })
})

describe('networkd, and', () => {
  const users = ['/etc/systemd/system/multi-user.target.wants/systemd-networkd.service']
  const faults = ['ManageForeignRoutingPolicyRules', 'ManageForeignRoutes']
  const isDefault = (key: string) => `${key} is yes, its default: no file of networkd.conf sets it under [Network]`
  const cure = `mkdir -p /etc/systemd/networkd.conf.d && printf '[Network]\\nManageForeignRoutingPolicyRules=no\\nManageForeignRoutes=no\\n' > /etc/systemd/networkd.conf.d/10-eni-routed.conf && systemctl restart systemd-networkd`
  const process = { pid: 99, name: 'systemd-network', command: [], startedAt: 1_000_000 }
  const restarted = (seconds: number) => ({
    files: { ...networkd, 'etc/systemd/networkd.conf': off },
    other: { processes: [process], changedAt: new Map([['/etc/systemd/networkd.conf', 1_000_000 + 1000 * seconds]]) },
  })
  test.each<ExactRow>([
    {
      name: 'nothing else',
      files: networkd,
      finds: [{ id: 'networkd-foreign-rules', evidence: [...faults.map(isDefault), ...users], cure }],
    },
    {
      name: 'a value that is none after one that is: it is passed over',
      files: { ...networkd, 'etc/systemd/networkd.conf': `${off}ManageForeignRoutes=perhaps\n` },
      finds: [],
    },
    {
      name: 'a value that is none after one that says yes',
      files: {
        ...networkd,
        'etc/systemd/networkd.conf': `${off}ManageForeignRoutes=yes\nManageForeignRoutes=perhaps\n`,
      },
      finds: [
        {
          id: 'networkd-foreign-rules',
          evidence: ['/etc/systemd/networkd.conf:4: ManageForeignRoutes=yes', ...users],
          cure,
        },
      ],
    },
    {
      name: 'a later drop-in that says no to one key: the cure need not come after it',
      files: {
        ...networkd,
        'usr/lib/systemd/networkd.conf.d/90-x.conf': '[Network]\nManageForeignRoutes=no\n',
        'etc/systemd/networkd.conf': '[Network]\nManageForeignRoutingPolicyRules=yes\n',
      },
      finds: [
        {
          id: 'networkd-foreign-rules',
          evidence: ['/etc/systemd/networkd.conf:2: ManageForeignRoutingPolicyRules=yes', ...users],
          cure,
        },
      ],
    },
    {
      name: 'netplan of both renderers',
      files: {
        'etc/netplan/a.yaml': `${netplan}  renderer: NetworkManager\n`,
        'etc/netplan/b.yaml': 'network:\n  renderer: networkd\n',
      },
      finds: [{ id: 'networkd-foreign-rules', evidence: [...faults.map(isDefault), '/etc/netplan/a.yaml'], cure }],
    },
    {
      name: 'netplan of NetworkManager',
      files: { 'etc/netplan/a.yaml': `${netplan}  renderer: NetworkManager\n` },
      finds: [],
    },
    { name: 'a drop-in that was there before it', ...restarted(1), finds: [] },
    {
      name: 'a drop-in that came after it',
      ...restarted(60),
      finds: [
        {
          id: 'networkd-not-restarted',
          evidence: [
            'process 99 started at 1970-01-01T00:16:40.000Z',
            '/etc/systemd/networkd.conf is from 1970-01-01T00:17:40.000Z',
          ],
          cure: 'systemctl restart systemd-networkd, or reboot',
        },
      ],
    },
    {
      name: 'a drop-in of an unknown time',
      ...restarted(60),
      other: { processes: [process], changedAt: new Map() },
      finds: [],
    },
    {
      name: 'a drop-in, and it does not run',
      ...restarted(60),
      other: { changedAt: new Map([['/etc/systemd/networkd.conf', 9e9]]) },
      finds: [],
    },
  ])('$name', expectExactly)
})

describe('networkd by its version', () => {
  const rules = '[Network]\nManageForeignRoutingPolicyRules=no\n'
  const routes = '[Network]\nManageForeignRoutes=no\n'
  const deletes = (what: string) => `systemd-networkd deletes ${what} that it did not make`
  test.each([
    {
      version: 245,
      conf: off,
      says: "systemd-networkd 245 can't be kept from deleting routes of others (246 and newer can)",
    },
    { version: 246, conf: '', says: deletes('routes') },
    { version: 246, conf: rules, says: deletes('routes') },
    { version: 246, conf: routes, says: undefined },
    { version: 247, conf: routes, says: undefined },
    {
      version: 248,
      conf: off,
      says: "systemd-networkd 248 can't be kept from deleting rules and routes of others (249 and newer can)",
    },
    { version: 249, conf: routes, says: deletes('rules and routes') },
    { version: 249, conf: off, says: undefined },
    { version: undefined, conf: routes, says: deletes('rules and routes') },
    { version: undefined, conf: off, says: undefined },
  ])('$version with "$conf"', ({ version, conf, says }) => {
    const library = version === undefined ? {} : { [`usr/lib/systemd/libsystemd-shared-${version}.so`]: '' }
    const [finding] = findingsOf({ files: { ...enabled, ...library, 'etc/systemd/networkd.conf': conf } })
    if (says === undefined) expect(finding).toBe(undefined)
    else expect(finding?.what).toContain(says)
  })
})

describe('the cure for networkd is read after what says otherwise:', () => {
  const cureOf = (files: Given['files']) => findingsOf({ files: { ...networkd, ...files } })[0]?.cure
  test.each([
    { name: 'nothing else', files: {}, dropIn: '10-eni-routed.conf' },
    {
      name: 'a later drop-in of the vendor',
      files: { 'usr/lib/systemd/networkd.conf.d/90-x.conf': '[Network]\nManageForeignRoutes=yes\n' },
      dropIn: 'zz-eni-routed.conf',
    },
    {
      name: 'an earlier one',
      files: { 'usr/lib/systemd/networkd.conf.d/05-x.conf': '[Network]\nManageForeignRoutes=yes\n' },
      dropIn: '10-eni-routed.conf',
    },
    {
      name: 'its own file, masked by a link to /dev/null',
      files: { 'etc/systemd/networkd.conf.d/10-eni-routed.conf': '' },
      dropIn: 'zz-eni-routed.conf',
    },
  ])('$name', ({ files, dropIn }) => {
    expect(cureOf(files)).toContain(`> /etc/systemd/networkd.conf.d/${dropIn} && systemctl restart`)
  })
})
