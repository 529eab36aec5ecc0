import { describe, expect, test } from 'vitest'
import { defaults } from '../../../src/config/defaults.ts'
import type { Redirection } from '../../../src/doctor/evidence.ts'
import { desiredState } from '../../../src/policy/desired.ts'
import { evidence, expectExactly, type Found, type Row, twoEnis } from '../../support/doctor.ts'
import { settings, snapshot } from '../../support/snapshot.ts'

const sysctl = (family: 4 | 6, link: string, key: string, value: number) => ({
  [`proc/sys/net/ipv${family}/conf/${link}/${key}`]: `${value}\n`,
})
const ipv6 = 'addr fd00::1/64 dev eth0\naddr fd00::2/64 dev eth1\n'
const named = (id: string): Found => expect.objectContaining({ id }) as never

/** The rules of a fresh namespace, short of those that `gone` says yes to. */
const without = (gone: (priority: number, family: 4 | 6) => boolean, more = '') => {
  const all = snapshot(twoEnis + more)
  const seen = { ...all, rules: all.rules.filter(({ priority, family }) => !gone(priority, family)) }
  const { kernel } = evidence({})
  const desired = desiredState(seen, settings(), new Map())
  return {
    other: { kernel: { ...kernel!, all: seen, assessment: { ...kernel!.assessment, snapshot: seen, desired } } },
  }
}

describe("the kernel's own rules:", () => {
  const missing = (family: 4 | 6, table: 'main' | 'local'): Found => ({
    id: 'kernel-rule-missing',
    evidence: [`ip -${family} rule show`],
    cure: `ip -${family} rule add priority ${table === 'local' ? 0 : 32766} lookup ${table}`,
  })
  test.each<Row>([
    { name: 'all of them', finds: [] },
    { name: 'main', ...without((priority, family) => priority === 32766 && family === 4), finds: [missing(4, 'main')] },
    {
      name: 'local, in IPv6',
      ...without((priority, family) => priority === 0 && family === 6),
      finds: [missing(6, 'local')],
    },
    { name: 'every one of a family, which it has not', ...without((_, family) => family === 6), finds: [] },
    ...['from 172.31.0.218', 'to 172.31.0.218', 'iif eth0', 'oif eth0'].map(
      (selector): Row => ({
        name: `main, but for what is ${selector}`,
        ...without((priority, family) => priority === 32766 && family === 4, `rule priority 9 ${selector} lookup main`),
        finds: [missing(4, 'main')],
      }),
    ),
    {
      name: 'main at another place',
      ...without((priority, family) => priority === 32766 && family === 4, 'rule priority 30000 lookup main'),
      finds: [],
    },
  ])('$name', expectExactly)
})

describe('a kernel', () => {
  const release = (text: string) => ({ files: { 'proc/sys/kernel/osrelease': `${text}\n` } })
  const old: Found = { id: 'kernel-too-old', evidence: ['/proc/sys/kernel/osrelease'], cure: 'boot a newer kernel' }
  test.each<Row>([
    { name: '3.18', ...release('3.18.0'), finds: [old] },
    { name: '4.16', ...release('4.16.1-generic'), finds: [old] },
    { name: '4.17', ...release('4.17.0'), finds: [] },
    { name: '5.4', ...release('5.4.0'), finds: [] },
    { name: 'of no number', ...release('next'), finds: [] },
    {
      name: 'without policy routing',
      files: {
        'proc/sys/kernel/osrelease': '6.1.0\n',
        'boot/config-6.1.0': 'CONFIG_IP_ADVANCED_ROUTER=y\n# CONFIG_IP_MULTIPLE_TABLES is not set\n',
      },
      finds: [
        {
          id: 'kernel-feature-missing',
          evidence: ['/boot/config-6.1.0: # CONFIG_IP_MULTIPLE_TABLES is not set'],
          cure: 'boot a kernel with CONFIG_IP_MULTIPLE_TABLES=y',
        },
      ],
    },
  ])('$name', expectExactly)
})

