import { setTimeout as sleep } from 'node:timers/promises'
import { bare, linkLocalOf, macOf } from '../../src/lab/addressing.ts'
import { monotonicMs } from '../../src/lab/agent.ts'
import { plugCommands } from '../../src/lab/eni.ts'
import type { Fault, Step } from './faults-run.ts'
import type { Stage } from './faults-stage.ts'
import type { GoldenEni } from './golden.ts'

/** Quick faults are tried often. */
const quick = { ci: 3, full: 50 }
const slow = { ci: 1, full: 10 }

/** Words of which the rows are made. */
const ip4 = '172.31.0.218'
const ip6 = 'fd00:ec2:0:a::218'
const routerOf = (subnet: 'a' | 'b') => linkLocalOf(macOf('0a:00:00', subnet === 'a' ? 1 : 2))
const default4 = `route replace default via 172.31.0.1 dev eth1 metric 101 proto dhcp src ${ip4}`
const default6 = `-6 route replace default via ${routerOf('a')} dev eth1 metric 101 proto ra`
const address6 = `-6 address add ${ip6}/64 dev eth1 nodad`
const sourceRule = `rule 4 priority 20001 from ${ip4} lookup 20001 protocol 213`

const otherDefaults = [
  'route add default via 172.31.0.1 dev eth0 metric 100 proto dhcp src 172.31.15.216',
  'route add default via 172.31.16.1 dev eth2 metric 102 proto dhcp src 172.31.16.217',
  `-6 route add default via ${routerOf('a')} dev eth0 metric 100 proto ra`,
  `-6 route add default via ${routerOf('b')} dev eth2 metric 102 proto ra`,
]

type Differing = Parameters<Stage['golden']>[0]

const types =
  (...commands: string[]) =>
  (stage: Stage): Promise<void> =>
    stage.type(...commands)

/** A step of typed commands, after which eth0, eth1 or eth2 differ from how they were attached. */
const step = (commands: readonly string[], differing: Differing = {}): Step => ({
  act: types(...commands),
  expected: (stage) => stage.golden(differing),
})

/** Commands after which all has to be as before. */
const typed = (name: string, ...commands: string[]): Fault => ({ name, steps: [step(commands)], tries: quick })

const harmless = (name: string, ...steps: Step[]): Fault => ({ name, steps, tries: quick, harmless: true })

const kernelRules = [
  'rule add priority 32766 lookup main protocol kernel',
  'rule add priority 32767 lookup default protocol kernel',
]

