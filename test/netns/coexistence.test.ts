import { describe, expect } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { cli, startDaemon, stopDaemon } from '../support/daemon.ts'
import { Judge } from '../support/judge.ts'
import { becomes, droppedPackets, eth0, eth1, eth2, everything, goldenOf, silent } from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()
const enis = [eth0, eth1]
const addresses = enis.flatMap((eni) => eni.addresses.map(bare))

async function attachBoth(vpc: Vpc): Promise<void> {
  await vpc.attach(eth0)
  await vpc.attach(eth1)
}

/**
 * A network namespace behind the instance: a container at the end of `bridge0` (10.200.0.2), and at the end of the
 * tunnel-like `tun0` a network that is reached through it (10.50.0.1).
 */
async function addContainerAndTunnel({ instance }: Vpc): Promise<void> {
  const { pid } = instance.spawn('unshare', ['--net', 'sleep', '1000'])
  await expect.poll(() => instance.exec('cat', [`/proc/${pid}/comm`])).toBe('sleep\n')
  const inContainer = [`--net=/proc/${pid}/ns/net`]
  const withoutDad = ['all', 'default'].map((links) => `net.ipv6.conf.${links}.accept_dad=0`)
  await instance.exec('nsenter', [...inContainer, 'sysctl', '-qw', ...withoutDad])
  await instance.batch([
    'link add bridge0 type bridge',
    `link add port0 type veth peer name eth0 netns ${pid}`,
    'link set dev port0 master bridge0 up',
    'link set dev bridge0 up',
    'address add 10.200.0.1/24 dev bridge0',
    'address add fd20::1/64 dev bridge0 nodad',
    `link add tun0 type veth peer name tun0 netns ${pid}`,
    'link set dev tun0 up',
    'address add 10.49.0.1/30 dev tun0',
    'address add fd49::1/64 dev tun0 nodad',
  ])
  const inside = [
    ...['link set dev lo up', 'link set dev eth0 up', 'link set dev tun0 up'],
    ...['address add 10.200.0.2/24 dev eth0', 'address add fd20::2/64 dev eth0 nodad'],
    ...['address add 10.49.0.2/30 dev tun0', 'address add fd49::2/64 dev tun0 nodad'],
    ...['address add 10.50.0.1/32 dev lo', 'address add fd50::1/128 dev lo nodad'],
    ...['route add default via 10.200.0.1', 'route add default via fd20::1'],
  ]
  await instance.exec('nsenter', [...inContainer, 'ip', '-batch', '-'], inside.join('\n'))
  await instance.batch(['route add 10.50.0.0/16 via 10.49.0.2 dev tun0', 'route add fd50::/64 via fd49::2 dev tun0'])
  // A new link drops what it is given until the kernel has worked through the change of its carrier: a second, when busy.
  const behind = ['10.200.0.2', '10.50.0.1', 'fd20::2', 'fd50::1']
  const silentOnes = async () =>
    (await Promise.all(behind.map((address) => instance.ping(address)))).filter(({ ok }) => !ok)
  await expect.poll(silentOnes, { timeout: 20_000 }).toEqual([])
}

/** Destinations that do not answer a ping from the given source. */
async function unreachable({ instance }: Vpc, from: string, destinations: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(destinations.map((address) => instance.ping(address, { from, timeoutMs: 5000 })))
  return destinations.filter((_, index) => !answers[index]?.ok).map((address) => `${address} from ${from}`)
}

describe('with containers and tunnels', () => {
  test('both are reached from every address, and peers and subnets through the ENI of the address', async ({ vpc }) => {
    await attachBoth(vpc)
    await addContainerAndTunnel(vpc)
    await startDaemon(vpc)
    const before = await droppedPackets(vpc)
    for (const address of addresses) {
      const destinations = address.includes(':')
        ? ['fd20::2', 'fd50::1', 'fd00:ec2:0:a::a', 'fd00:ec2:0:b::a', '2001:db8:203::a']
        : ['10.200.0.2', '10.50.0.1', '172.31.0.10', '172.31.16.10', '203.0.113.10']
      expect(await unreachable(vpc, address, destinations)).toEqual([])
    }
    const way = (to: string, from: string) => vpc.instance.ip(`route get ${to} from ${from}`)
    for (const { name, addresses } of enis) {
      const [ipv4, ipv6] = addresses.map(bare) as [string, string]
      expect(await way('172.31.0.10', ipv4)).toContain(`dev ${name} table`)
      expect(await way('172.31.16.10', ipv4)).toContain(`dev ${name} table`)
      expect(await way('fd00:ec2:0:a::a', ipv6)).toContain(`dev ${name} table`)
      expect(await way('10.200.0.2', ipv4)).toContain('dev bridge0')
      expect(await way('fd50::1', ipv6)).toContain('dev tun0')
    }
    expect(await silent(vpc, enis)).toEqual([])
    expect(await droppedPackets(vpc)).toBe(before)
    expect(await cli(vpc, ['check'])).toMatchObject({ code: 0 })
  })

  test.for([
    { name: '0.0.0.0/1 and 128.0.0.0/1', family: '-4', routes: ['0.0.0.0/1', '128.0.0.0/1'] },
    { name: '::/1 and 8000::/1', family: '-6', routes: ['::/1', '8000::/1'] },
    { name: '2000::/3', family: '-6', routes: ['2000::/3'] },
  ])('ENIs answer though a tunnel takes $name', async ({ family, routes }, { vpc }) => {
    await attachBoth(vpc)
    await addContainerAndTunnel(vpc)
    await startDaemon(vpc)
    for (const route of routes) {
      await vpc.instance.ip(`${family} route add ${route} via ${family === '-4' ? '10.49.0.2' : 'fd49::2'} dev tun0`)
    }
    const before = await droppedPackets(vpc)
    expect(await silent(vpc, enis)).toEqual([])
    expect(await droppedPackets(vpc)).toBe(before)
    const [beyond, inTunnel] = family === '-4' ? ['198.51.100.1', '10.50.0.1'] : ['2001:db8:9::1', 'fd50::1']
    expect(await vpc.instance.ip(`${family} route get ${beyond}`), 'a program that is bound to no address').toContain(
      'tun0',
    )
    expect(await unreachable(vpc, addresses[family === '-4' ? 2 : 3]!, [inTunnel])).toEqual([])
  })
})