describe('IPv6:', () => {
  const disabled = (name: string): Found => ({
    id: 'ipv6-disabled',
    evidence: [`net.ipv6.conf.${name}.disable_ipv6 = 1`],
    cure: `sysctl -w net.ipv6.conf.${name}.disable_ipv6=0`,
  })
  const deaf = (accept: number | string, forwarding: number | string): Found => ({
    id: 'ipv6-no-advertisements',
    evidence: [`net.ipv6.conf.eth1.accept_ra = ${accept}`, `net.ipv6.conf.eth1.forwarding = ${forwarding}`],
    cure: 'sysctl -w net.ipv6.conf.eth1.accept_ra=2',
  })
  const oneDefault = `${twoEnis}${ipv6}-6 route default via fe80::1 dev eth0 metric 100\n`
  test.each<Row>([
    {
      name: 'off on one, where another has it',
      kernel: `${twoEnis}addr fd00::1/64 dev eth0`,
      files: sysctl(6, 'eth1', 'disable_ipv6', 1),
      finds: [disabled('eth1')],
    },
    { name: 'off on one, where none has it', files: sysctl(6, 'eth1', 'disable_ipv6', 1), finds: [] },
    {
      name: 'deaf since switched off',
      kernel: oneDefault,
      files: sysctl(6, 'eth1', 'accept_ra', 0),
      finds: [deaf(0, '?')],
    },
    {
      name: 'deaf since it forwards',
      kernel: oneDefault,
      files: { ...sysctl(6, 'eth1', 'accept_ra', 1), ...sysctl(6, 'eth1', 'forwarding', 1) },
      finds: [deaf(1, 1)],
    },
    {
      name: 'not deaf, since it does not forward',
      kernel: oneDefault,
      files: { ...sysctl(6, 'eth1', 'accept_ra', 1), ...sysctl(6, 'eth1', 'forwarding', 0) },
      finds: [],
    },
    {
      name: 'not deaf although it forwards',
      kernel: oneDefault,
      files: { ...sysctl(6, 'eth1', 'accept_ra', 2), ...sysctl(6, 'eth1', 'forwarding', 1) },
      finds: [],
    },
    {
      name: 'deaf where nobody has an address',
      kernel: `${twoEnis}addr fd00::1/64 dev eth0\n-6 route default via fe80::1 dev eth0 metric 100\n`,
      files: sysctl(6, 'eth1', 'accept_ra', 0),
      finds: [],
    },
    {
      name: 'deaf, and a default of several ways leads through it',
      kernel: `${twoEnis}${ipv6}-6 route default nexthop via fe80::1 dev eth0 nexthop via fe80::1 dev eth1\n`,
      files: sysctl(6, 'eth1', 'accept_ra', 0),
      finds: [named('equal-defaults')],
    },
  ])('$name', expectExactly)
})

