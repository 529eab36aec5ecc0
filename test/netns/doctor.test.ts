import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect } from 'vitest'
import type { Finding } from '../../src/doctor/finding.ts'
import { folderOf } from '../../src/lab/cleanup.ts'
import { environment } from '../../src/lab/command.ts'
import { writeConfig } from '../../src/lab/daemon-process.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { cli, labConfig, startDaemon } from '../support/daemon.ts'
import { eth0, eth1, eth2 } from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()
const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** An empty root with these files; `-> TARGET` makes a link. What this machine has in /etc is no matter of the test. */
function rootOf(vpc: Vpc, files: Readonly<Record<string, string>> = {}): string {
  const root = join(folderOf(vpc.instance.name), 'root')
  mkdirSync(root, { recursive: true })
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    if (text.startsWith('-> ')) symlinkSync(text.slice(3), join(root, path))
    else writeFileSync(join(root, path), text)
  }
  return root
}

interface Diagnosis {
  readonly code: number | null
  readonly findings: readonly Finding[]
  readonly unseen: readonly string[]
}

async function doctor(vpc: Vpc, { files = {}, config = labConfig }: Circumstances = {}): Promise<Diagnosis> {
  const { code, stdout, stderr } = await cli(vpc, ['doctor', '--json', '--root', rootOf(vpc, files)], config)
  expect(stderr).toBe('')
  return { code, ...JSON.parse(stdout) }
}

interface Circumstances {
  readonly files?: Readonly<Record<string, string>> | undefined
  readonly config?: string | undefined
}

/** Two ENIs and the daemon, and nothing else: no agent that answers probes. */
async function healthy(vpc: Vpc, config = labConfig): Promise<void> {
  await attached(vpc)
  await startDaemon(vpc, config)
}

async function attached(vpc: Vpc): Promise<void> {
  vpc.instance.killChildren()
  await vpc.instance.childrenGone()
  await vpc.attach(eth0)
  await vpc.attach(eth1)
}

const told = ({ findings }: Diagnosis) => findings.map(({ severity, id }) => `${severity} ${id}`)

/** Rules and tables as a person makes them by hand, right in every detail. */
const byHand = [
  ...[eth0, eth1].flatMap(({ name, addresses: [ipv4 = '', ipv6 = ''] }, i) => [
    `route add 172.31.0.0/20 dev ${name} scope link src ${ipv4.split('/')[0]} table ${100 + i}`,
    `route add default via 172.31.0.1 dev ${name} table ${100 + i}`,
    `rule add from ${ipv4.split('/')[0]} lookup ${100 + i}`,
    `route add fd00:ec2:0:a::/64 dev ${name} table ${100 + i}`,
    `route add default via fd00:ec2:0:a::1 dev ${name} table ${100 + i}`,
    `-6 rule add from ${ipv6.split('/')[0]} lookup ${100 + i}`,
  ]),
]

/** A bridge with a network of containers behind it. */
const containers = ['link add docker0 type bridge', 'link set dev docker0 up', 'address add 172.17.0.1/16 dev docker0']

async function type(vpc: Vpc, commands: readonly string[]): Promise<void> {
  for (const command of commands) {
    await vpc.instance.ip(command)
  }
}

const nft = (vpc: Vpc, ruleset: string) => vpc.instance.exec('nft', ['-f', '-'], ruleset)

const published = (rule: string) => `table ip nat {
  chain DOCKER { ${rule}
  }
  chain PREROUTING { type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local counter jump DOCKER
  }
}
`

const publishedPort = published('iifname != "docker0" tcp dport 8080 counter dnat to 172.17.0.2:80')

interface Case {
  readonly name: string
  readonly plant?: (vpc: Vpc) => Promise<unknown>
  readonly files?: Readonly<Record<string, string>>
  readonly config?: string
}

