import { describe, expect, test } from 'vitest'
import { defaults } from '../../../src/config/defaults.ts'
import { version } from '../../../src/version.ts'
import { evidence, findingsOf, type Given, misjudged, twoEnis } from '../../support/doctor.ts'
import { snapshot } from '../../support/snapshot.ts'

interface Row extends Given {
  readonly name: string
}

const bridge = 'link docker0 type bridge\naddr 172.17.0.1/16 dev docker0\n'
const sysctl = (family: 4 | 6, link: string, key: string, value: number) => ({
  [`proc/sys/net/ipv${family}/conf/${link}/${key}`]: `${value}\n`,
})
const wire = { name: 'eth1', carrier: true, mtu: 1500, arp: true }
const drop = {
  text: 'iifname "eth1" drop',
  removal: 'nft delete it',
  hook: 'input',
  link: 'eth1',
  addresses: [],
} as const
const openPort = { family: 4, text: 'tcp dport 80 dnat to 172.17.0.2', addresses: [] } as const
const ipv6 = 'addr fd00::1/64 dev eth0\naddr fd00::2/64 dev eth1\n'

const connmark = { ...defaults, routing: { ...defaults.routing, containers: 'connmark' as never } }
const conntrack = { 'proc/sys/net/netfilter/nf_conntrack_max': '65536\n' }
const silence = { endpoint: 'http://169.254.169.254', token: 'timeout', bare: 'timeout' }
const veths = twoEnis.replaceAll('driver ena', 'type veth')
const withOurs = `${twoEnis}rule priority 20001 from 172.31.0.218 lookup 20001 protocol 213\n`
const table101 = 'route default via 172.31.0.1 dev eth1 table 101\nroute 172.31.0.0/20 dev eth1 table 101\n'