describe('reverse path filter and published ports:', () => {
  const port: Redirection = { family: 4, text: 'dnat to 172.17.0.2', addresses: [] }
  const connmark = { ...defaults, routing: { ...defaults.routing, containers: 'connmark' as never } }
  const conntrack = { 'proc/sys/net/netfilter/nf_conntrack_max': '65536\n' }
  const published = (...seen: string[]): Found => ({
    id: 'published-ports',
    evidence: seen,
    cure: 'containers = "connmark" under [routing] in /etc/eni-routed/config.toml, then: systemctl reload eni-routed',
  })
  const proxy = (host: string, program = '/usr/bin/docker-proxy') => ({
    redirections: undefined,
    processes: [{ pid: 7, name: 'x', command: [program, '-host-ip', host], startedAt: 0 }],
  })
  test.each<Row>([
    {
      name: 'strict on one alone',
      files: {
        ...sysctl(4, 'eth1', 'rp_filter', 1),
        ...sysctl(4, 'eth0', 'rp_filter', 2),
        ...sysctl(4, 'all', 'rp_filter', 0),
      },
      other: { redirections: [port] },
      finds: [
        {
          id: 'rp-filter-dnat',
          evidence: ['net.ipv4.conf.eth1.rp_filter = 1', 'dnat to 172.17.0.2'],
          cure: 'sysctl -w net.ipv4.conf.eth1.rp_filter=2, and the same in /etc/sysctl.d',
        },
        published('dnat to 172.17.0.2'),
      ],
    },
    {
      name: 'strict on both, and the mark counts on one alone',
      files: { ...conntrack, ...sysctl(4, 'all', 'rp_filter', 1), ...sysctl(4, 'eth1', 'src_valid_mark', 1) },
      other: { config: connmark, redirections: [port] },
      finds: [
        {
          id: 'rp-filter-dnat',
          evidence: ['net.ipv4.conf.all.rp_filter = 1', 'dnat to 172.17.0.2'],
          cure: 'sysctl -w net.ipv4.conf.all.src_valid_mark=1, and the same in /etc/sysctl.d',
        },
      ],
    },
    {
      name: 'a port for several addresses, one of them of the second ENI',
      other: { redirections: [{ ...port, addresses: ['172.31.15.216', '172.31.0.218'] }] },
      finds: [published('dnat to 172.17.0.2')],
    },
    {
      name: 'the first is by which the best default leads',
      kernel: twoEnis.replace('metric 200', 'metric 50'),
      other: { redirections: [{ ...port, addresses: ['172.31.0.218'] }] },
      finds: [],
    },
    {
      name: 'other tables, families and routes do not tell the first',
      kernel: `${twoEnis}${ipv6}route default via 172.31.0.1 dev eth1 metric 1 table 7\n-6 route default via fe80::1 dev eth1 metric 1\n-6 route default via fe80::1 dev eth0 metric 2\nroute 10.0.0.0/8 via 172.31.0.1 dev eth1 metric 1`,
      other: { redirections: [{ ...port, addresses: ['172.31.15.216'] }] },
      finds: [],
    },
    {
      name: 'a default of several ways counts for each',
      kernel: `${twoEnis.replace(/route.*\n/g, '')}route default metric 50 nexthop via 172.31.0.1 dev eth1 nexthop dev lo\nroute default via 172.31.0.1 dev eth0 metric 100\n`,
      other: { redirections: [{ ...port, addresses: ['172.31.0.218'] }] },
      finds: [],
    },
    {
      name: 'a proxy on every address, of IPv6',
      other: proxy('::'),
      finds: [published('process 7: /usr/bin/docker-proxy -host-ip ::')],
    },
    { name: 'a proxy on one address', other: proxy('172.31.15.216'), finds: [] },
    { name: 'another program on every address', other: proxy('0.0.0.0', '/usr/bin/sshd'), finds: [] },
    {
      name: 'rules of the packet filter tell more than a proxy',
      other: { ...proxy('0.0.0.0'), redirections: [port] },
      finds: [published('dnat to 172.17.0.2')],
    },
  ])('$name', expectExactly)
})

describe('main:', () => {
  const outside = (evidence: string[], cure: string): Found => ({ id: 'router-outside', evidence, cure })
  const wg = 'link wg0 type wireguard\n'
  const away = (route: string, dev = 'eth0'): Found => ({
    id: 'metadata-route',
    evidence: [`ip route ${route}`],
    cure: `ip route replace 169.254.169.254/32 dev ${dev}, or: ip route del ${route}`,
  })
  test.each<Row>([
    {
      name: 'equal defaults, where one of the interfaces is no ENI of ours to route',
      kernel: `${twoEnis}${wg}route default dev wg0 metric 100`,
      finds: [],
    },
    {
      name: 'equal defaults on a host with one ENI',
      kernel:
        'link eth0 driver ena\naddr 172.31.15.216/20 dev eth0\nroute default via 172.31.0.1 dev eth0\nroute default via 172.31.0.2 dev eth0 tos 4\n',
      finds: [],
    },
    {
      name: 'a router outside, in a default of several ways',
      kernel: `${twoEnis.replace(/route.*\n/g, '')}${wg}route default via 172.31.0.1 dev eth0\nroute default metric 9 nexthop via 172.32.0.1 dev eth1 nexthop dev wg0\n`,
      finds: [
        outside(
          [
            'ip route default table main proto 3 metric 9 nexthop via 172.32.0.1 dev eth1 weight 1 nexthop dev wg0 weight 1',
            'address 172.31.0.218/20 dev eth1',
          ],
          'ip route add default via 172.31.0.1 dev eth1 metric 10; ip route del default table main proto 3 metric 9 nexthop via 172.32.0.1 dev eth1 weight 1 nexthop dev wg0 weight 1',
        ),
      ],
    },
    {
      name: 'a subnet that a network elsewhere and an ENI hold, by several ways',
      kernel: `${twoEnis}${wg}route 172.31.0.0/16 nexthop via 172.31.0.1 dev eth0 nexthop dev wg0`,
      finds: [],
    },
    {
      name: 'an address with the length of a host, in a network elsewhere',
      kernel: `${twoEnis}${wg}addr 10.0.0.5/32 dev eth1\nroute 10.0.0.0/8 dev wg0`,
      finds: [],
    },
    { name: 'metadata by the default', kernel: `${twoEnis}${wg}route default dev wg0 metric 5`, finds: [] },
    {
      name: 'metadata by a default that refuses',
      kernel: `${twoEnis}route unreachable default metric 5`,
      finds: [away('unreachable default table main proto 3 metric 5')],
    },
    {
      name: 'metadata by the longest route, whichever metric it has',
      kernel: `${twoEnis}${wg}route 169.254.0.0/16 dev eth0 metric 1\nroute 169.254.169.0/24 dev wg0 metric 9`,
      finds: [away('169.254.169.0/24 dev wg0 table main proto 3 scope link metric 9')],
    },
    {
      name: 'metadata by the better of two routes',
      kernel: `${twoEnis}${wg}route 169.254.0.0/16 dev wg0 metric 9\nroute 169.254.0.0/16 dev eth0 metric 1`,
      finds: [],
    },
  ])('$name', expectExactly)
})