const deletedOrChanged: readonly Fault[] = [
  typed('a rule to main is deleted', `rule del priority 20000 from ${ip4}`),
  typed('a rule to the table is deleted', `rule del priority 20001 from ${ip4}`),
  typed('a rule of the device is deleted', 'rule del priority 20002 oif eth1'),
  typed(
    'the IPv6 rules of an ENI are deleted',
    `-6 rule del priority 20000 from ${ip6}`,
    `-6 rule del priority 20001 from ${ip6}`,
    '-6 rule del priority 20002 oif eth1',
  ),
  typed(
    'a rule points to another table',
    `rule del priority 20001 from ${ip4}`,
    `rule add priority 20001 from ${ip4} lookup 20000 protocol 213`,
  ),
  typed(
    'a rule to main does not suppress the ENIs any more',
    `rule del priority 20000 from ${ip4}`,
    `rule add priority 20000 from ${ip4} lookup main suppress_prefixlength 1 protocol 213`,
  ),
  typed(
    'a rule moves within our priorities',
    `rule del priority 20001 from ${ip4}`,
    `rule add priority 20007 from ${ip4} lookup 20001 protocol 213`,
  ),
  typed(
    'a rule for nobody appears under our protocol',
    'rule add priority 20001 from 172.31.9.9 lookup 20001 protocol 213',
  ),
  {
    name: 'a rule is duplicated',
    steps: [{ act: async (stage) => void (await stage.foe.ask('duplicate', { line: sourceRule })) }],
    tries: quick,
  },
  {
    name: 'a rule is deleted, and its foreign twin stays',
    steps: [
      step([
        `rule add priority 20001 from ${ip4} lookup 20001 protocol static`,
        `rule del priority 20001 from ${ip4} lookup 20001 protocol 213`,
      ]),
      step([`rule del priority 20001 from ${ip4} lookup 20001 protocol static`]),
    ],
    tries: quick,
  },
  {
    name: 'all rules are flushed, IPv4, and the main ones typed again',
    steps: [
      {
        act: async (stage) => {
          await stage.type('rule flush', ...kernelRules)
          await stage.replant('rule')
        },
      },
    ],
    tries: quick,
  },
  {
    name: 'all rules are flushed, IPv6, and the main one typed again',
    steps: [
      {
        act: async (stage) => {
          await stage.type('-6 rule flush', `-6 ${kernelRules[0]}`)
          await stage.replant('-6 rule')
        },
      },
    ],
    tries: quick,
  },
  typed('an on-link route is deleted', 'route del 172.31.0.0/20 dev eth1 table 20001'),
  typed('a default is deleted', 'route del default table 20001'),
  typed(
    'the IPv6 routes of a table are deleted one by one',
    '-6 route del default table 20001',
    '-6 route del fd00:ec2:0:a::/64 table 20001',
    '-6 route del fe80::/64 table 20001',
  ),
  typed('a default leads to another router', 'route replace default via 172.31.0.10 dev eth1 table 20001 proto 213'),
  typed(
    'an IPv6 default leads to another router',
    '-6 route replace default via fe80::bad dev eth1 table 20001 proto 213',
  ),
  typed('a default becomes a multipath route', `-6 route append default via fe80::bad dev eth1 table 20001 proto 213`),
  typed('a default leads through another ENI', 'route replace default via 172.31.0.1 dev eth0 table 20001 proto 213'),
  typed('a default gets another protocol', 'route replace default via 172.31.0.1 dev eth1 table 20001 proto static'),
  typed('a default becomes a black hole', 'route replace blackhole default table 20001 proto static'),
  typed('an on-link route loses its source', 'route replace 172.31.0.0/20 dev eth1 scope link table 20001 proto 213'),
  typed('a default has a twin behind it', 'route append default via 172.31.0.10 dev eth1 table 20001 proto 213'),
  {
    name: 'a foreign route stands in front of a default',
    steps: [
      {
        act: types('route prepend default via 172.31.0.10 dev eth1 table 20001 proto static'),
        gone: ['route 4 default via 172.31.0.10 dev eth1 table 20001 proto 4'],
      },
    ],
    tries: quick,
  },
  typed(
    'a route to nowhere appears under our protocol',
    'route add 10.1.0.0/16 via 172.31.0.9 dev eth1 table 20001 proto 213',
  ),
  typed('a route appears in a table of ours that no ENI has', 'route add blackhole 10.1.0.0/16 table 20777 proto 213'),
  {
    name: 'a default goes with its nexthop object',
    steps: [
      step([
        'nexthop add id 77 via 172.31.0.1 dev eth1',
        'route replace default nhid 77 table 20001 proto static',
        'nexthop del id 77',
      ]),
    ],
    tries: quick,
  },
  typed('a table is flushed', 'route flush table 20001', '-6 route flush table 20001'),
  typed(
    'everything of an ENI is taken away at once',
    `rule del priority 20000 from ${ip4}`,
    `rule del priority 20001 from ${ip4}`,
    'rule del priority 20002 oif eth1',
    'route flush table 20001',
    'link set dev eth1 group 0',
  ),
  typed('the link group of an ENI is reset', 'link set dev eth1 group 0'),
  {
    name: 'an ENI gets the link group of somebody else for a while',
    steps: [
      { act: types('link set dev eth1 group 9'), expected: (stage) => withoutGroup(stage.golden(), 'eth1') },
      step(['link set dev eth1 group 0']),
    ],
    tries: quick,
  },
]

const withoutGroup = (lines: readonly string[], name: string) =>
  lines.filter((line) => !line.startsWith(`link ${name} `))

/** What an ENI is when its link went down and came up: static IPv6 addresses do not return by themselves. */
const upAgain = ['link set dev eth1 up', default4, address6, default6]

