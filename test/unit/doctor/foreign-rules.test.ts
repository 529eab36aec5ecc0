import { describe, expect, test } from 'vitest'
import { expectExactly, type Found, type Row, twoEnis } from '../../support/doctor.ts'

/** A rule by hand as it is typed, and as it is shown. */
const shown = (rule: string) => `ip rule ${rule} protocol 3`
const deleting = (rule: string) => `ip rule del ${rule} protocol 3`
const route = (text: string, scope = '') => `ip route ${text} protocol 3${scope}`.replace('protocol', 'proto')

const ruleOf = (address: string, priority = 9, number = 101) => `priority ${priority} from ${address} lookup ${number}`
const eth1 = ruleOf('172.31.0.218')
const byHand = (rule: string) => `rule ${rule}\n`
const subnet = 'route 172.31.0.0/20 dev eth1 table 101\n'
const throughRouter = 'route default via 172.31.0.1 dev eth1 table 101\n'
const complete = `${subnet}${throughRouter}`
const ours = 'rule priority 20001 from 172.31.0.218 lookup 20001 protocol 213\n'
const ours6 = 'rule priority 20001 from fd00::2 lookup 20001 protocol 213\n'
const ipv6 = 'addr fd00::1/64 dev eth0\naddr fd00::2/64 dev eth1\n'

const addDefault = 'ip route add default via 172.31.0.1 dev eth1 table 101'
const replaceDefault = 'ip route replace default via 172.31.0.1 dev eth1 table 101'
const shownSubnet = route('172.31.0.0/20 dev eth1 table 101', ' scope link')