describe('the metadata service:', () => {
  const silence = { endpoint: 'http://169.254.169.254', token: 'timeout', bare: 'timeout' } as const
  const asked = (token: number | string, bare: number | string) => [
    `PUT http://169.254.169.254/latest/api/token: ${token}`,
    `GET http://169.254.169.254/latest/meta-data/: ${bare}`,
  ]
  const probe = (token: number | string, bare: number | string) => ({ metadata: { ...silence, token, bare } })
  const off: Found = {
    id: 'metadata-off',
    evidence: asked(403, 403),
    cure: 'aws ec2 modify-instance-metadata-options --instance-id $(cat /var/lib/cloud/data/instance-id) --http-endpoint enabled, or set metadata.mode = "off"',
  }
  const hops = (bare: number): Found => ({
    id: 'metadata-hop-limit',
    evidence: asked('timeout', bare),
    cure: 'aws ec2 modify-instance-metadata-options --instance-id $(cat /var/lib/cloud/data/instance-id) --http-put-response-hop-limit 2',
  })
  const failing: Found = {
    id: 'metadata-failing',
    evidence: asked(503, 401),
    cure: "wait, and ask again: curl -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token",
  }
  const unreachable = (token: string, bare: number | string): Found => ({
    id: 'metadata-unreachable',
    evidence: asked(token, bare),
    cure: 'ip route get 169.254.169.254 and the packet filter tell where it ends; where there is no service, set metadata.mode = "off"',
  })
  const elsewhere = { kernel: twoEnis.replaceAll('driver ena', 'type veth'), toml: 'interfaces.include = ["eth*"]' }
  test.each<Row>([
    { name: 'answers', other: probe(200, 401), finds: [] },
    { name: 'is not there', other: probe(404, 404), finds: [] },
    { name: 'is off', other: probe(403, 403), finds: [off] },
    {
      name: 'is off, on an instance whose firmware has its id',
      files: { 'sys/class/dmi/id/board_asset_tag': 'i-0123456789abcdef0\n' },
      other: probe(403, 403),
      finds: [{ ...off, cure: off.cure.replace('$(cat /var/lib/cloud/data/instance-id)', 'i-0123456789abcdef0') }],
    },
    { name: 'does not get its tokens here', other: probe('timeout', 401), finds: [hops(401)] },
    {
      name: 'does not get its tokens here, off EC2 too',
      ...elsewhere,
      other: probe('timeout', 200),
      finds: [hops(200)],
    },
    { name: 'is ill', other: probe(503, 401), finds: [failing] },
    { name: 'is ill without tokens, too', other: probe('timeout', 500), finds: [unreachable('timeout', 500)] },
    { name: 'is refused at the port', other: probe('ECONNREFUSED', 401), finds: [unreachable('ECONNREFUSED', 401)] },
    { name: 'is silent off EC2', ...elsewhere, other: probe('timeout', 'timeout'), finds: [] },
    {
      name: 'is silent, and one of the ENIs is of EC2',
      kernel: `${twoEnis.replace('link eth1 driver ena', 'link eth1 type veth')}`,
      toml: 'interfaces.include = ["eth*"]',
      other: probe('timeout', 'timeout'),
      finds: [unreachable('timeout', 'timeout')],
    },
    {
      name: 'is silent off EC2, and has answered before',
      ...elsewhere,
      told: [{ index: 2, ipv4: ['172.31.15.216'] }],
      other: probe('timeout', 'timeout'),
      finds: [unreachable('timeout', 'timeout')],
    },
    {
      name: 'is silent off EC2, and named by the configuration',
      kernel: elsewhere.kernel,
      toml: '[interfaces]\ninclude = ["eth*"]\n[metadata]\nendpoint = "http://127.0.0.1:1"',
      other: { metadata: { ...silence, endpoint: 'http://127.0.0.1:1' } },
      finds: [named('metadata-unreachable')],
    },
    {
      name: 'is kept away by the packet filter, and what else that drops is no matter',
      other: {
        ...probe('timeout', 'timeout'),
        drops: [
          { text: 'tcp dport 25 drop', removal: 'no', addresses: [] },
          { text: 'ip daddr 169.254.169.254 drop', removal: 'nft delete rule a', addresses: ['169.254.169.254'] },
          { text: 'ip saddr 169.254.169.254 drop', removal: 'nft delete rule b', addresses: ['169.254.169.254'] },
        ],
      },
      finds: [
        {
          id: 'metadata-unreachable',
          evidence: [...asked('timeout', 'timeout'), 'ip daddr 169.254.169.254 drop', 'ip saddr 169.254.169.254 drop'],
          cure: 'nft delete rule a; nft delete rule b',
        },
      ],
    },
    {
      name: 'lists other addresses than those that are there, of both families',
      kernel: `${twoEnis}${ipv6}addr 172.31.0.219/32 dev eth1`,
      told: [
        { index: 2, id: 'eni-0', ipv4: ['172.31.15.216'], ipv6: ['fd00::1'] },
        { index: 3, id: 'eni-1', ipv4: ['172.31.0.9', '172.31.0.218'], ipv6: ['fd00::9'] },
      ],
      finds: [
        {
          id: 'address-not-of-the-vpc',
          evidence: ['addresses of 02:00:00:00:00:03 as the instance metadata lists them'],
          cure: 'ip address del fd00::2/64 dev eth1; ip address del 172.31.0.219/32 dev eth1, or: aws ec2 assign-private-ip-addresses --network-interface-id eni-1 --private-ip-addresses 172.31.0.219; aws ec2 assign-ipv6-addresses --network-interface-id eni-1 --ipv6-addresses fd00::2',
        },
        {
          id: 'address-not-configured',
          evidence: ['addresses of 02:00:00:00:00:03 as the instance metadata lists them'],
          cure: 'ip address add 172.31.0.9/32 dev eth1; ip address add fd00::9/128 dev eth1, and the same where the interface is configured',
        },
      ],
    },
    {
      name: 'lists an address that is there on the other ENI',
      kernel: `${twoEnis}addr 172.31.15.216/24 dev eth1`,
      told: [{ index: 3, ipv4: ['172.31.0.218'] }],
      finds: [
        {
          id: 'conflict',
          evidence: ['address 172.31.15.216'],
          cure: 'ip address del 172.31.15.216 dev eth1, if the VPC gave it to eth0',
        },
        {
          id: 'prefix-length',
          evidence: ['address 172.31.15.216/20 dev eth0', 'address 172.31.15.216/24 dev eth1'],
          cure: 'give both the length of their subnet, for instance: ip address add 172.31.15.216/20 dev eth1; ip address del 172.31.15.216/24 dev eth1, and the same where the interface is configured',
        },
        {
          id: 'address-not-of-the-vpc',
          evidence: ['addresses of 02:00:00:00:00:03 as the instance metadata lists them'],
          cure: "ip address del 172.31.15.216/24 dev eth1, or: aws ec2 assign-private-ip-addresses --network-interface-id $(aws ec2 describe-network-interfaces --filters Name=mac-address,Values=02:00:00:00:00:03 --query 'NetworkInterfaces[].NetworkInterfaceId' --output text) --private-ip-addresses 172.31.15.216",
        },
      ],
    },
    {
      name: 'lists an address of an ENI that has a link-local one alone, which is told as a whole',
      kernel: `${twoEnis}link eth2 driver ena\naddr fe80::9/64 dev eth2`,
      told: [{ index: 4, ipv4: ['172.31.0.9'] }],
      finds: [named('interface-bare')],
    },
  ])('$name', expectExactly)
})
