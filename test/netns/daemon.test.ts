import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import type { Vpc } from '../../src/lab/vpc.ts'
import { cli, startDaemon, stopDaemon } from '../support/daemon.ts'
import { defaultNumbers } from '../support/golden.ts'
import { Judge } from '../support/judge.ts'
import {
  type Attached,
  becomes,
  droppedPackets,
  eth0,
  eth1,
  eth2,
  everything,
  goldenOf,
  silent,
} from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

/** With router advertisements the defaults come when the next one does. */
const defaultsOf = (vpc: Vpc, names: readonly string[]) =>
  expect
    .poll(async () => {
      const routes = await vpc.instance.ip('-6 route show default')
      return names.filter((name) => !routes.includes(`dev ${name} `))
    })
    .toEqual([])

describe.each(['static', 'ra'] as const)('with IPv6 %s', (ipv6) => {
  const test = vpcTest({ ipv6 })

  test('both ENIs of one subnet answer everywhere, and nothing is dropped', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await defaultsOf(vpc, ['eth0', 'eth1'])
    await startDaemon(vpc)
    const before = await droppedPackets(vpc)
    expect(await silent(vpc, [eth0, eth1])).toEqual([])
    expect(await droppedPackets(vpc)).toBe(before)
  })

  test('an ENI that is attached while it runs answers, and so do the others', async ({ vpc }) => {
    await vpc.attach(eth0)
    const daemon = await startDaemon(vpc)
    await vpc.attach(eth1)
    await vpc.attach(eth2)
    const judge = new Judge(vpc.instance)
    const metrics6 = ipv6 === 'ra' ? ' hoplimit 64' : ''
    const shape = [eth0, eth1, eth2].map((eni, index) => ({ ...goldenOf(vpc, eni, 20000 + index), metrics6 }))
    await becomes(judge, shape)
    const before = await droppedPackets(vpc)
    expect(await silent(vpc, [eth0, eth1, eth2])).toEqual([])
    expect(await droppedPackets(vpc)).toBe(before)
    await stopDaemon(daemon)
  })
})

describe('an ENI that is plugged in and stays down', () => {
  const test = vpcTest()

  test('is put into the link group once: the kernel does not announce that', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    const daemon = await startDaemon(vpc)
    await vpc.attach({ ...eth2, configure: false })
    await sleep(1_500)
    const ofEth2 = daemon.changes.filter(({ interface: name }) => name === 'eth2')
    expect(ofEth2.map(({ command }) => command)).toEqual(['ip link set dev eth2 group 20000'])
    await stopDaemon(daemon)
  })
})

interface Order {
  readonly name: string
  readonly eni: Attached
  /** What is typed in the instance after the ENI was plugged in, bare and down; a number waits so many ms. */
  readonly commands: readonly (string | number)[]
  readonly more?: readonly string[]
}

const router6 = 'fe80::800:ff:fe00:2'
const in_b = (...addresses: string[]): Attached => ({ name: 'eth2', subnet: 'b', addresses })