describe('tables by hand:', () => {
  test.each<Row>([
    { name: 'a right one', kernel: twoEnis + complete + byHand(eth1), finds: [] },
    {
      name: 'an empty one, while nothing of ours stands',
      kernel: twoEnis + byHand(eth1),
      finds: [{ id: 'table-empty', evidence: [shown(eth1)], cure: `${addDefault}, or: ${deleting(eth1)}` }],
    },
    {
      name: 'an empty one, in front of ours',
      kernel: twoEnis + ours + byHand(eth1),
      finds: [
        { id: 'table-empty', evidence: [shown(eth1)], cure: `${deleting(eth1)}, or: ${addDefault}` },
        { id: 'rule-in-front', evidence: [shown(eth1)], cure: deleting(eth1) },
      ],
    },
    {
      name: 'an empty one, and rules of ours for the other family alone',
      kernel: twoEnis + ipv6 + ours6 + byHand(eth1),
      finds: [{ id: 'table-empty', evidence: [shown(eth1)], cure: `${addDefault}, or: ${deleting(eth1)}` }],
    },
    {
      name: 'an empty one, for a whole prefix, is one finding',
      kernel: twoEnis + byHand(ruleOf('172.31.0.0/20')),
      finds: [
        {
          id: 'table-empty',
          evidence: [shown(ruleOf('172.31.0.0/20'))],
          cure: `ip route add default via 172.31.0.1 dev eth0 table 101, or: ${deleting(ruleOf('172.31.0.0/20'))}`,
        },
      ],
    },
    {
      name: 'one through another interface, beside routes of a third and of none',
      kernel: `${twoEnis}link wg0 type wireguard\n${subnet}route 10.0.0.0/8 dev eth0 table 101\nroute default dev wg0 metric 9 table 101\nroute default via 172.31.0.1 dev eth0 table 101\n${byHand(eth1)}`,
      finds: [
        {
          id: 'table-wrong-interface',
          evidence: [shown(eth1), route('default via 172.31.0.1 dev eth0 table 101')],
          cure: `${replaceDefault}, or: ${deleting(eth1)}`,
        },
      ],
    },
    {
      name: 'one through both interfaces',
      kernel: `${twoEnis}${subnet}route default table 101 nexthop via 172.31.0.1 dev eth1 nexthop via 172.31.0.1 dev eth0\n${byHand(eth1)}`,
      finds: [
        {
          id: 'table-wrong-interface',
          evidence: [
            shown(eth1),
            'ip route default table 101 proto 3 nexthop via 172.31.0.1 dev eth1 weight 1 nexthop via 172.31.0.1 dev eth0 weight 1',
          ],
          cure: `${replaceDefault}, or: ${deleting(eth1)}`,
        },
      ],
    },
    {
      name: 'one without a default, with a router of its own',
      kernel: `${twoEnis}${subnet}route 10.0.0.0/8 via 172.31.0.1 dev eth1 table 101\n${byHand(eth1)}`,
      finds: [
        {
          id: 'table-without-default',
          evidence: [shown(eth1), shownSubnet, route('10.0.0.0/8 via 172.31.0.1 dev eth1 table 101')],
          cure: `${addDefault}, or: ${deleting(eth1)}`,
        },
      ],
    },
    {
      name: 'one without a default, that refuses some of the rest',
      kernel: `${twoEnis}${subnet}route unreachable 10.0.0.0/8 table 101\n${byHand(eth1)}`,
      finds: [
        {
          id: 'table-without-default',
          evidence: [shown(eth1), shownSubnet, route('unreachable 10.0.0.0/8 table 101')],
          cure: `${addDefault}, or: ${deleting(eth1)}`,
        },
      ],
    },
    {
      name: 'one that refuses all of the rest',
      kernel: `${twoEnis}${subnet}route unreachable default table 101\n${byHand(eth1)}`,
      finds: [],
    },
    {
      name: 'one whose default is in halves',
      kernel: `${twoEnis}${subnet}route 0.0.0.0/1 via 172.31.0.1 dev eth1 table 101\nroute 128.0.0.0/1 via 172.31.0.1 dev eth1 table 101\n${byHand(eth1)}`,
      finds: [],
    },
    {
      name: 'one without the subnet, but with routes that look alike',
      kernel: `${twoEnis}link wg0 type wireguard\n${throughRouter}route 172.31.0.0/16 via 172.31.0.1 dev eth1 table 101\nroute 172.31.0.0/20 dev wg0 table 101\nroute 10.0.0.0/8 dev eth1 table 101\n${byHand(eth1)}`,
      finds: [
        {
          id: 'table-without-subnet',
          evidence: [
            shown(eth1),
            route('default via 172.31.0.1 dev eth1 table 101'),
            route('172.31.0.0/16 via 172.31.0.1 dev eth1 table 101'),
            route('172.31.0.0/20 dev wg0 table 101', ' scope link'),
          ],
          cure: `ip route add 172.31.0.0/20 scope link src 172.31.0.218 dev eth1 table 101, or: ${deleting(eth1)}`,
        },
      ],
    },
    {
      name: 'one without the subnet, of an address that has none',
      kernel: `${twoEnis}addr 172.31.0.219/32 dev eth1\n${throughRouter}${byHand(ruleOf('172.31.0.219'))}`,
      finds: [],
    },
    {
      name: 'one without the subnet of its second address',
      kernel: `${twoEnis}addr 10.9.0.2/24 dev eth1\n${throughRouter}${byHand(ruleOf('10.9.0.2'))}`,
      finds: [
        {
          id: 'table-without-subnet',
          evidence: [shown(ruleOf('10.9.0.2')), route('default via 172.31.0.1 dev eth1 table 101')],
          cure: `ip route add 10.9.0.0/24 scope link src 10.9.0.2 dev eth1 table 101, or: ${deleting(ruleOf('10.9.0.2'))}`,
        },
      ],
    },
    {
      name: 'one without the subnet, in IPv6',
      kernel: `${twoEnis}${ipv6}-6 route default via fe80::1 dev eth1 table 101\n${byHand(ruleOf('fd00::2'))}`,
      finds: [
        {
          id: 'table-without-subnet',
          evidence: [
            `ip -6 rule ${ruleOf('fd00::2')} protocol 3`,
            'ip -6 route default via fe80::1 dev eth1 table 101 proto 3 metric 1024',
          ],
          cure: `ip -6 route add fd00::/64 src fd00::2 dev eth1 table 101, or: ip -6 rule del ${ruleOf('fd00::2')} protocol 3`,
        },
      ],
    },
    {
      name: 'one without a router, beside another route without',
      kernel: `${twoEnis}${subnet}route default dev eth1 table 101\n${byHand(eth1)}`,
      finds: [
        {
          id: 'table-without-router',
          evidence: [shown(eth1), route('default dev eth1 table 101', ' scope link')],
          cure: `${replaceDefault}, or: ${deleting(eth1)}`,
        },
      ],
    },
    {
      name: 'one whose router is in another subnet, beside routes by such a router',
      kernel: `${twoEnis}${subnet}route 10.0.0.0/8 via 172.31.16.1 dev eth1 table 101\nroute default via 172.31.16.2 dev eth1 table 101\n${byHand(eth1)}`,
      finds: [
        {
          id: 'router-outside',
          evidence: [shown(eth1), route('default via 172.31.16.2 dev eth1 table 101')],
          cure: `${replaceDefault}, or: ${deleting(eth1)}`,
        },
      ],
    },
    {
      name: 'one without the subnet, for a prefix, by the first of the addresses in it',
      kernel: `${twoEnis}addr 172.31.0.219/20 dev eth1\n${throughRouter}${byHand(ruleOf('172.31.0.192/26'))}`,
      finds: [
        {
          id: 'table-without-subnet',
          evidence: [shown(ruleOf('172.31.0.192/26')), route('default via 172.31.0.1 dev eth1 table 101')],
          cure: `ip route add 172.31.0.0/20 scope link src 172.31.0.218 dev eth1 table 101, or: ${deleting(ruleOf('172.31.0.192/26'))}`,
        },
      ],
    },
    {
      name: 'one whose router is in another subnet, beside a way by a VPN',
      kernel: `${twoEnis}link wg0 type wireguard\n${subnet}route default table 101 nexthop via 172.31.16.1 dev eth1 nexthop dev wg0\n${byHand(eth1)}`,
      finds: [
        {
          id: 'router-outside',
          evidence: [
            shown(eth1),
            'ip route default table 101 proto 3 nexthop via 172.31.16.1 dev eth1 weight 1 nexthop dev wg0 weight 1',
          ],
          cure: `${replaceDefault}, or: ${deleting(eth1)}`,
        },
      ],
    },
    {
      name: 'one without a router, beside a way by a VPN',
      kernel: `${twoEnis}link wg0 type wireguard\n${subnet}route default table 101 nexthop dev eth1 nexthop dev wg0\n${byHand(eth1)}`,
      finds: [
        {
          id: 'table-without-router',
          evidence: [
            shown(eth1),
            'ip route default table 101 proto 3 nexthop dev eth1 weight 1 nexthop dev wg0 weight 1',
          ],
          cure: `${replaceDefault}, or: ${deleting(eth1)}`,
        },
      ],
    },
    {
      name: 'one with the subnet by two ways',
      kernel: `${twoEnis}link wg0 type wireguard\n${throughRouter}route 172.31.0.0/20 table 101 nexthop dev eth1 nexthop dev wg0\n${byHand(eth1)}`,
      finds: [],
    },
    {
      name: 'one that is wrong twice, behind ours: one finding',
      kernel: `${twoEnis + ours + byHand(ruleOf('172.31.0.218', 32_000))}route default dev eth1 table 101\n`,
      finds: [
        {
          id: 'table-without-subnet',
          evidence: [shown(ruleOf('172.31.0.218', 32_000)), route('default dev eth1 table 101', ' scope link')],
          cure: deleting(ruleOf('172.31.0.218', 32_000)),
        },
      ],
    },
  ])('$name', expectExactly)
})