const linksAndAddresses: readonly Fault[] = [
  {
    name: 'a link goes down and comes up',
    steps: [step(['link set dev eth1 down'], { eth1: { addresses: [`${ip4}/20`], down: true } }), step(upAgain)],
    tries: quick,
  },
  {
    name: 'a link goes down and up in one go',
    steps: [step(['link set dev eth1 down', ...upAgain])],
    tries: quick,
  },
  harmless('a link loses its carrier and gets it back', {
    act: async ({ vpc }) => {
      await vpc.topology.fabric.ip('link set dev eth1 down')
      await sleep(50)
      await vpc.topology.fabric.ip('link set dev eth1 up')
    },
  }),
  {
    name: 'the last IPv4 address is removed and added again',
    steps: [
      step([`address del ${ip4}/20 dev eth1`], { eth1: { addresses: [`${ip6}/64`] } }),
      step([`address add ${ip4}/20 dev eth1`, default4]),
    ],
    tries: quick,
  },
  {
    name: 'the IPv6 address is removed and added again',
    steps: [step([`-6 address del ${ip6}/64 dev eth1`], { eth1: { addresses: [`${ip4}/20`] } }), step([address6])],
    tries: quick,
  },
  {
    name: 'all addresses are flushed and added again, as by ifdown and ifup',
    steps: [
      step(['address flush dev eth1'], { eth1: { addresses: [] } }),
      step([`address add ${ip4}/20 dev eth1`, default4, address6, default6]),
    ],
    tries: quick,
  },
  {
    name: 'a primary address is removed, and its secondary promoted',
    prepare: promoting(1),
    steps: [
      step(['address add 172.31.0.219/20 dev eth1'], {
        eth1: { addresses: [`${ip4}/20`, '172.31.0.219/20', `${ip6}/64`] },
      }),
      step([`address del ${ip4}/20 dev eth1`], { eth1: { addresses: ['172.31.0.219/20', `${ip6}/64`] } }),
      step([`address add ${ip4}/20 dev eth1`], { eth1: { addresses: ['172.31.0.219/20', `${ip4}/20`, `${ip6}/64`] } }),
      step(['address del 172.31.0.219/20 dev eth1', default4]),
    ],
    tries: quick,
  },
  {
    name: 'a primary address is removed, and its secondaries go with it',
    prepare: promoting(0),
    steps: [
      step(['address add 172.31.0.219/20 dev eth1'], {
        eth1: { addresses: [`${ip4}/20`, '172.31.0.219/20', `${ip6}/64`] },
      }),
      step([`address del ${ip4}/20 dev eth1`], { eth1: { addresses: [`${ip6}/64`] } }),
      step([`address add ${ip4}/20 dev eth1`, default4]),
    ],
    tries: quick,
  },
  {
    name: 'an address gets a longer prefix',
    steps: [
      step([`address add ${ip4}/24 dev eth1`, `address del ${ip4}/20 dev eth1`, default4], {
        eth1: { addresses: [`${ip4}/24`, `${ip6}/64`] },
      }),
      step([`address add ${ip4}/20 dev eth1`, `address del ${ip4}/24 dev eth1`, default4]),
    ],
    tries: quick,
  },
  {
    name: 'a link is renamed while it is up',
    steps: [step(['link set dev eth1 name ens9'], { eth1: { name: 'ens9' } }), step(['link set dev ens9 name eth1'])],
    tries: quick,
  },
  harmless(
    'the MAC address changes',
    step(['link set dev eth1 address 02:00:00:00:99:99']),
    step([`link set dev eth1 address ${macOf('02:00:00', 2)}`]),
  ),
  {
    name: 'another ENI takes the place and the name of one',
    steps: [
      {
        act: async ({ vpc }) => {
          await vpc.detach('eth1')
          const addresses = ['172.31.0.230/20', 'fd00:ec2:0:a::230/64']
          await vpc.attach({ name: 'eth1', subnet: 'a', addresses, mac: '02:00:00:00:55:55', defaultMetric: 101 })
        },
        expected: (stage) => stage.golden({ eth1: { addresses: ['172.31.0.230/20', 'fd00:ec2:0:a::230/64'] } }),
      },
      {
        act: async ({ vpc }) => {
          await vpc.detach('eth1')
          const addresses = [`${ip4}/20`, `${ip6}/64`]
          await vpc.attach({ name: 'eth1', subnet: 'a', addresses, mac: macOf('02:00:00', 2), defaultMetric: 101 })
        },
      },
    ],
    tries: { ci: 2, full: 20 },
  },
  {
    name: 'an ENI goes, and another one gets its ifindex',
    steps: [
      { act: (stage) => plugGuest(stage, 'eth7', 7), expected: (stage) => stage.golden({}, [guest(stage, 'eth7', 7)]) },
      {
        act: async (stage) => {
          await stage.type('link delete dev eth7')
          await plugGuest(stage, 'eth8', 8)
        },
        expected: (stage) => stage.golden({}, [guest(stage, 'eth8', 8)]),
      },
      step(['link delete dev eth8']),
    ],
    tries: quick,
  },
  {
    name: 'an IPv6 address passes duplicate address detection',
    vpc: { dad: true },
    steps: [
      step(['-6 address add fd00:ec2:0:a::221/64 dev eth1'], {
        eth1: { addresses: [`${ip4}/20`, `${ip6}/64`, 'fd00:ec2:0:a::221/64'] },
      }),
      step(['-6 address del fd00:ec2:0:a::221/64 dev eth1']),
    ],
    tries: { ci: 1, full: 10 },
  },
  {
    ...harmless('an IPv6 address fails duplicate address detection', {
      act: async (stage) => {
        // The client of the subnet has it.
        await stage.type('-6 address add fd00:ec2:0:a::a/64 dev eth1')
        await untilSaid(stage, '-6 -o address show dev eth1', 'fd00:ec2:0:a::a/.* dadfailed')
        await stage.type('-6 address del fd00:ec2:0:a::a/64 dev eth1')
      },
    }),
    vpc: { dad: true },
    tries: { ci: 1, full: 10 },
  },
  {
    name: 'an ENI gets a /32 address, its router a host route, and then its default route',
    steps: [
      {
        act: async (stage) => {
          await plugGuest(stage, 'eth7', 7, [])
          const route = 'dev eth7 metric 110'
          await stage.type(
            'address add 10.9.9.5/32 dev eth7',
            `route add 10.9.9.1 ${route}`,
            `route add default via 10.9.9.1 ${route}`,
          )
        },
        expected: (stage) =>
          stage.golden({}, [
            {
              ...{ name: 'eth7', table: 20003, addresses: ['10.9.9.5/32'], gateway4: '10.9.9.1' },
              more: ['4 10.9.9.1 dev eth7 table 20003 proto 213 scope link'],
            },
          ]),
      },
      step(['link delete dev eth7']),
    ],
    tries: quick,
  },
]