/** What a host may well have, and what does no harm. */
const harmless: readonly Case[] = [
  { name: 'two ENIs and the daemon' },
  {
    name: 'networkd, netplan and systemd with the drop-in and the unit enabled',
    files: {
      'etc/netplan/50-cloud-init.yaml': 'network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n',
      'usr/lib/systemd/libsystemd-shared-252.so': '',
      'usr/lib/systemd/networkd.conf.d/10-eni-routed.conf':
        '[Network]\nManageForeignRoutingPolicyRules=no\nManageForeignRoutes=no\n',
      'etc/systemd/system/multi-user.target.wants/systemd-networkd.service': '-> /lib/systemd/system/x.service',
      'usr/lib/systemd/system/eni-routed.service': '[Unit]\n',
      'etc/systemd/system/multi-user.target.wants/eni-routed.service': '-> /usr/lib/systemd/system/eni-routed.service',
    },
  },
  {
    name: 'containers, and a port that is published on the first ENI alone',
    plant: async (vpc) => {
      await vpc.instance.batch(containers)
      await nft(vpc, published('ip daddr 172.31.15.216 tcp dport 8080 counter dnat to 172.17.0.2:80'))
    },
  },
  {
    name: 'containers with rules of their own, for addresses behind the bridge',
    plant: (vpc) =>
      vpc.instance.batch([
        ...containers,
        'rule add priority 1000 from 172.17.0.9 lookup 300',
        'route add default via 172.31.0.1 dev eth0 table 300',
      ]),
  },
  {
    name: 'a tunnel with its own table, as tailscale and wg-quick make it',
    plant: (vpc) =>
      vpc.instance.batch([
        'link add wg0 type veth peer name wgpeer',
        'link set dev wg0 up',
        'address add 10.99.0.1/32 dev wg0',
        'route add 10.99.0.0/16 dev wg0 table 52',
        'rule add priority 5210 fwmark 0x80000/0xff0000 lookup main',
        'rule add priority 5270 lookup 52',
      ]),
  },
  {
    name: 'strict rp_filter without redirection',
    plant: (vpc) => vpc.instance.sysctl({ 'net.ipv4.conf.all.rp_filter': 1, 'net.ipv4.conf.eth1.rp_filter': 1 }),
  },
  {
    name: 'a secondary address, /32',
    plant: (vpc) => vpc.instance.ip('address add 172.31.0.219/32 dev eth1'),
  },
  {
    name: 'a UDP service that listens on an address, and a client',
    plant: (vpc) => udp(vpc, "bind(5000, '172.31.0.218')"),
  },
]

/** A process of the instance with a UDP socket. */
async function udp(vpc: Vpc, bind: string, type = "'udp4'"): Promise<void> {
  const code = `const s = require('dgram').createSocket(${type}); s.${bind}; s.on('listening', () => console.log('up'))`
  const child = vpc.instance.spawn(process.execPath, ['-e', code])
  await new Promise((resolve) => child.stdout?.once('data', resolve))
}

describe('is silent about', () => {
  test.for(harmless)('$name', async ({ plant, files, config }, { vpc }) => {
    await healthy(vpc)
    await plant?.(vpc)
    expect(await doctor(vpc, { files, config })).toEqual({ code: 0, findings: [], unseen: [] })
  })

  test('one ENI, without the daemon', async ({ vpc }) => {
    vpc.instance.killChildren()
    await vpc.attach(eth0)
    expect(await doctor(vpc)).toEqual({ code: 0, findings: [], unseen: [] })
  })

  test('two ENIs that somebody routes by hand, without a fault and without the daemon', async ({ vpc }) => {
    await attached(vpc)
    await type(vpc, byHand)
    expect(await doctor(vpc)).toEqual({ code: 0, findings: [], unseen: [] })
  })
})

/** Routers that announce themselves: the kernel has one IPv6 default with a nexthop through each ENI. */
const raTest = vpcTest({ ipv6: 'ra', rpFilter: 2 })