/** A table without a default, by which the router shows that is proposed. */
describe('the router that is proposed:', () => {
  const lacking = (family: 4 | 6, router: string, kernel: string): Pick<Row, 'kernel' | 'finds'> => {
    const rule = ruleOf(family === 4 ? '172.31.0.218' : 'fd00::2')
    const ip = family === 4 ? 'ip' : 'ip -6'
    return {
      kernel: `${kernel}${byHand(rule)}`,
      finds: [
        {
          id: 'table-empty',
          evidence: [`${ip} rule ${rule} protocol 3`],
          cure: `${ip} route add default via ${router} dev eth1 table 101, or: ${ip} rule del ${rule} protocol 3`,
        },
      ],
    }
  }
  const links =
    'link eth0 driver ena\nlink eth1 driver ena\naddr 172.31.15.216/20 dev eth0\naddr 172.31.0.218/20 dev eth1\n'
  test.each<Row>([
    {
      name: "the ENI's own",
      ...lacking(
        4,
        '172.31.0.7',
        `${links}route default via 172.31.0.7 dev eth1 metric 5\nroute default via 172.31.0.1 dev eth0\n`,
      ),
    },
    {
      name: 'that of another ENI of the subnet',
      ...lacking(4, '172.31.0.9', `${links}route default via 172.31.0.9 dev eth0\n`),
    },
    {
      name: "that of another ENI of the subnet, where the ENI's own is outside",
      kernel: `${links}route default via 172.31.0.9 dev eth0\nroute default via 172.32.0.1 dev eth1 metric 9\n`,
      finds: [
        {
          id: 'router-outside',
          evidence: [
            route('default via 172.32.0.1 dev eth1 table main').concat(' metric 9'),
            'address 172.31.0.218/20 dev eth1',
          ],
          cure: 'ip route add default via 172.31.0.9 dev eth1 metric 10; ip route del default via 172.32.0.1 dev eth1 table main proto 3 metric 9',
        },
      ],
    },
    {
      name: 'the first address of the subnet',
      ...lacking(
        4,
        '172.31.0.1',
        `${links.replace('172.31.15.216/20', '10.0.0.2/24')}route default via 10.0.0.1 dev eth0\n`,
      ),
    },
    {
      name: 'nobody knows it, where there is no subnet',
      kernel: `${links.replace('172.31.0.218/20', '172.31.0.218/32')}${byHand(eth1)}`,
      finds: [
        expect.objectContaining({ id: 'no-router', evidence: ['link eth1'] }) as never,
        {
          id: 'table-empty',
          evidence: [shown(eth1)],
          cure: `ip route add default via ROUTER dev eth1 table 101, or: ${deleting(eth1)}`,
        },
      ],
    },
    ...(['10.1.0.9', 'fd00::2'] as const).map(
      (address): Row => ({
        name: `of ${address} off EC2, where main knows none`,
        kernel: `link eth0 type veth\nlink eth1 type veth\naddr 10.0.0.2/24 dev eth0\nroute default via 10.0.0.1 dev eth0\naddr ${address}/${address.includes(':') ? 64 : 24} dev eth1\n${byHand(ruleOf(address))}`,
        toml: 'interfaces.include = ["eth*"]',
        finds: [
          expect.objectContaining({ id: 'no-router', evidence: ['link eth1'] }) as never,
          expect.objectContaining({
            id: 'table-empty',
            cure: expect.stringContaining(
              `default via ${address.includes(':') ? 'ROUTER' : '10.1.0.1'} dev eth1 table 101`,
            ),
          }) as never,
        ],
      }),
    ),
    {
      name: 'in IPv6 the one that main has',
      ...lacking(6, 'fe80::9', `${twoEnis}${ipv6}-6 route default via fe80::9 dev eth1\n`),
    },
    {
      name: 'in IPv6 without a default nobody knows it, but EC2',
      kernel: `${twoEnis}${ipv6}${byHand(ruleOf('fd00::2'))}`,
      finds: [
        {
          id: 'table-empty',
          evidence: [`ip -6 rule ${ruleOf('fd00::2')} protocol 3`],
          cure: `ip -6 route add default via fe80:ec2::1 dev eth1 table 101, or: ip -6 rule del ${ruleOf('fd00::2')} protocol 3`,
        },
      ],
    },
  ])('$name', expectExactly)
})

