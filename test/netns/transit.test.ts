import { describe, expect } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { addContainer, publish, unserved } from '../support/container.ts'
import { cli, labConfig, startDaemon } from '../support/daemon.ts'
import { eth0, eth1, eth2, silent } from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()
const connmark = `${labConfig}[routing]\ncontainers = "connmark"\n`
const foreign = Array.from({ length: 50 }, (_, i) => `10.77.0.${i + 1}`)
const there = '172.31.16.10'

/** As in EC2's console: the ENI may send with any source. */
async function switchSourceCheckOff({ topology }: Vpc, ...names: string[]): Promise<void> {
  const elements = names.map((name) => `"${name}"`).join(', ')
  await topology.fabric.exec('nft', ['delete', 'element', 'bridge', 'source-check', 'eni', `{ ${elements} }`])
}

/**
 * An appliance with three ENIs: a network of many hosts behind the client of subnet a reaches the client of subnet b by
 * eth0 and eth2, and gets its answers by eth1, as nobody but the appliance's own routes says.
 */
async function becomeAppliance(vpc: Vpc): Promise<void> {
  for (const eni of [eth0, eth1, eth2]) await vpc.attach(eni)
  await switchSourceCheckOff(vpc, 'eth0', 'eth1', 'eth2')
  await vpc.instance.sysctl({ 'net.ipv4.ip_forward': 1 })
  await vpc
    .client('a')
    .batch([
      ...foreign.map((address) => `address add ${address}/32 dev lo`),
      `route add ${there} via ${bare(eth0.addresses[0]!)} dev eth0`,
    ])
  await vpc.client('b').ip(`route add 10.77.0.0/24 via ${bare(eth2.addresses[0]!)} dev eth0`)
  await vpc.instance.ip('route add 10.77.0.0/24 via 172.31.0.10 dev eth1')
}

/** Hosts of the network that get no answer from beyond the appliance. */
async function cutOff(vpc: Vpc): Promise<string[]> {
  const answers = await Promise.all(
    foreign.map(async (from) => ({ from, ...(await vpc.client('a').ping(there, { from })) })),
  )
  return answers.flatMap(({ ok, from }) => (ok ? [] : [from]))
}

const packetsBy = async ({ instance }: Vpc, name: string, direction: 'rx' | 'tx') =>
  Number(await instance.exec('cat', [`/sys/class/net/${name}/statistics/${direction}_packets`]))

const deviceFrom = async ({ instance }: Vpc, address: string) =>
  / dev (\S+)/.exec(await instance.ip(`route get 203.0.113.10 from ${address}`))?.[1]

describe('an appliance', () => {
  test.for([labConfig, connmark])('goes on as it went, loses nothing, and is told of', async (config, { vpc }) => {
    await becomeAppliance(vpc)
    expect(await cutOff(vpc)).toEqual([])
    const flood = await vpc.client('a').pingFlood(there, { from: foreign[0]! })
    await startDaemon(vpc, config)
    expect(await cutOff(vpc)).toEqual([])
    const { sent, lost } = await flood.stop()
    expect({ lost, sent: sent > 50 }).toEqual({ lost: 0, sent: true })
    const before = await packetsBy(vpc, 'eth1', 'tx')
    expect(await cutOff(vpc)).toEqual([])
    expect((await packetsBy(vpc, 'eth1', 'tx')) - before, 'by the way back of main').toBeGreaterThanOrEqual(50)

    const words = ['explain', foreign[0]!, 'to', there, 'in', 'eth0', '--json']
    const [way] = JSON.parse((await cli(vpc, words, config)).stdout).explanations
    expect(
      [way.inward, way.answer].map(({ agrees, ways }) => [
        agrees,
        ways.map((one: { interface?: string }) => one.interface)[0],
      ]),
    ).toEqual([
      [true, 'eth2'],
      [true, 'eth1'],
    ])
    expect(way).not.toHaveProperty('connectionMark')

    const { stdout } = await cli(vpc, ['status'], config)
    expect(stdout).toContain(
      'transit  packets of other hosts through eth0, eth1, eth2 are left alone: forwarding is on, and there is nothing to forward between but eth0, eth1, eth2; interfaces.manage overrules\n',
    )
    const { enis } = JSON.parse((await cli(vpc, ['status', '--json'], config)).stdout)
    expect(enis[0].transit).toContain('forwarding is on')
    expect(await cli(vpc, ['check'], config)).toMatchObject({ code: 0 })
    // Its own addresses are answered as everywhere: not all of its ENIs need be without the check.
    expect(await silent(vpc, [eth0, eth1, eth2])).toEqual([])
    for (const { name, addresses } of [eth0, eth1, eth2]) {
      expect(await deviceFrom(vpc, bare(addresses[0]!))).toBe(name)
    }
  })

  test('is one too where a rule asks about what comes in, and none where the configuration says so', async ({
    vpc,
  }) => {
    await becomeAppliance(vpc)
    await vpc.instance.batch([
      'link add aside type bridge',
      'link set dev aside up',
      'route add 172.31.16.0/20 dev eth2 table 100',
      'rule add priority 100 iif eth0 lookup 100',
    ])
    await startDaemon(vpc)
    expect(await cutOff(vpc)).toEqual([])
    const { stdout } = await cli(vpc, ['status'])
    expect(stdout).toContain(
      'through eth0 are left alone: forwarding is on, and ip rule priority 100 from all iif eth0',
    )
    const manage = `${labConfig.replace('[interfaces]', '[interfaces]\nmanage = ["eth0"]')}`
    expect((await cli(vpc, ['status'], manage)).stdout).not.toContain('transit')
  })
})

describe('a host of containers', () => {
  test('is no appliance, and serves its published ports', async ({ vpc }) => {
    const container = await addContainer(vpc)
    try {
      await vpc.attach(eth0)
      await vpc.attach(eth1)
      await publish(vpc, 'nft')
      await startDaemon(vpc, connmark)
      expect((await cli(vpc, ['status'], connmark)).stdout).not.toContain('transit')
      expect(await unserved(vpc, [...eth0.addresses, ...eth1.addresses])).toEqual([])
    } finally {
      container.remove()
    }
  })

  test('gives no mark to what passes an ENI that the configuration calls one of transit, unless redirected', async ({
    vpc,
  }) => {
    const container = await addContainer(vpc)
    try {
      await vpc.attach(eth0)
      await vpc.attach(eth1)
      await switchSourceCheckOff(vpc, 'eth0')
      await publish(vpc, 'nft')
      const transit = connmark.replace('[interfaces]', '[interfaces]\ntransit = ["eth0"]')
      await vpc.client('a').ip(`route add 172.17.0.0/16 via ${bare(eth0.addresses[0]!)} dev eth0`)
      const marksTo = async (destination: string) =>
        (await vpc.instance.exec('cat', ['/proc/net/nf_conntrack']))
          .split('\n')
          .filter((line) => line.includes(`dst=${destination} `) && line.includes('tcp'))
          .map((line) => / mark=(\d+)/.exec(line)?.[1])
      await startDaemon(vpc, transit)
      expect(await vpc.client('a').tcp('172.17.0.2')).toMatchObject({ ok: true })
      expect(await marksTo('172.17.0.2')).toEqual(['0'])
      expect(await unserved(vpc, [...eth0.addresses, ...eth1.addresses])).toEqual([])
      expect(new Set(await marksTo('172.31.15.216'))).toEqual(new Set([`${0x02000000}`]))
      expect((await cli(vpc, ['status'], transit)).stdout).toContain('interfaces.transit names it')
    } finally {
      container.remove()
    }
  })
})