raTest('is silent about three ENIs in two subnets that hear router advertisements', async ({ vpc }) => {
  await attached(vpc)
  await vpc.attach(eth2)
  await startDaemon(vpc)
  await expect.poll(() => doctor(vpc), { timeout: 10_000 }).toEqual({ code: 0, findings: [], unseen: [] })
  expect(await vpc.instance.ip('-6 route show default')).toContain('proto ra')
})

interface Fault extends Case {
  /** Every finding that there should be, and no other. */
  readonly finds: readonly string[]
  /** Words of the first one: evidence or cure. */
  readonly says: readonly string[]
}

const faults: readonly Fault[] = [
  {
    name: 'a rule that was typed with the length of a subnet',
    plant: (vpc) =>
      vpc.instance.batch([
        'rule add priority 30000 from 172.31.0.218/24 lookup 101',
        'route add 172.31.0.0/20 dev eth1 table 101',
        'route add default via 172.31.0.1 dev eth1 table 101',
      ]),
    finds: ['warning rule-behind'],
    says: ['for a whole prefix', 'ip rule del priority 30000 from 172.31.0.218/24 lookup 101'],
  },
  {
    name: 'a rule that was typed with the length of a subnet, in IPv6, into an empty table',
    plant: (vpc) => vpc.instance.ip(`-6 rule add priority 100 from ${eth1.addresses[1]} lookup 101`),
    finds: ['warning table-empty', 'warning rule-in-front'],
    says: [`from ${eth1.addresses[1]} lookup 101`],
  },
  {
    name: 'a rule with "to" for "from"',
    plant: (vpc) => vpc.instance.ip('rule add priority 100 to 172.31.0.218 lookup 101'),
    finds: ['warning rule-futile'],
    says: ['"from", not "to"'],
  },
  {
    name: 'a rule for an interface that is gone',
    plant: (vpc) => vpc.instance.ip('rule add priority 100 oif eth7 lookup 101'),
    finds: ['warning rule-futile'],
    says: ['eth7, which is not there'],
  },
  {
    name: "main's default by a router of another subnet",
    plant: (vpc) =>
      vpc.instance.batch([
        'route add default via 172.31.16.1 dev eth1 onlink metric 250',
        'route del default via 172.31.0.1 dev eth1',
      ]),
    finds: ['warning router-outside'],
    says: ['ip route add default via 172.31.0.1 dev eth1 metric 251'],
  },
  {
    name: 'an address of another ENI',
    plant: (vpc) => vpc.instance.ip('address add 172.31.0.218/32 dev eth0'),
    finds: ['error conflict'],
    says: ['address 172.31.0.218: both eth0 and eth1 have it'],
  },
  {
    name: 'an ENI without ARP',
    plant: (vpc) => vpc.instance.ip('link set dev eth1 arp off'),
    finds: ['error arp-off'],
    says: ['link eth1 NOARP'],
  },
  {
    name: 'ARP that is switched off everywhere',
    plant: (vpc) => vpc.instance.sysctl({ 'net.ipv4.conf.all.arp_ignore': 8 }),
    finds: ['warning arp-ignored'],
    says: ['net.ipv4.conf.all.arp_ignore = 8'],
  },
  {
    name: 'two MTUs in one subnet',
    plant: (vpc) => vpc.instance.ip('link set dev eth1 mtu 1400'),
    finds: ['warning mtu-differs'],
    says: ['link eth1 mtu 1400'],
  },
  {
    name: 'a packet filter that drops what comes in by an ENI',
    plant: (vpc) =>
      nft(vpc, 'table inet f {\n chain i { type filter hook input priority 0; iifname "eth1" drop\n }\n}\n'),
    finds: ['warning packet-filter-drops'],
    says: ['nft table inet f chain i: iifname "eth1" drop', 'nft delete rule inet f i handle '],
  },
  ...(['iptables-nft', 'iptables-legacy'] as const).flatMap((tool): Fault[] => [
    {
      name: `a port that ${tool} publishes, as Docker does`,
      plant: async (vpc) => {
        await vpc.instance.batch(containers)
        await vpc.instance.exec(tool, ['-t', 'nat', '-N', 'DOCKER'])
        const [jump, dnat] = [
          '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
          '-A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80',
        ]
        await vpc.instance.exec(tool, ['-t', 'nat', ...jump.split(' ')])
        await vpc.instance.exec(tool, ['-t', 'nat', ...dnat.split(' ')])
      },
      finds: ['warning published-ports'],
      says: ['8080', '172.17.0.2:80'],
    },
    {
      name: `a drop of ${tool.replace('ip', 'ip6')}`,
      plant: (vpc) => vpc.instance.exec(tool.replace('ip', 'ip6'), ['-A', 'INPUT', '-i', 'eth1', '-j', 'REJECT']),
      finds: ['warning packet-filter-drops'],
      says: [
        'everything that comes in by eth1',
        tool === 'iptables-nft' ? 'nft delete rule ip6' : 'ip6tables-legacy -t',
      ],
    },
    {
      name: `a drop of ${tool}`,
      plant: (vpc) => vpc.instance.exec(tool, ['-A', 'INPUT', '-i', 'eth1', '-j', 'DROP']),
      finds: ['warning packet-filter-drops'],
      says: ['everything that comes in by eth1'],
    },
  ]),
  {
    name: 'a rule for an address that no interface has',
    plant: (vpc) =>
      vpc.instance.batch([
        'rule add priority 100 from 172.31.0.228 lookup 101',
        'route add default via 172.31.0.1 dev eth1 table 101',
      ]),
    finds: ['warning rule-without-address'],
    says: ['172.31.0.218 may be meant', 'ip rule del priority 100 from 172.31.0.228 lookup 101'],
  },
  {
    name: 'a rule that is there twice',
    plant: (vpc) =>
      vpc.instance.batch([
        'rule add priority 30000 fwmark 5 lookup 300',
        'rule add priority 30001 fwmark 5 lookup 300',
      ]),
    finds: ['warning rule-doubled'],
    says: ['ip rule del priority 30001'],
  },
  {
    name: 'a rule by hand in front of ours, with an empty table',
    plant: (vpc) => vpc.instance.ip('rule add priority 100 from 172.31.0.218 lookup 101'),
    finds: ['warning table-empty', 'warning rule-in-front'],
    says: ['table 101, which is empty', 'ip route add default via 172.31.0.1 dev eth1 table 101'],
  },
  {
    name: 'a rule by hand whose table lacks the subnet',
    plant: (vpc) =>
      vpc.instance.batch([
        'route add default via 172.31.0.1 dev eth1 table 101',
        'rule add priority 100 from 172.31.0.218 lookup 101',
      ]),
    finds: ['warning table-without-subnet', 'warning rule-in-front'],
    says: [
      'lacks the subnet 172.31.0.0/20',
      'ip route add 172.31.0.0/20 scope link src 172.31.0.218 dev eth1 table 101',
    ],
  },
  {
    name: 'a rule by hand whose table lacks a default',
    plant: (vpc) =>
      vpc.instance.batch([
        'route add 172.31.0.0/20 dev eth1 table 101',
        'rule add priority 100 from 172.31.0.218 lookup 101',
      ]),
    finds: ['warning table-without-default', 'warning rule-in-front'],
    says: ['has no default route', 'ip rule priority 100 from 172.31.0.218 lookup 101'],
  },
  {
    name: 'a rule by hand whose table leads through the other interface',
    plant: (vpc) =>
      vpc.instance.batch([
        'route add 172.31.0.0/20 dev eth1 table 101',
        'route add default via 172.31.0.1 dev eth0 table 101',
        'rule add priority 100 from 172.31.0.218 lookup 101',
      ]),
    finds: ['error wrong-way', 'error table-wrong-interface', 'warning rule-in-front'],
    says: ['rule "priority 100 from 172.31.0.218 lookup 101', 'move that rule behind'],
  },
  {
    name: 'a full tunnel in front of ours',
    plant: (vpc) =>
      vpc.instance.batch([
        'link add wg0 type veth peer name wgpeer',
        'link set dev wg0 up',
        'link set dev wgpeer up',
        'route add default dev wg0 table 51820',
        'rule add not fwmark 51820 lookup 51820',
      ]),
    finds: ['error wrong-way', 'error wrong-way'],
    says: ['leave by wg0 (table 51820)', 'not priority 19999', 'ip route get 8.8.8.8 from'],
  },
  {
    name: 'an unreachable default in main',
    plant: (vpc) => vpc.instance.ip('route add unreachable default metric 50'),
    finds: ['error wrong-way'],
    says: ['the route "unreachable default', 'ip route del unreachable default'],
  },
  {
    name: 'a rule that refuses everything',
    plant: (vpc) => vpc.instance.ip('rule add priority 50 unreachable'),
    finds: ['error wrong-way'],
    says: ['the rule "priority 50 from all unreachable', 'ip rule del priority 50'],
  },
  {
    name: "main's own rule flushed away",
    plant: (vpc) => vpc.instance.ip('rule del priority 32766'),
    finds: ['error kernel-rule-missing'],
    says: ['ip -4 rule add priority 32766 lookup main'],
  },
  {
    name: 'two defaults of one metric',
    plant: (vpc) => vpc.instance.ip('route append default via 172.31.0.1 dev eth1 metric 100'),
    finds: ['warning equal-defaults'],
    says: ['metric (100)', 'default via 172.31.0.1 dev eth1', 'RouteMetric='],
  },
  {
    name: 'an ENI that is down',
    plant: async (vpc) => {
      await vpc.attach({ name: 'eth2', subnet: 'b', addresses: [], configure: false })
    },
    finds: ['warning interface-down'],
    says: ['eth2 is attached and down', 'ip link set dev eth2 up'],
  },
  {
    name: 'an ENI without an address',
    plant: async (vpc) => {
      await vpc.attach({ name: 'eth2', subnet: 'b', addresses: [], configure: false })
      await vpc.instance.ip('link set dev eth2 up')
    },
    finds: ['warning interface-bare'],
    says: ['eth2 is up and has no address', 'addresses.mode'],
  },
  {
    name: 'a mistyped prefix length',
    plant: (vpc) =>
      vpc.instance.batch(['address del 172.31.0.218/20 dev eth1', 'address add 172.31.0.218/24 dev eth1']),
    finds: ['warning prefix-length'],
    says: [
      '172.31.0.0/24 on eth1 lies in 172.31.0.0/20 on eth0',
      'ip address add 172.31.0.218/20 dev eth1; ip address del 172.31.0.218/24 dev eth1',
    ],
  },
  {
    name: 'a UDP service without an address',
    plant: (vpc) => udp(vpc, 'bind(5000)'),
    finds: ['warning wildcard-udp'],
    says: ['node (process ', 'UDP port 5000', '0.0.0.0:5000', '(172.31.15.216, 172.31.0.218)'],
  },
  {
    name: 'a UDP service without an address, of both families',
    plant: (vpc) => udp(vpc, 'bind(5000)', "'udp6'"),
    finds: ['warning wildcard-udp'],
    says: ['[::]:5000 (and IPv4)', '172.31.0.218, '],
  },
  {
    name: 'a UDP service without an address, of IPv6 alone',
    plant: (vpc) => udp(vpc, 'bind(5000)', "{ type: 'udp6', ipv6Only: true }"),
    finds: ['warning wildcard-udp'],
    says: ['[::]:5000 (IPv6 alone)', `(${eth0.addresses[1]?.split('/')[0]}, ${eth1.addresses[1]?.split('/')[0]})`],
  },
  {
    name: 'a port that is published on every address',
    plant: async (vpc) => {
      await vpc.instance.batch(containers)
      await nft(vpc, publishedPort)
    },
    finds: ['warning published-ports'],
    says: ['tcp dport 8080', 'dnat to 172.17.0.2:80', 'containers = "connmark"'],
  },
  {
    name: 'strict rp_filter with a published port',
    plant: async (vpc) => {
      await vpc.instance.batch(containers)
      await nft(vpc, publishedPort)
      await vpc.instance.sysctl({ 'net.ipv4.conf.eth1.rp_filter': 1 })
    },
    finds: ['error rp-filter-dnat', 'warning published-ports'],
    says: ['net.ipv4.conf.eth1.rp_filter = 1', 'sysctl -w net.ipv4.conf.eth1.rp_filter=2'],
  },
  {
    name: 'IPv6 switched off on one interface',
    plant: (vpc) => vpc.instance.sysctl({ 'net.ipv6.conf.eth1.disable_ipv6': 1 }),
    finds: ['warning ipv6-disabled'],
    says: ['net.ipv6.conf.eth1.disable_ipv6 = 1', '=0'],
  },
  {
    name: 'a configuration with a fault',
    config: `${labConfig}[routing]\nprotocol = 4\n`,
    finds: ['error configuration'],
    says: [':6: routing.protocol', 'systemctl restart eni-routed'],
  },
  {
    name: 'a pattern that meets nothing',
    config: labConfig.replace('"eth*"', '"eth*", "ens9"'),
    finds: ['warning idle-pattern'],
    says: ['"ens9" matches no link', 'links: lo'],
  },
]