describe('a router outside every subnet', () => {
  const far = twoEnis.replace('172.31.0.1 dev eth1', '172.32.0.1 dev eth1')
  const vpn = 'link wg0 type wireguard\n'
  const found: Found = {
    id: 'router-outside',
    evidence: [`${route('default via 172.32.0.1 dev eth1 table main')} metric 200`, 'address 172.31.0.218/20 dev eth1'],
    cure: 'ip route add default via 172.31.0.1 dev eth1 metric 201; ip route del default via 172.32.0.1 dev eth1 table main proto 3 metric 200',
  }
  test.each<Row>([
    { name: 'and behind another link', kernel: `${far}${vpn}route 172.32.0.0/16 dev wg0`, finds: [found] },
    { name: 'and behind a router', kernel: `${far}route 172.32.0.0/16 via 172.31.0.1 dev eth1`, finds: [found] },
    {
      name: 'that is a neighbour by one of two ways',
      kernel: `${far}${vpn}route 172.32.0.1 nexthop dev eth1 nexthop dev wg0`,
      finds: [],
    },
    { name: 'but the second', kernel: `${far}addr 172.32.0.9/24 dev eth1 noprefixroute`, finds: [] },
  ])('$name', expectExactly)
})

describe('rules of others:', () => {
  const one = (id: string, rule: string, more: Partial<Found> = {}): Found => ({
    id,
    evidence: [shown(rule)],
    cure: deleting(rule),
    ...more,
  })
  const partial = (rule: string): Found => ({
    id: 'rule-partial',
    evidence: [shown(rule), route('default via 172.31.0.1 dev eth1 table 101')],
    cure: `add "from ADDRESS" of eth1 to that rule, or: ${deleting(rule)}`,
  })
  const byPort = (priority: number) => `priority ${priority} from all ipproto 6 dport 25-25 lookup 101`
  test.each<Row>([
    {
      name: 'none but our own',
      kernel: twoEnis + ours,
      finds: [],
    },
    {
      name: 'one by port, that leads through one ENI',
      kernel: twoEnis + complete + byHand(byPort(9)),
      finds: [partial(byPort(9))],
    },
    { name: 'one by port, behind ours', kernel: twoEnis + ours + complete + byHand(byPort(32_000)), finds: [] },
    {
      name: 'one by port, where there is one ENI',
      kernel: `link eth1 driver ena\naddr 172.31.0.218/20 dev eth1\nroute default via 172.31.0.1 dev eth1\n${complete}${byHand(byPort(9))}`,
      finds: [],
    },
    {
      name: 'one for an address that no interface has, in main',
      kernel: twoEnis + byHand('priority 9 from 172.31.0.228 lookup main'),
      finds: [one('rule-without-address', 'priority 9 from 172.31.0.228 lookup main')],
    },
    {
      name: 'the same, of what comes in, and of all but it',
      kernel: `${twoEnis}${byHand('priority 9 from 172.31.0.228 iif lo lookup main')}${byHand('priority 10 not from 172.31.0.228 lookup main')}`,
      finds: [],
    },
    {
      name: 'one for an address behind an ENI and a VPN',
      kernel: `${twoEnis}link wg0 type wireguard\nroute 10.7.0.0/16 nexthop dev eth0 nexthop dev wg0\n${byHand('priority 9 from 10.7.0.9 lookup main')}`,
      finds: [],
    },
    {
      name: 'one to an own address that asks main',
      kernel: twoEnis + byHand('priority 9 to 172.31.0.218 lookup main'),
      finds: [],
    },
    {
      name: 'one for what comes in by no ENI, on a host that does not forward',
      kernel: `${twoEnis}link wg0 type wireguard\n${byHand('priority 9 iif wg0 lookup 300')}`,
      files: { 'proc/sys/net/ipv4/ip_forward': '0\n' },
      finds: [],
    },
    {
      name: 'one in front of ours, for one address',
      kernel: twoEnis + ours + complete + byHand(eth1),
      finds: [one('rule-in-front', eth1)],
    },
    {
      name: 'one behind the place of ours, and the rules of ours are of the other family',
      kernel: twoEnis + ipv6 + ours6 + complete + byHand(ruleOf('172.31.0.218', 32_000)),
      finds: [],
    },
    {
      name: 'one behind the place of ours, and ours that stands is by device',
      kernel: `${twoEnis}rule priority 20002 oif eth1 lookup 20001 protocol 213\n${complete}${byHand(ruleOf('172.31.0.218', 32_000))}`,
      finds: [one('rule-in-front', ruleOf('172.31.0.218', 32_000))],
    },
    {
      name: 'one for an address whose detection failed, which sends nothing',
      kernel: `${twoEnis}addr fd00::1/64 dev eth0\naddr fd00::2/64 dev eth1 tentative dadfailed\n${byHand(ruleOf('fd00::2'))}`,
      finds: [
        {
          id: 'duplicate-address',
          evidence: ['address fd00::2/64 dev eth1 dadfailed'],
          cure: 'ip -6 address del fd00::2/64 dev eth1',
        },
      ],
    },
    {
      name: 'one that is there twice',
      kernel: twoEnis + byHand('priority 9 fwmark 7 lookup 300') + byHand('priority 10 fwmark 7 lookup 300'),
      finds: [
        {
          id: 'rule-doubled',
          evidence: ['priority 9', 'priority 10'].map((p) => shown(`${p} from all fwmark 0x7 lookup 300`)),
          cure: deleting('priority 10 from all fwmark 0x7 lookup 300'),
        },
      ],
    },
  ])('$name', expectExactly)
})