const orders: readonly Order[] = [
  {
    name: 'with its address before it is up',
    eni: eth2,
    commands: [
      'address add 172.31.16.217/20 dev eth2',
      'address add fd00:ec2:0:b::217/64 dev eth2 nodad',
      100,
      'link set dev eth2 up',
      'route add default via 172.31.16.1 dev eth2 metric 102',
      `route add default via ${router6} dev eth2 metric 102`,
    ],
  },
  {
    name: 'whose default routes come late',
    eni: eth2,
    commands: [
      'link set dev eth2 up',
      'address add 172.31.16.217/20 dev eth2',
      'address add fd00:ec2:0:b::217/64 dev eth2 nodad',
      700,
      'route add default via 172.31.16.1 dev eth2 metric 102',
      `route add default via ${router6} dev eth2 metric 102`,
    ],
  },
  {
    name: 'of the subnet of another one that alone has default routes',
    eni: { name: 'eth2', subnet: 'a', addresses: ['172.31.0.217/20', 'fd00:ec2:0:a::217/64'] },
    commands: [
      'link set dev eth2 up',
      'address add 172.31.0.217/20 dev eth2',
      'address add fd00:ec2:0:a::217/64 dev eth2 nodad',
    ],
  },
  {
    name: 'with a /32 address, whose router needs a route of its own',
    eni: in_b('172.31.16.217/32'),
    commands: [
      'link set dev eth2 up',
      'address add 172.31.16.217/32 dev eth2',
      'route add 172.31.16.1 dev eth2',
      50,
      'route add default via 172.31.16.1 dev eth2 metric 102',
    ],
    more: ['4 172.31.16.1 dev eth2 table 20002 proto 213 scope link'],
  },
  {
    name: 'with several addresses of both families, one after the other',
    eni: in_b(
      '172.31.16.217/20',
      '172.31.16.219/20',
      '172.31.20.1/32',
      'fd00:ec2:0:b::217/64',
      'fd00:ec2:0:b::1:1/128',
    ),
    commands: [
      'link set dev eth2 up',
      'address add 172.31.16.217/20 dev eth2',
      'route add default via 172.31.16.1 dev eth2 metric 102',
      50,
      'address add 172.31.16.219/20 dev eth2',
      50,
      'address add 172.31.20.1/32 dev eth2',
      'address add fd00:ec2:0:b::217/64 dev eth2 nodad',
      `route add default via ${router6} dev eth2 metric 102`,
      50,
      'address add fd00:ec2:0:b::1:1/128 dev eth2 nodad',
    ],
  },
]

describe('an ENI answers that is attached', () => {
  const test = vpcTest()

  test.for(orders)('$name', async ({ eni, commands, more = [] }, { vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await startDaemon(vpc)
    await vpc.attach({ ...eni, configure: false })
    for (const command of commands) {
      await (typeof command === 'number' ? sleep(command) : vpc.instance.ip(command))
    }
    const others = [goldenOf(vpc, eth0, 20000), goldenOf(vpc, eth1, 20001)]
    const judge = new Judge(vpc.instance)
    await becomes(judge, [...others, { ...goldenOf(vpc, eni, 20002), more }])
    const before = await droppedPackets(vpc)
    expect(await silent(vpc, [eth0, eth1, eni])).toEqual([])
    expect(await droppedPackets(vpc)).toBe(before)
    await vpc.detach('eth2')
    await becomes(judge, others)
  })
})

describe('nothing of ours is left', () => {
  const test = vpcTest()

  test('of an ENI that is detached', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await startDaemon(vpc)
    const before = await everything(vpc)
    await vpc.attach(eth2)
    await becomes(
      new Judge(vpc.instance),
      [eth0, eth1, eth2].map((eni, index) => goldenOf(vpc, eni, 20000 + index)),
    )
    await vpc.detach('eth2')
    await expect.poll(() => everything(vpc)).toBe(before)
  })

  test('when one ENI remains', async ({ vpc }) => {
    await vpc.attach(eth0)
    const before = await everything(vpc)
    const daemon = await startDaemon(vpc)
    expect(await everything(vpc), 'with one ENI').toBe(before)
    await vpc.attach(eth1)
    await becomes(new Judge(vpc.instance), [goldenOf(vpc, eth0, 20000), goldenOf(vpc, eth1, 20001)])
    await vpc.detach('eth1')
    await expect.poll(() => everything(vpc)).toBe(before)
    expect(daemon.changes.length).toBeGreaterThan(0)
  })

  test('after cleanup, in any family', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await vpc.attach(eth2)
    const before = await everything(vpc)
    await stopDaemon(await startDaemon(vpc))
    expect(await everything(vpc)).not.toBe(before)
    expect(await cli(vpc, ['cleanup'])).toMatchObject({ code: 0, stderr: '' })
    expect(await everything(vpc)).toBe(before)
  })
})

describe('with one ENI', () => {
  vpcTest()('the program changes nothing, and says so', async ({ vpc }) => {
    await vpc.attach(eth0)
    const before = await everything(vpc)
    const daemon = await startDaemon(vpc)
    expect(daemon.changes).toEqual([])
    expect(daemon.lines.find(({ event }) => event === 'ready')?.msg).toContain('nothing to do')
    expect((await cli(vpc, ['status'])).stdout).toContain('nothing to do')
    expect((await new Judge(vpc.instance).look(defaultNumbers)).ours).toEqual([])
    await stopDaemon(daemon)
    expect(await everything(vpc)).toBe(before)
  })
})