describe('finds, with two ENIs and the daemon,', () => {
  test.for(faults)('$name', async ({ plant, files, config, finds, says }, { vpc }) => {
    await healthy(vpc)
    await plant?.(vpc)
    const diagnosis = await doctor(vpc, { files, config })
    expect(told(diagnosis)).toEqual(finds)
    for (const words of says) {
      expect(JSON.stringify(diagnosis.findings[0]).replaceAll('\\"', '"')).toContain(words)
    }
    expect(diagnosis.code).toBe(finds.some((text) => text.startsWith('error')) ? 2 : 1)
    await proveCures(vpc, diagnosis, { files, config })
  })
})

/** What a cure has of commands for ip(8) and sysctl(8), typed as it is printed; of several ways the first. */
const commandsOf = (cure: string): string[] =>
  cure
    .replace(/^.*?(?:now|behind the daemon's|for instance): /, '')
    .split(/,? or:? |, if |, and the same|, or put/)[0]!
    .split('; ')
    .filter((command) => /^(ip|sysctl -w|nft|ip6?tables-legacy) /.test(command))

/** Each cure that is commands ends its finding, and brings no error. */
async function proveCures(vpc: Vpc, { findings }: Diagnosis, circumstances: Circumstances): Promise<void> {
  for (const { id, evidence, cure } of findings) {
    const commands = commandsOf(cure)
    for (const command of commands) {
      // Another finding's cure may have taken it away already.
      const [tool = '', ...args] = command.split(' ')
      await vpc.instance
        .exec(tool, args)
        .catch((error) => expect(String(error)).toMatch(/No such|Cannot find|File exists/))
    }
    if (commands.length > 0) {
      const { findings: left } = await doctor(vpc, circumstances)
      expect(left.filter((one) => one.id === id && one.evidence.join() === evidence.join())).toEqual([])
      expect(left.filter(({ severity }) => severity === 'error').map((one) => one.id)).not.toContain(id)
    }
  }
}

describe('finds, with the daemon,', () => {
  test('what is left of the procedure by hand', async ({ vpc }) => {
    await attached(vpc)
    await type(vpc, byHand)
    await startDaemon(vpc)
    expect(told(await doctor(vpc))).toEqual(Array(4).fill('warning rule-behind'))
  })

  test('an ENI for which no router is known', async ({ vpc }) => {
    await healthy(vpc)
    await vpc.attach({ name: 'eth2', subnet: 'b', addresses: [], configure: false })
    await vpc.instance.batch(['link set dev eth2 up', 'address add 172.31.16.9/20 dev eth2'])
    const diagnosis = await doctor(vpc)
    expect(told(diagnosis)).toEqual(['error no-router'])
    expect(diagnosis.findings[0]?.cure).toContain('ip route add default via 172.31.16.1 dev eth2')
  })
})

describe('finds, without the daemon,', () => {
  test('that packets leave by the wrong interface, and that a strict rp_filter drops others before', async ({
    vpc,
  }) => {
    await attached(vpc)
    const diagnosis = await doctor(vpc)
    expect(told(diagnosis)).toEqual(['error daemon-absent'])
    expect(diagnosis.findings[0]?.evidence[0]).toContain('packets from 172.31.0.218 to the Internet leave by eth0')
    await vpc.instance.sysctl({ 'net.ipv4.conf.all.rp_filter': 1 })
    expect(told(await doctor(vpc))).toEqual(['error daemon-absent', 'error rp-filter-strict'])
  })

  test('that it is installed and not started', async ({ vpc }) => {
    await attached(vpc)
    await cli(vpc, ['apply'])
    expect(await doctor(vpc)).toMatchObject({ code: 0 })
    const diagnosis = await doctor(vpc, { files: { 'usr/lib/systemd/system/eni-routed.service': '[Unit]\n' } })
    expect(told(diagnosis)).toEqual(['warning daemon-absent'])
    expect(diagnosis.findings[0]?.cure).toBe('systemctl enable --now eni-routed')
  })

  test('a mistyped rule in the procedure by hand', async ({ vpc }) => {
    await attached(vpc)
    const slip = (line: string) => line.replace('rule add from 172.31.0.218', 'rule add from 172.31.0.208')
    await type(vpc, byHand.map(slip))
    const diagnosis = await doctor(vpc)
    expect(told(diagnosis)).toEqual(['error daemon-absent', 'warning rule-without-address'])
    expect(diagnosis.findings[1]?.what).toContain('172.31.0.218 may be meant')
  })
})

describe('finds a daemon', () => {
  test('that was killed, although all stands', async ({ vpc }) => {
    await attached(vpc)
    const daemon = await startDaemon(vpc)
    daemon.process.kill('SIGKILL')
    await expect.poll(async () => told(await doctor(vpc))).toEqual(['warning daemon-absent'])
  })

  test('that does not answer', async ({ vpc }) => {
    await attached(vpc)
    const daemon = await startDaemon(vpc)
    daemon.process.kill('SIGSTOP')
    const diagnosis = await doctor(vpc)
    daemon.process.kill('SIGCONT')
    expect(told(diagnosis)).toEqual(['error daemon-silent'])
    expect(diagnosis.findings[0]?.what).toContain(String(daemon.process.pid))
  })

  test('that another program fights', async ({ vpc }) => {
    await attached(vpc)
    const daemon = await startDaemon(vpc)
    const rule = 'priority 20001 from 172.31.0.218'
    for (let i = 0; i < 8; i++) {
      const before = daemon.changes.length
      await vpc.instance.ip(`rule del ${rule}`)
      await expect.poll(() => daemon.changes.length).toBeGreaterThan(before)
    }
    const diagnosis = await doctor(vpc)
    expect(told(diagnosis)).toEqual(['warning contested'])
    expect(diagnosis.findings[0]?.evidence[0]).toContain(rule)
  })

  test('that will not start at the next boot', async ({ vpc }) => {
    await healthy(vpc)
    const diagnosis = await doctor(vpc, { files: { 'etc/systemd/system/eni-routed.service': '[Unit]\n' } })
    expect(told(diagnosis)).toEqual(['warning daemon-not-enabled'])
  })
})

/** A metadata service in the instance that answers with these statuses; 0 is never. */
async function imds(vpc: Vpc, token: number, bare: number): Promise<string> {
  const code = `require('http').createServer((request, response) => {
    const status = request.method === 'PUT' ? ${token} : ${bare}
    if (status) response.writeHead(status).end('x')
  }).listen(8254, '127.0.0.1', () => console.log('up'))`
  const child = vpc.instance.spawn(process.execPath, ['-e', code])
  await new Promise((resolve) => child.stdout?.once('data', resolve))
  return `${labConfig.replace('"off"', '"auto"')}endpoint = "http://127.0.0.1:8254"\n`
}

describe('asks the metadata service, and finds', () => {
  test.for([
    { name: 'nothing where it answers', token: 200, bare: 401, finds: [] },
    { name: 'that it is off', token: 403, bare: 403, finds: ['warning metadata-off'] },
    { name: 'that tokens do not arrive', token: 0, bare: 401, finds: ['warning metadata-hop-limit'] },
    { name: 'that nobody answers', token: 0, bare: 0, finds: ['warning metadata-unreachable'] },
    { name: 'that it is ill', token: 503, bare: 503, finds: ['warning metadata-failing'] },
  ])('$name', async ({ token, bare, finds }, { vpc }) => {
    vpc.instance.killChildren()
    await vpc.attach(eth0)
    const diagnosis = await doctor(vpc, { config: await imds(vpc, token, bare) })
    expect(told(diagnosis)).toEqual(finds)
  })

  test('that the port is closed', async ({ vpc }) => {
    const config = `${labConfig.replace('"off"', '"auto"')}endpoint = "http://127.0.0.1:8254"\n`
    vpc.instance.killChildren()
    await vpc.attach(eth0)
    const { findings } = await doctor(vpc, { config })
    expect(findings[0]).toMatchObject({ id: 'metadata-unreachable' })
    expect(findings[0]?.evidence[0]).toContain('ECONNREFUSED')
  })
})

test('says without privilege what it could not see, and finds what it can', async ({ vpc }) => {
  await healthy(vpc)
  await udp(vpc, 'bind(5000)')
  const secret = join(
    rootOf(vpc, { 'etc/netplan/50-cloud-init.yaml': 'network: {}\n' }),
    'etc/netplan/50-cloud-init.yaml',
  )
  chmodSync(secret, 0o600)
  const { findings, unseen } = await asNobody(vpc, writeConfig(vpc.instance, labConfig))
  expect(findings.map(({ id }: Finding) => id)).toEqual(['wildcard-udp'])
  expect(findings[0]?.what).toContain('a process that can not be seen from here')
  expect(unseen.join('\n')).toMatch(
    /packet filter[\s\S]*UDP sockets[\s\S]*\/etc\/netplan\/50-cloud-init.yaml: run as root/,
  )
})

test('takes a configuration that this user may not read for unseen, not for a fault', async ({ vpc }) => {
  await healthy(vpc)
  const config = writeConfig(vpc.instance, labConfig)
  chmodSync(config, 0o600)
  const { findings, unseen } = await asNobody(vpc, config)
  expect(findings).toEqual([])
  expect(unseen.join()).toContain(`${config}: run as root`)
})

async function asNobody(vpc: Vpc, config: string): Promise<Omit<Diagnosis, 'code'>> {
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, program]
  const args = ['doctor', '--json', '--root', rootOf(vpc), '--config', config]
  const child = vpc.instance.spawn('setpriv', [...nobody, ...args], {
    env: { ...environment, RUNTIME_DIRECTORY: folderOf(vpc.instance.name) },
  })
  return JSON.parse(await text(child.stdout!))
}