describe('rules in files:', () => {
  const found = (...evidence: string[]): Found => ({
    id: 'rules-in-files',
    evidence,
    cure: 'take these lines out: the daemon makes the rules that are needed',
  })
  const rc = (text: string) => ({ files: { 'etc/rc.local': `#!/bin/sh\n${text}\n` } })
  test.each<Row>([
    {
      name: 'of an own address',
      ...rc('ip rule add from 172.31.0.218 lookup 101'),
      finds: [found('/etc/rc.local:2: ip rule add from 172.31.0.218 lookup 101')],
    },
    {
      name: 'of an address of the second subnet of an ENI',
      kernel: `${twoEnis}addr 10.9.0.2/24 dev eth1`,
      ...rc('ip rule add from 10.9.0.3 lookup 101'),
      finds: [found('/etc/rc.local:2: ip rule add from 10.9.0.3 lookup 101')],
    },
    {
      name: 'of an address that stands in a variable, in a script that nobody runs for interfaces',
      ...rc('ip rule add from "$ADDRESS" lookup 101'),
      finds: [],
    },
    {
      name: 'where the kernel can not be seen',
      ...rc('ip rule add from 172.31.0.218 lookup 101'),
      other: { kernel: undefined },
      finds: [],
    },
  ])('$name', expectExactly)
})