function promoting(value: 0 | 1) {
  return ({ vpc }: Stage) =>
    vpc.instance.sysctl({
      'net.ipv4.conf.all.promote_secondaries': value,
      'net.ipv4.conf.eth1.promote_secondaries': value,
    })
}

/** An ENI that nobody but the instance knows: its ifindex can be chosen. It is in no subnet of the others. */
const guestAddresses = (number: number) => [`10.9.${number}.5/24`, `fd09:0:0:${number}::5/64`]

async function plugGuest(
  stage: Stage,
  name: string,
  number: number,
  addresses = guestAddresses(number),
): Promise<void> {
  await stage.type(
    `link add name ${name} index 1777 address ${macOf('02:00:77', number)} type veth peer name port${number}`,
    `link set dev port${number} up`,
    `link set dev ${name} up`,
    ...addresses.map((address) => `address add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`),
    ...(addresses.length > 0 ? [`route add default via 10.9.${number}.1 dev ${name} metric 110`] : []),
  )
}

const guest = (_: Stage, name: string, number: number): GoldenEni => ({
  ...{ name, table: 20003, addresses: guestAddresses(number), gateway4: `10.9.${number}.1` },
})

async function untilSaid({ vpc }: Stage, command: string, pattern: string): Promise<void> {
  const end = monotonicMs() + 10_000
  while (!new RegExp(pattern).test(await vpc.instance.ip(command))) {
    if (monotonicMs() > end) throw new Error(`"ip ${command}" never said ${pattern}`)
    await sleep(10)
  }
}