describe('what no rule of ours can mend is named with its culprit', () => {
  test.for([
    {
      name: "a full tunnel's rule in front of ours",
      add: [
        'route add default via 10.49.0.2 dev tun0 table 51820',
        'rule add priority 100 not fwmark 51820 lookup 51820',
      ],
      remove: ['rule del priority 100', 'route flush table 51820'],
      culprit: /priority 100 .*lookup 51820/,
    },
    {
      name: 'an unreachable default in main',
      add: ['route add unreachable default metric 1'],
      remove: ['route del unreachable default metric 1'],
      culprit: /unreachable default/,
    },
  ])('$name', async ({ add, remove, culprit }, { vpc }) => {
    await attachBoth(vpc)
    await addContainerAndTunnel(vpc)
    const daemon = await startDaemon(vpc)
    expect(await cli(vpc, ['check'])).toMatchObject({ code: 0 })
    await vpc.instance.batch(add)
    const check = await cli(vpc, ['check'])
    expect(check).toMatchObject({ code: 1, stderr: '' })
    expect(check.stdout).toMatch(culprit)
    expect(check.stdout).toContain('to mend it:')
    const status = await cli(vpc, ['status'])
    expect(status.stdout).toMatch(culprit)
    expect(status.stdout).toContain('degraded')
    await daemon.waitFor(({ event, msg }) => event === 'problem' && culprit.test(msg))
    await vpc.instance.batch(remove)
    expect(await cli(vpc, ['check'])).toMatchObject({ code: 0 })
    await daemon.waitFor(({ event, msg }) => event === 'resolved' && culprit.test(msg))
  })
})

describe('objects of other programs', () => {
  const foreign = [
    'rule add priority 1 from 10.91.0.0/16 lookup main',
    'rule add priority 150 fwmark 0x77/0xff lookup 700 protocol static',
    'rule add priority 19999 from 172.31.99.1 lookup 20000',
    'rule add priority 20001 from 172.31.99.2 lookup 20001 protocol static',
    'rule add priority 20500 from 172.31.99.3 lookup 20000 protocol kernel',
    'rule add priority 20999 to 10.90.0.0/16 lookup 700',
    'rule add priority 21000 from 172.31.99.4 lookup 20000 protocol 213',
    'rule add priority 500 from 172.31.99.5 lookup 700 protocol 213',
    'route add blackhole 10.80.0.0/16 table 700 proto 213',
    'route add blackhole 10.81.0.0/16 table 30000 proto 213',
    'route add blackhole 10.82.0.0/16 proto 213',
    'route add blackhole 10.83.0.0/16 table 20005 proto static',
    'route add blackhole 10.84.0.0/16 table 29999 proto zebra',
    'link add fence type bridge',
    'link set dev fence group 7',
  ]
  const foreign6 = [
    'rule add priority 150 from fd91::/16 lookup 700 protocol static',
    'rule add priority 20001 from fd92::1 lookup 20001 protocol static',
    'rule add priority 25000 from fd93::1 lookup 700 protocol 213',
    'route add blackhole fd80::/16 table 700 proto 213',
    'route add blackhole fd81::/16 table 20005 proto static',
  ]

  test('stay as they are through attach, detach and cleanup, byte for byte', async ({ vpc }) => {
    await vpc.instance.batch(foreign)
    for (const command of foreign6) {
      await vpc.instance.ip(`-6 ${command}`)
    }
    await attachBoth(vpc)
    const before = await everything(vpc)
    const judge = new Judge(vpc.instance)
    const { foreign: planted } = await judge.look()
    const untouched = async () => expect((await judge.look()).foreign).toEqual(planted)
    const daemon = await startDaemon(vpc)
    // What others use is not chosen: they ask 20000 and 20001 and fill 20005.
    const tables = [20002, 20003, 20004]
    const shape = [eth0, eth1, eth2].map((eni, index) => goldenOf(vpc, eni, tables[index] as number))
    await becomes(judge, shape.slice(0, 2))
    await untouched()
    await vpc.attach(eth2)
    await becomes(judge, shape)
    await untouched()
    await vpc.detach('eth2')
    await becomes(judge, shape.slice(0, 2))
    await untouched()
    const status = await cli(vpc, ['status'])
    expect(status.stdout).toContain('priority 20500 from 172.31.99.3')
    expect(await cli(vpc, ['check'])).toMatchObject({ code: 0 })
    await stopDaemon(daemon)
    await cli(vpc, ['cleanup'])
    expect(await everything(vpc)).toBe(before)
  })
})