describe('silent about', () => {
  test.each<Row>([
    { name: 'two ENIs' },
    {
      name: 'ENIs of two subnets with two MTUs, and links in order',
      kernel: twoEnis
        .replace('172.31.0.218/20', '172.31.16.9/20')
        .replace('172.31.0.1 dev eth1', '172.31.16.1 dev eth1'),
      other: { wires: [{ ...wire, name: 'eth0', mtu: 9001 }, wire] },
    },
    { name: 'no carrier on a link that is no ENI', other: { wires: [{ ...wire, name: 'docker0', carrier: false }] } },
    {
      name: 'drops for other links and addresses, and for some packets only',
      other: {
        drops: [
          { ...drop, link: 'docker0' },
          { text: 'ip daddr 10.0.0.9 drop', removal: '', hook: 'input', addresses: ['10.0.0.9'] },
          { text: 'tcp dport 25 ip daddr 172.31.0.218 drop', removal: '', addresses: ['172.31.0.218'] },
        ],
      },
    },
    {
      name: 'a router beyond the subnet of an address without one',
      kernel: twoEnis
        .replace('172.31.0.218/20', '172.31.0.218/32')
        .replace('172.31.0.1 dev eth1', '172.32.0.1 dev eth1'),
    },
    {
      name: 'a router beyond the subnet that main has a route to',
      kernel: `${twoEnis.replace('172.31.0.1 dev eth1', '172.32.0.1 dev eth1')}route 172.32.0.1 dev eth1`,
    },
    {
      name: 'a rule for what comes in, on a host that forwards',
      kernel: `${twoEnis}${table101}rule priority 9 iif eth1 lookup 101`,
      files: { 'proc/sys/net/ipv4/ip_forward': '1\n' },
    },
    { name: 'a rule for a VPN that is down', kernel: `${twoEnis}rule priority 9 iif tun0 lookup 101` },
    { name: 'published ports with connmark', files: conntrack, other: { config: connmark, redirections: [openPort] } },
    {
      name: 'strict rp_filter with connmark and src_valid_mark',
      files: { ...conntrack, ...sysctl(4, 'all', 'rp_filter', 1), ...sysctl(4, 'all', 'src_valid_mark', 1) },
      other: { config: connmark, redirections: [openPort] },
    },
    { name: 'a delegated prefix behind a bridge', kernel: `${twoEnis}${bridge}route 172.31.5.0/28 dev docker0` },
    {
      name: 'main first, then a table, as a VPN has it',
      kernel: `${twoEnis}rule priority 9 fwmark 7 lookup main suppress_prefixlength 0\nrule priority 10 fwmark 7 lookup 51820`,
    },
    {
      name: 'IPv6 defaults of one metric that routers announced',
      kernel: `${twoEnis}${ipv6}-6 route default via fe80::1 dev eth0 proto ra metric 1024\n-6 route default via fe80::1 dev eth1 proto ra metric 1024`,
    },
    {
      name: 'equal defaults through what is no ENI',
      kernel: `${twoEnis}link tun0 type tun\nroute default dev tun0 metric 100`,
    },
    { name: 'a rule for a container', kernel: `${twoEnis}${bridge}rule priority 100 from 172.17.0.9 lookup 300` },
    {
      name: 'a pod behind a route of its own',
      kernel: `${twoEnis}link eni0123456789a type tun\nroute 172.31.9.9 dev eni0123456789a\nrule priority 1536 from 172.31.9.9 lookup 2`,
    },
    {
      name: 'tailscale',
      kernel: `${twoEnis}rule priority 5210 fwmark 0x80000/0xff0000 lookup main\nrule priority 5270 lookup 52`,
    },
    {
      name: 'the lookup of main for an ENI’s address, as wg-quick has it',
      kernel: `${twoEnis}rule priority 100 lookup main suppress_prefixlength 0`,
    },
    { name: 'strict rp_filter', files: sysctl(4, 'all', 'rp_filter', 1) },
    {
      name: 'loose rp_filter beside published ports on the first ENI',
      files: sysctl(4, 'all', 'rp_filter', 2),
      other: {
        redirections: [
          { ...openPort, addresses: ['172.31.15.216'] },
          { ...openPort, iif: 'eth0' },
        ],
      },
    },
    {
      name: 'redirections of cluster addresses',
      other: { redirections: [{ ...openPort, addresses: ['10.96.0.10'] }] },
    },
    {
      name: 'a UDP service for IPv6 alone, where one ENI has IPv6',
      kernel: `${twoEnis}addr fd00::1/64 dev eth0`,
      other: { wildcards: [{ families: [6], port: 5000 }] },
    },
    {
      name: 'a program that answers right, by the name of its file or its own',
      other: {
        wildcards: [
          {
            families: [4],
            port: 53,
            process: { pid: 1, name: 'isc-net-0001', command: ['/usr/sbin/named'], startedAt: 0 },
          },
          { families: [4], port: 53, process: { pid: 2, name: 'unbound', command: ['/opt/start'], startedAt: 0 } },
          { families: [4], port: 53, process: { pid: 3, name: 'coredns', command: [], startedAt: 0 } },
        ],
      },
    },
    {
      name: 'a UDP service on a host with one ENI',
      kernel: 'link eth0 driver ena\naddr 172.31.15.216/20 dev eth0\naddr 172.31.0.218/20 dev eth0',
      other: { wildcards: [{ families: [4], port: 5000 }] },
    },
    { name: 'UDP sockets and wires that could not be seen', other: { wildcards: undefined, wires: undefined } },
    {
      name: 'clients, kernel sockets and programs that answer right',
      other: {
        wildcards: [
          { families: [4], port: 40_000 },
          { families: [4], port: 68 },
          {
            families: [4, 6],
            port: 123,
            process: { pid: 1, name: 'chronyd', command: ['/usr/sbin/chronyd'], startedAt: 1000 },
          },
        ],
      },
    },
    { name: 'the way to the metadata through the second ENI', kernel: `${twoEnis}route 169.254.169.254 dev eth1` },
    { name: 'zeroconf on an ENI', kernel: `${twoEnis}route 169.254.0.0/16 dev eth0 metric 1000` },
    {
      name: 'link-local at a bridge, with metadata off',
      kernel: `${twoEnis}${bridge}route 169.254.0.0/16 dev docker0`,
      toml: 'metadata.mode = "off"',
    },
    { name: 'secondary addresses with the length of a host', kernel: `${twoEnis}addr 172.31.0.219/32 dev eth1` },
    {
      name: 'an address whose detection goes on',
      kernel: `${twoEnis}link eth2 driver ena\naddr fd00::9/64 dev eth2 tentative`,
    },
    {
      name: 'an ENI that is left alone',
      kernel: `${twoEnis}link eth2 driver ena down`,
      toml: 'interfaces.exclude = ["eth2"]',
    },
    { name: 'one ENI that is alone and bare', kernel: 'link eth0 driver ena' },
    {
      name: 'two links of hardware with one default',
      kernel:
        'link eth0 driver e1000\nlink eth1 driver e1000\naddr 10.0.0.1/24 dev eth0\naddr 10.1.0.1/24 dev eth1\nroute default via 10.0.0.254 dev eth0',
    },
    {
      name: 'no metadata where nobody expects it',
      kernel: veths,
      toml: 'interfaces.include = ["eth*"]',
      other: { metadata: silence },
    },
    {
      name: 'a rule by port for a VPN',
      kernel: `${twoEnis}link wg0 type wireguard\nroute default dev wg0 table 7\nrule priority 9 from all ipproto 6 dport 22 lookup 7`,
    },
    {
      name: 'IPv6 nowhere',
      files: { ...sysctl(6, 'eth0', 'disable_ipv6', 1), ...sysctl(6, 'eth1', 'disable_ipv6', 1) },
    },
    {
      name: 'networkd that hears advertisements itself',
      kernel: `${twoEnis}${ipv6}-6 route default via fe80::1 dev eth0 metric 100\n-6 route default via fe80::1 dev eth1 metric 200`,
      files: { ...sysctl(6, 'eth0', 'accept_ra', 0), ...sysctl(6, 'eth1', 'accept_ra', 0) },
    },
  ])('$name', ({ name: _, ...given }) => {
    expect(findingsOf(given)).toEqual([])
  })
})