const mainTable: readonly Fault[] = [
  {
    name: 'the router changes',
    steps: [
      step(['route replace default via 172.31.0.2 dev eth1 metric 101'], { eth1: { gateway4: '172.31.0.2' } }),
      step([default4]),
    ],
    tries: quick,
  },
  {
    name: 'the IPv6 router changes',
    steps: [
      step(['-6 route replace default via fe80::2 dev eth1 metric 101'], { eth1: { gateway6: 'fe80::2' } }),
      step([default6]),
    ],
    tries: quick,
  },
  {
    name: 'a better default appears beside the one, and goes',
    steps: [
      step(['route add default via 172.31.0.2 dev eth1 metric 50'], { eth1: { gateway4: '172.31.0.2' } }),
      step(['route del default via 172.31.0.2 dev eth1 metric 50']),
    ],
    tries: quick,
  },
  harmless(
    'the default of an ENI goes, and returns',
    step(['route del default dev eth1', '-6 route del default dev eth1']),
    step([default4, default6]),
  ),
  harmless(
    'every default goes, and returns',
    step(['route flush exact 0/0 table main', '-6 route flush exact ::/0 table main']),
    step([default4, default6, ...otherDefaults]),
  ),
  harmless(
    'main is emptied, and filled again',
    step(['route flush table main', '-6 route flush table main']),
    step([
      'route add 172.31.0.0/20 dev eth0 proto kernel scope link src 172.31.15.216',
      `route append 172.31.0.0/20 dev eth1 proto kernel scope link src ${ip4}`,
      'route add 172.31.16.0/20 dev eth2 proto kernel scope link src 172.31.16.217',
      'route add 10.77.0.0/24 dev fence proto kernel scope link src 10.77.0.1',
      'route add 10.93.0.0/16 dev fence',
      ...['eth0', 'eth1', 'eth2'].map((name) => `-6 route append fe80::/64 dev ${name} proto kernel metric 256`),
      ...['eth0', 'eth1'].map((name) => `-6 route append fd00:ec2:0:a::/64 dev ${name} proto kernel metric 256`),
      '-6 route add fd00:ec2:0:b::/64 dev eth2 proto kernel metric 256',
      default4,
      default6,
      ...otherDefaults,
    ]),
  ),
  {
    name: 'main gets a route through an ENI, and loses it',
    steps: [
      step(['route add 10.20.0.0/16 via 172.31.16.9 dev eth2'], {
        eth2: { more: ['4 10.20.0.0/16 via 172.31.16.9 dev eth2 table 20002 proto 213'] },
      }),
      step(['route del 10.20.0.0/16 dev eth2']),
    ],
    tries: quick,
  },
]

const programs: readonly Fault[] = [
  {
    name: 'the daemon is killed, a table is flushed, and it starts again',
    steps: [
      {
        act: async (stage) => {
          await stage.killDaemon()
          await stage.type('route flush table 20001', `rule del priority 20001 from ${ip4}`)
          return restart(stage)
        },
      },
    ],
    tries: { ci: 3, full: 50 },
  },
  {
    // The kernel carries out what was sent at once, up to 500 messages, whatever becomes of the sender: death falls
    // between two sends, before the first, or after the last.
    name: 'the daemon is killed in the midst of its work, and starts again',
    steps: [
      {
        act: async (stage, attempt) => {
          await plugGuest(stage, 'eth7', 7)
          await sleep(attempt % 6)
          await stage.killDaemon()
          return restart(stage)
        },
        expected: (stage) => stage.golden({}, [guest(stage, 'eth7', 7)]),
      },
      step(['link delete dev eth7']),
    ],
    tries: { ci: 3, full: 50 },
  },
  {
    ...harmless('the daemon is killed and started, again and again', {
      act: async (stage) => {
        await stage.killDaemon()
        await restart(stage)
      },
    }),
    tries: { ci: 5, full: 100 },
  },
  {
    name: 'the daemon is stopped (SIGSTOP) while much happens, and goes on',
    steps: [
      {
        act: async (stage) => {
          stage.daemon.process.kill('SIGSTOP')
          await stage.type(
            'route flush table 20001',
            `rule del priority 20001 from ${ip4}`,
            'link set dev eth2 group 0',
          )
          await sleep(100)
          return resume(stage)
        },
      },
    ],
    tries: quick,
  },
  {
    ...harmless('a second daemon is started beside it, and gives up', {
      act: async (stage) => {
        const second = stage.newDaemon()
        const code = await new Promise((resolve) => second.process.once('exit', resolve))
        if (code !== 75) throw new Error(`the second daemon ended with ${code}: ${second.account()}`)
      },
    }),
    tries: { ci: 2, full: 20 },
  },
  {
    name: 'a rule is deleted among 20,000 foreign rules and routes that come and go',
    steps: [
      {
        act: async (stage) => {
          const storm = stage.foe.ask('storm', { rules: 2000, routes: 8000, bursts: 1, pauseMs: 0 })
          await sleep(20)
          await stage.type(`rule del priority 20001 from ${ip4}`)
          await storm
        },
      },
    ],
    tries: slow,
  },
  {
    name: 'events overflow the buffer of a daemon that does not read them, and our objects go meanwhile',
    steps: [
      {
        act: async (stage) => {
          stage.daemon.process.kill('SIGSTOP')
          // 16 MiB of the queue, which the kernel doubles, hold some 40,000 events.
          await stage.foe.ask('storm', { rules: 2000, routes: 60_000, bursts: 1, pauseMs: 0 })
          await stage.type('route flush table 20001', `rule del priority 20001 from ${ip4}`)
          return resume(stage)
        },
      },
      {
        act: async (stage) => {
          if ((await stage.metric('eni_routed_overflows_total')) === 0) throw new Error('no event was lost')
        },
      },
    ],
    tries: slow,
  },
  {
    name: 'a rule is deleted while dumps are torn by others who write all the time',
    steps: [
      {
        act: async (stage) => {
          const storm = stage.foe.ask('storm', { rules: 400, routes: 100, bursts: 40, pauseMs: 1 })
          await sleep(50)
          await stage.type(`rule del priority 20001 from ${ip4}`, 'route del default table 20001')
          await storm
        },
      },
    ],
    tries: { ci: 2, full: 20 },
  },
  {
    alone: true,
    name: 'another program deletes a rule of ours as often as it returns, for two seconds',
    steps: [{ act: async (stage) => (await stage.foe.ask('fight', { line: sourceRule, forMs: 2000 })).lastAt }],
    tries: { ci: 1, full: 10 },
  },
]

const restart = async (stage: Stage): Promise<number> => {
  const startedAt = monotonicMs()
  stage.daemon = stage.newDaemon()
  await stage.daemon.ready()
  return startedAt
}

function resume({ daemon }: Stage): number {
  const at = monotonicMs()
  daemon.process.kill('SIGCONT')
  return at
}

/** With the three that are there already more than any instance type has on one card. */
const crowd = Array.from({ length: 15 }, (_, index) => index + 3)
const crowdAddresses = (number: number) => [`172.31.${number - 3}.77/20`, `fd00:ec2:0:a::7:${number}/64`]

const enisComeAndGo: readonly Fault[] = [
  {
    name: 'fifteen ENIs are attached at the same moment, and detached',
    steps: [
      {
        act: async (stage) => {
          const { topology } = stage.vpc
          const enis = crowd.map((number) => ({
            ...{ name: `eth${number}`, subnet: stage.vpc.subnet('a'), mac: macOf('02:00:66', number) },
            ...{ addresses: crowdAddresses(number), defaultMetric: 100 + number },
          }))
          await topology.fabric.batch(enis.flatMap((eni) => plugCommands(eni, topology.instance.name)))
          await stage.type(
            ...enis.flatMap(({ name, addresses, defaultMetric }) => [
              `link set dev ${name} up`,
              `address add ${addresses[0]} dev ${name}`,
              `address add ${addresses[1]} dev ${name} nodad`,
              `route add default via 172.31.0.1 dev ${name} metric ${defaultMetric}`,
            ]),
          )
        },
        expected: (stage) =>
          stage.golden(
            {},
            crowd.map((number) => ({
              ...{ name: `eth${number}`, table: 20000 + number, addresses: crowdAddresses(number) },
              ...{
                gateway4: bare(stage.vpc.subnet('a').router.ipv4),
                gateway6: stage.vpc.subnet('a').router.linkLocal,
              },
            })),
          ),
      },
      {
        act: ({ vpc }) => vpc.topology.fabric.batch(crowd.map((number) => `link delete dev eth${number}`)),
      },
    ],
    tries: { ci: 1, full: 20 },
  },
  {
    name: 'an ENI is attached and detached, again and again',
    steps: [
      { act: (stage) => plugGuest(stage, 'eth7', 7), expected: (stage) => stage.golden({}, [guest(stage, 'eth7', 7)]) },
      step(['link delete dev eth7']),
    ],
    tries: { ci: 60, full: 500 },
    leaks: true,
  },
]

/** Everything that may happen to what is ours, and that has to be healed. */
export const faults: readonly Fault[] = [
  ...deletedOrChanged,
  ...linksAndAddresses,
  ...mainTable,
  ...programs,
  ...enisComeAndGo,
]