interface Fault extends Row {
  readonly finds: readonly string[]
  readonly says: string
}

const openvpn = { pid: 9, name: 'openvpn', command: ['/usr/sbin/openvpn', '--config', 'a.conf'], startedAt: 1000 }

describe('found:', () => {
  test.each<Fault>([
    {
      name: 'a UDP service for both families, where one has two ENIs',
      other: { wildcards: [{ families: [4, 6], port: 1194, process: openvpn }] },
      finds: ['wildcard-udp'],
      says: 'openvpn (process 9) listens on UDP port 1194 without an address: asked at another interface\'s address, it may answer from the first one\'s","evidence":["udp [::]:1194 (and IPv4) /usr/sbin/openvpn --config a.conf"],"cure":"have it listen on each address by itself (172.31.15.216, 172.31.0.218)',
    },
    {
      name: 'a UDP service for IPv6 alone, and two ENIs that have it',
      kernel: `${twoEnis}${ipv6}`,
      other: {
        wildcards: [
          { families: [6], port: 1195, process: openvpn },
          { families: [6], port: 1194, process: openvpn },
        ],
      },
      finds: ['wildcard-udp'],
      says: 'UDP ports 1194, 1195 without an address: asked at another interface\'s address, it may answer from the first one\'s","evidence":["udp [::]:1195 (IPv6 alone) /usr/sbin/openvpn --config a.conf","udp [::]:1194 (IPv6 alone) /usr/sbin/openvpn --config a.conf"],"cure":"have it listen on each address by itself (fd00::1, fd00::2)',
    },
    {
      name: 'a UDP service of one process with a socket for each family',
      kernel: `${twoEnis}${ipv6}`,
      other: {
        wildcards: [
          { families: [4], port: 1194, process: { ...openvpn, command: [] } },
          { families: [6], port: 1194, process: { ...openvpn, command: [] } },
        ],
      },
      finds: ['wildcard-udp'],
      says: 'openvpn (process 9) listens on UDP port 1194 without an address: asked at another interface\'s address, it may answer from the first one\'s","evidence":["udp 0.0.0.0:1194 openvpn","udp [::]:1194 (IPv6 alone) openvpn"],"cure":"have it listen on each address by itself (172.31.15.216, fd00::1, 172.31.0.218, fd00::2)',
    },
    {
      name: 'UDP services whose processes can not be seen, by their ports',
      other: {
        wildcards: [
          { families: [4], port: 500 },
          { families: [4], port: 4500 },
        ],
      },
      finds: ['wildcard-udp', 'wildcard-udp'],
      says: 'a process that can not be seen from here listens on UDP port 500 without',
    },
    {
      name: 'connmark with strict rp_filter and without src_valid_mark',
      files: { ...conntrack, ...sysctl(4, 'eth1', 'rp_filter', 1), ...sysctl(4, 'all', 'src_valid_mark', 0) },
      other: { config: connmark, redirections: [openPort] },
      finds: ['rp-filter-dnat'],
      says: 'net.ipv4.conf.all.src_valid_mark=1',
    },
    {
      name: 'connmark without connection tracking',
      other: { config: connmark },
      finds: ['conntrack-missing'],
      says: 'modprobe nf_conntrack',
    },
    {
      name: 'an ENI without an address',
      kernel: `${twoEnis}link eth2 driver ena`,
      finds: ['interface-bare'],
      says: 'eth2 is up and has no address: nothing configures it',
    },
    {
      name: 'an ENI with a link-local address alone',
      kernel: `${twoEnis}link eth2 driver ena\naddr fe80::4/64 dev eth2`,
      finds: ['interface-bare'],
      says: 'eth2 is up and has no address but a link-local one: nothing configures it',
    },
    {
      name: 'two tables for one address',
      kernel: `${twoEnis}${table101}${table101.replaceAll('101', '102')}rule priority 9 from 172.31.0.218 lookup 101\nrule priority 10 from 172.31.0.218 lookup 102`,
      finds: ['rule-contradicted'],
      says: 'ip rule del priority 10',
    },
    {
      name: 'a network of containers in the subnet',
      kernel: `${twoEnis}link br0 type bridge\naddr 172.31.0.1/16 dev br0`,
      finds: ['overlapping-network'],
      says: '172.31.0.0/16 dev br0',
    },
    {
      name: 'ARP that is not answered',
      files: sysctl(4, 'eth1', 'arp_ignore', 8),
      finds: ['arp-ignored'],
      says: 'sysctl -w net.ipv4.conf.eth1.arp_ignore=0',
    },
    {
      name: 'ARP that is answered on no link',
      files: { ...sysctl(4, 'all', 'arp_ignore', 8), ...sysctl(4, 'eth1', 'arp_ignore', 0) },
      finds: ['arp-ignored'],
      says: 'on eth0, eth1: hosts of the subnet may not find this one there","evidence":["net.ipv4.conf.all.arp_ignore = 8"],"cure":"sysctl -w net.ipv4.conf.all.arp_ignore=0"',
    },
    {
      name: 'an ENI without carrier',
      other: { wires: [{ ...wire, carrier: false }] },
      finds: ['no-carrier'],
      says: 'eth1 is up and has no carrier',
    },
    {
      name: 'an ENI without ARP',
      other: { wires: [{ ...wire, arp: false }] },
      finds: ['arp-off'],
      says: 'ip link set dev eth1 arp on',
    },
    {
      name: 'two MTUs in one subnet',
      other: { wires: [{ ...wire, name: 'eth0', mtu: 9001 }, wire] },
      finds: ['mtu-differs'],
      says: 'ip link set dev eth1 mtu 9001',
    },
    {
      name: 'a packet filter that drops all of an ENI',
      other: { drops: [drop] },
      finds: ['packet-filter-drops'],
      says: 'drops everything that comes in by eth1',
    },
    {
      name: 'a packet filter that drops all of an address',
      other: {
        drops: [
          {
            ...drop,
            text: 'ip saddr 172.31.0.218 drop',
            link: undefined as never,
            hook: 'output',
            addresses: ['172.31.0.218'],
          },
        ],
      },
      finds: ['packet-filter-drops'],
      says: 'drops everything that goes out from 172.31.0.218',
    },
    {
      name: 'metadata that the packet filter of a host that is not on EC2 keeps back',
      kernel: veths,
      toml: 'interfaces.include = ["eth*"]',
      other: {
        metadata: silence,
        drops: [{ text: 'ip daddr 169.254.169.254 drop', removal: 'nft delete that', addresses: ['169.254.169.254'] }],
      },
      finds: ['metadata-unreachable'],
      says: 'ip daddr 169.254.169.254 drop"],"cure":"nft delete that"',
    },
    {
      name: 'metadata that answers with errors, wherever',
      kernel: veths,
      toml: 'interfaces.include = ["eth*"]',
      other: { metadata: { ...silence, token: 503, bare: 503 } },
      finds: ['metadata-failing'],
      says: 'HTTP status 503',
    },
    {
      name: 'a metadata endpoint that is mistyped',
      toml: 'metadata.endpoint = "http://169.254.196.254"',
      other: { metadata: { ...silence, endpoint: 'http://169.254.196.254' } },
      finds: ['metadata-unreachable'],
      says: 'ip route get 169.254.196.254 and the packet filter tell where it ends, or metadata.endpoint is mistyped',
    },
    {
      name: 'a rule for packets to an own address',
      kernel: `${twoEnis}${table101}rule priority 9 to 172.31.0.218 lookup 101`,
      finds: ['rule-futile'],
      says: 'ip rule del priority 9 from all to 172.31.0.218 lookup 101',
    },
    {
      name: 'a rule for what comes in, on a host that does not forward',
      kernel: `${twoEnis}${table101}rule priority 9 iif eth1 lookup 101`,
      files: { 'proc/sys/net/ipv4/ip_forward': '0\n' },
      finds: ['rule-futile'],
      says: 'forwards none',
    },
    {
      name: 'a rule for an interface that is not there',
      kernel: `${twoEnis}${table101}rule priority 9 oif eth9 lookup 101`,
      finds: ['rule-futile'],
      says: 'eth9, which is not there',
    },
    {
      name: 'a default whose router is in another subnet',
      kernel: twoEnis.replace('172.31.0.1 dev eth1', '172.31.16.1 dev eth1'),
      finds: ['router-outside'],
      says: 'ip route add default via 172.31.0.1 dev eth1 metric 201',
    },
    {
      name: 'a table by hand whose router is in another subnet',
      kernel: `${twoEnis}${table101.replace('172.31.0.1', '172.31.16.1')}rule priority 9 from 172.31.0.218 lookup 101`,
      finds: ['router-outside'],
      says: 'ip route replace default via 172.31.0.1 dev eth1 table 101',
    },
    {
      name: 'a table that leads by the wrong ENI, which says it all',
      kernel: `${twoEnis}${table101}rule priority 9 from 172.31.15.216 lookup 101`,
      finds: ['table-wrong-interface'],
      says: 'an address of eth0',
    },
    {
      name: 'an empty table behind our rules: one finding, and its end',
      kernel: `${withOurs}rule priority 32000 from 172.31.0.218 lookup 101`,
      finds: ['table-empty'],
      says: '"cure":"ip rule del priority 32000 from 172.31.0.218 lookup 101 protocol 3"',
    },
    {
      name: 'a rule for a whole prefix in front of ours',
      kernel: `${withOurs}${table101}rule priority 9 from 172.31.0.192/26 lookup 101`,
      finds: ['rule-in-front'],
      says: 'for a whole prefix, 172.31.0.192/26,',
    },
    {
      name: 'one address on two ENIs',
      kernel: `${twoEnis}addr 172.31.0.218/32 dev eth0`,
      finds: ['conflict'],
      says: '"severity":"error","id":"conflict","what":"address 172.31.0.218: both eth0 and eth1 have it',
    },
    {
      name: 'the rules of ec2-net-utils, told by their numbers',
      kernel: `${withOurs}rule priority 10001 from 172.31.0.218 lookup 10001`,
      finds: ['ec2-net-utils'],
      says: 'ip rule priority 10001 from 172.31.0.218 lookup 10001',
    },
    {
      name: 'the rules of nm-cloud-setup, told by their numbers',
      kernel: `${withOurs}rule priority 30201 from 172.31.0.218 lookup 30201`,
      finds: ['nm-cloud-setup'],
      says: 'ip rule priority 30201 from 172.31.0.218 lookup 30201',
    },
    {
      name: 'two defaults of one metric, told apart by commands',
      kernel: `${twoEnis.replace('metric 200', 'metric 100')}`,
      finds: ['equal-defaults'],
      says: 'now: ip route add default via 172.31.0.1 dev eth1 metric 200; ip route del default via 172.31.0.1 dev eth1 table main',
    },
    {
      name: 'an address of the VPC that nobody configured',
      told: [
        { index: 2, ipv4: ['172.31.15.216'] },
        { index: 3, ipv4: ['172.31.0.218', '172.31.0.219'] },
      ],
      finds: ['address-not-configured'],
      says: 'ip address add 172.31.0.219/32 dev eth1',
      other: { metadata: { ...silence, token: 200, bare: 401 } },
    },
    {
      name: 'an address that the VPC has not given',
      told: [{ index: 3, ipv4: ['172.31.0.128'] }],
      kernel: `${twoEnis}addr 172.31.0.128/20 dev eth1`,
      finds: ['address-not-of-the-vpc'],
      says: 'ip address del 172.31.0.218/20 dev eth1',
    },
    {
      name: 'cilium in ENI mode, its rules for pods whose links are gone',
      kernel: `${twoEnis}link cilium_host type veth\nrule priority 111 from 172.31.3.3 to 172.31.0.0/16 lookup 11`,
      finds: ['cilium'],
      says: 'it attaches interfaces for pods',
    },
    {
      name: 'cilium in another mode',
      kernel: `${twoEnis}link cilium_host type veth\nrule priority 9 fwmark 0x200/0xf00 lookup 2004`,
      finds: ['cilium'],
      says: 'in ENI mode attaches',
    },
    {
      name: 'a daemon of another version',
      other: {
        daemon: { state: 'running', report: { contested: [], version: '0.0.1', pid: 7, since: 'now' } as never },
      },
      finds: ['daemon-version'],
      says: 'the daemon is version 0.0.1',
    },
    {
      name: 'a daemon that was killed',
      other: { daemon: { state: 'absent', died: 42 } },
      finds: ['daemon-absent'],
      says: 'process 42, the last daemon, was killed or crashed',
    },
    {
      name: 'metadata that does not answer, on EC2',
      other: { metadata: silence },
      finds: ['metadata-unreachable'],
      says: 'timeout',
    },
    {
      name: 'metadata that does not answer, by the maker of the machine',
      kernel: veths,
      toml: 'interfaces.include = ["eth*"]',
      files: { 'sys/class/dmi/id/sys_vendor': 'Amazon EC2\n' },
      other: { metadata: silence },
      finds: ['metadata-unreachable'],
      says: 'timeout',
    },
    {
      name: 'metadata that a rule of this host keeps away',
      kernel: veths,
      toml: 'interfaces.include = ["eth*"]',
      other: { metadata: { ...silence, token: 'EACCES', bare: 'EACCES' } },
      finds: ['metadata-unreachable'],
      says: 'EACCES',
    },
    {
      name: 'metadata that is required',
      kernel: 'link eth0 type veth',
      toml: 'metadata.mode = "required"',
      other: { metadata: silence },
      finds: ['metadata-unreachable'],
      says: '"severity":"error"',
    },
    {
      name: 'a rule by hand behind ours',
      kernel: `${withOurs}${table101}rule priority 32765 from 172.31.0.218 lookup 101`,
      finds: ['rule-behind'],
      says: 'a rule of somebody else repeats those of the daemon for 172.31.0.218 and is never asked; when they are gone',
    },
    {
      name: 'a default by hand without a router',
      kernel: `${twoEnis}route 172.31.0.0/20 dev eth1 table 101\nroute default dev eth1 table 101\nrule priority 9 from 172.31.0.218 lookup 101`,
      finds: ['table-without-router'],
      says: 'ip route replace default via 172.31.0.1 dev eth1 table 101',
    },
    {
      name: 'a rule for the addresses of both ENIs',
      kernel: `${twoEnis}${table101}rule priority 9 from 172.31.0.0/20 lookup 101`,
      finds: ['table-wrong-interface'],
      says: 'an address of eth0',
    },
    {
      name: 'a rule by port that leads through one ENI',
      kernel: `${twoEnis}${table101}rule priority 9 from all ipproto 6 sport 22 lookup 101`,
      finds: ['rule-partial'],
      says: 'sport 22',
    },
    {
      name: 'link-local at a bridge',
      kernel: `${twoEnis}${bridge}route 169.254.0.0/16 dev docker0`,
      finds: ['metadata-route'],
      says: 'ip route replace 169.254.169.254/32 dev eth0',
    },
    {
      name: 'a rule for an address of IPv6 that no interface has',
      kernel: `${twoEnis}${ipv6}-6 rule priority 100 from fd00::3 lookup 300`,
      finds: ['rule-without-address'],
      says: 'ip -6 rule del priority 100 from fd00::3',
    },
    {
      name: 'a twin of another protocol',
      kernel: `${twoEnis}rule priority 100 fwmark 1 lookup 7 protocol static\nrule priority 100 fwmark 1 lookup 7 protocol boot`,
      finds: ['rule-doubled'],
      says: 'ip rule del priority 100',
    },
    {
      name: 'a prefix of rules into an empty table',
      kernel: `${twoEnis}rule priority 100 from 172.31.0.0/20 lookup 300`,
      finds: ['table-empty'],
      says: 'table 300, which is empty',
    },
    {
      name: 'a duplicate address',
      kernel: `${twoEnis}addr fd00::1/64 dev eth0\naddr fd00::2/64 dev eth1 tentative dadfailed`,
      finds: ['duplicate-address'],
      says: 'ip -6 address del fd00::2/64 dev eth1',
    },
    {
      name: 'a multipath default',
      kernel: twoEnis
        .replace(/route.*\n/g, '')
        .concat('route default nexthop via 172.31.0.1 dev eth0 nexthop via 172.31.0.1 dev eth1'),
      finds: ['equal-defaults'],
      says: 'nexthop via 172.31.0.1 dev eth1',
    },
    {
      name: 'interfaces that are not included',
      kernel: twoEnis.replaceAll('ena', 'virtio_net'),
      finds: ['interfaces-not-included'],
      says: 'include = ["eth0", "eth1"]',
    },
    {
      name: 'strict rp_filter of all with redirection',
      files: sysctl(4, 'all', 'rp_filter', 1),
      other: { redirections: [openPort] },
      finds: ['rp-filter-dnat', 'published-ports'],
      says: 'net.ipv4.conf.eth0.rp_filter=2',
    },
    {
      name: 'a redirection on the second ENI by its address',
      other: { redirections: [{ ...openPort, addresses: ['172.31.0.218'] }] },
      finds: ['published-ports'],
      says: 'connmark',
    },
    {
      name: 'docker-proxy, where the packet filter may not be read',
      other: {
        redirections: undefined,
        processes: [
          {
            pid: 7,
            name: 'docker-proxy',
            command: ['/usr/bin/docker-proxy', '-proto', 'tcp', '-host-ip', '0.0.0.0', '-host-port', '80'],
            startedAt: 1000,
          },
        ],
      },
      finds: ['published-ports'],
      says: 'process 7: /usr/bin/docker-proxy',
    },
    {
      name: 'a kernel that hears no router',
      kernel: `${twoEnis}${ipv6}-6 route default via fe80::1 dev eth0 metric 100`,
      files: { ...sysctl(6, 'eth1', 'accept_ra', 1), ...sysctl(6, 'eth1', 'forwarding', 1) },
      finds: ['ipv6-no-advertisements'],
      says: 'net.ipv6.conf.eth1.accept_ra=2',
    },
  ])('$name', ({ name: _, finds, says, ...given }) => {
    const findings = findingsOf(given)
    expect(findings.map(({ id }) => id)).toEqual(finds)
    expect(misjudged(findings)).toEqual([])
    expect(JSON.stringify(findings[0]).replaceAll('\\"', '"')).toContain(says)
  })
})

test('changes that a daemon that runs leaves undone', () => {
  const { kernel } = evidence({})
  const rule = snapshot('rule priority 20001 from 172.31.0.218 lookup 20001').rules.find(
    ({ priority }) => priority === 20001,
  )!
  const pending = [{ op: 'add', kind: 'rule', rule, cause: 'test' } as const]
  const findings = findingsOf({
    other: {
      daemon: { state: 'running', report: { contested: [], version, pid: 7, since: 'now' } as never },
      kernel: { ...kernel!, assessment: { ...kernel!.assessment, pending } },
    },
  })
  expect(findings.map(({ severity, id }) => `${severity} ${id}`)).toEqual(['error pending'])
  expect(findings[0]?.evidence[0]).toContain('ip rule add priority 20001 from 172.31.0.218 lookup 20001')
})
