import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import { monotonicMs } from '../../src/lab/agent.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { cli, startDaemon, stopDaemon } from '../support/daemon.ts'
import type { Faults } from '../support/imds.ts'
import { folderOf } from '../support/imds.ts'
import { Judge } from '../support/judge.ts'
import { becomes, eth0, eth1, goldenOf, silent } from '../support/judge-answers.ts'
import { MetadataService, toldOf } from '../support/metadata-service.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()

/** The veths of the lab are ENIs by their name; the service is at EC2's address. */
const config = '[interfaces]\ninclude = ["eth*"]\n'

/** An instance with one ENI that is documented, and a service. */
async function setUp(vpc: Vpc) {
  const first = await vpc.attach(eth0)
  // It knows its router's MAC by now, as an ENI does that is in use: else a reply for eth1 that leaves too early asks for it
  // with a source that the VPC drops, and the next question follows after a second.
  await vpc.outside.tcp(bare(eth0.addresses[0] as string))
  const service = await MetadataService.start(vpc, first.mac)
  await service.document(toldOf(first, 0))
  return { first, service }
}

const plugged = (vpc: Vpc) => vpc.attach({ ...eth1, configure: false })

interface Row {
  readonly name: string
  readonly faults?: Faults
  readonly gone?: true
}

describe('an address that is in the kernel answers at once', () => {
  test.for<Row>([
    { name: 'the documents of its ENI never come' },
    { name: 'a third of the requests is answered 503', faults: { busy: 0.3 } },
    { name: 'every token is refused', faults: { storm: true } },
    { name: 'the documents are garbage', faults: { garbage: '<html>\n169.254.0.1\n' } },
    { name: 'the connections hang', faults: { hang: true } },
    { name: 'the connections break', faults: { cut: true } },
    { name: 'the service refuses', faults: { status: 403 } },
    { name: 'the service is gone', gone: true },
  ])('though $name', async ({ faults = {}, gone }, { vpc }) => {
    const { service } = await setUp(vpc)
    const daemon = await startDaemon(vpc, config)
    await service.ask('fail', { faults })
    if (gone) service.kill()
    await plugged(vpc)
    const start = monotonicMs()
    const address = bare(eth1.addresses[0] as string)
    const [, at] = await Promise.all([vpc.configure('eth1'), vpc.outside.firstAnswer(address)])
    // The bound is a benchmark's; this is what a lab under load keeps, and a wait for the metadata would not.
    expect((at ?? Number.POSITIVE_INFINITY) - start).toBeLessThan(1_000)
    expect(await silent(vpc, [eth0, eth1])).toEqual([])
    await stopDaemon(daemon)
  })
})

describe('tables', () => {
  test('have the device numbers, where those are known before the address', async ({ vpc }) => {
    const { first, service } = await setUp(vpc)
    const judge = new Judge(vpc.instance)
    const daemon = await startDaemon(vpc, config)
    await daemon.waitFor(({ event, mac }) => event === 'metadata' && mac === first.mac)
    const second = await plugged(vpc)
    await service.document(toldOf(second, 3, { card: 1 }))
    await daemon.waitFor(({ event, mac }) => event === 'metadata' && mac === second.mac)
    await vpc.configure('eth1')
    await becomes(judge, [goldenOf(vpc, eth0, 20000), goldenOf(vpc, eth1, 20103)])
    await stopDaemon(daemon)
  })

  test('are kept when the numbers become known later, and after a restart', async ({ vpc }) => {
    const { service } = await setUp(vpc)
    const second = await vpc.attach(eth1)
    const judge = new Judge(vpc.instance)
    const shape = [goldenOf(vpc, eth0, 29000), goldenOf(vpc, eth1, 29001)]
    await service.ask('fail', { faults: { hang: true } })
    const daemon = await startDaemon(vpc, config)
    await becomes(judge, shape)
    await service.ask('fail', { faults: {} })
    await service.document(toldOf(second, 1))
    await daemon.waitFor(({ event, mac }) => event === 'metadata' && mac === second.mac, 20_000)
    await sleep(300)
    await becomes(judge, shape)
    await stopDaemon(daemon)
    const next = await startDaemon(vpc, config)
    await becomes(judge, shape)
    expect(next.changes).toEqual([])
    expect((await cli(vpc, ['plan'], config)).code).toBe(0)
    await stopDaemon(next)
  })
})

describe('delegated prefixes', () => {
  test('have their rules as long as the documents list them, and the verbs agree', async ({ vpc }) => {
    const { service } = await setUp(vpc)
    const second = await vpc.attach(eth1)
    await service.document(toldOf(second, 1, { prefixes: ['172.31.4.16/28'] }))
    const daemon = await startDaemon(vpc, config)
    const rules = () => vpc.instance.ip('rule show')
    await expect.poll(rules, { timeout: 5_000 }).toContain('from 172.31.4.16/28 lookup 29001 proto 213')
    expect((await cli(vpc, ['plan'], config)).stdout).toBe('')
    await service.ask('remove', { paths: [`${folderOf(second.mac)}ipv4-prefix`] })
    daemon.process.kill('SIGHUP')
    await sleep(300)
    expect(await rules()).toContain('from 172.31.4.16/28')
    await service.ask('set', { documents: { [`${folderOf(second.mac)}ipv4-prefix`]: '172.31.4.32/28' } })
    daemon.process.kill('SIGHUP')
    await expect.poll(rules, { timeout: 5_000 }).toContain('from 172.31.4.32/28 lookup 29001 proto 213')
    expect(await rules()).not.toContain('172.31.4.16/28')
    await stopDaemon(daemon)
  })
})

test('what was learned stands after a restart without the service, until that says otherwise', async ({ vpc }) => {
  const imds = `${config}[addresses]\nmode = "imds"\n`
  const { service } = await setUp(vpc)
  const second = await plugged(vpc)
  const told = toldOf(second, 1, { prefixes: ['172.31.4.16/28'], prefixesIpv6: ['fd00:ec2:0:a:5::/80'] })
  await service.document(told)
  const first = await startDaemon(vpc, imds)
  const learned = async () => {
    const parts = ['-4 rule show', '-6 rule show', '-6 route show table all proto 213'].map((what) =>
      vpc.instance.ip(what),
    )
    const text = (await Promise.all(parts)).join('')
    return ['from 172.31.4.16/28 lookup', 'from fd00:ec2:0:a:5::/80 lookup', 'fd00:ec2:0:a::/64 dev eth1 table'].filter(
      (what) => text.includes(what),
    )
  }
  await expect.poll(learned, { timeout: 5_000 }).toHaveLength(3)
  await stopDaemon(first)
  await service.ask('fail', { faults: { hang: true } })
  const next = await startDaemon(vpc, imds)
  await sleep(1_500)
  expect(next.changes.map(({ command }) => command)).toEqual([])
  expect(await learned()).toHaveLength(3)
  await service.ask('fail', { faults: {} })
  await service.ask('set', { documents: { [`${folderOf(second.mac)}ipv4-prefix`]: '172.31.4.32/28' } })
  next.process.kill('SIGHUP')
  await expect
    .poll(learned, { timeout: 5_000 })
    .toEqual(['from fd00:ec2:0:a:5::/80 lookup', 'fd00:ec2:0:a::/64 dev eth1 table'])
  await stopDaemon(next)
})

describe('the verbs', () => {
  test('know without a daemon what the metadata tells', async ({ vpc }) => {
    const { service } = await setUp(vpc)
    await service.document(toldOf(await vpc.attach(eth1), 1))
    const { stdout } = await cli(vpc, ['status', '--json'], config)
    const { enis } = JSON.parse(stdout)
    expect(enis).toMatchObject([
      {
        interface: 'eth0',
        eni: { id: 'eni-00000000000000000', device: 0, subnets: ['172.31.0.0/20', 'fd00:ec2:0:a::/64'] },
      },
      { interface: 'eth1', eni: { id: 'eni-00000000000000001', device: 1 }, table: 20001 },
    ])
    expect((await cli(vpc, ['plan'], config)).stdout).toContain('lookup 20001 protocol 213')
  })

  test('tell what differs, with the setting that mends it', async ({ vpc }) => {
    const { service } = await setUp(vpc)
    const second = await vpc.attach(eth1)
    await service.document({ ...toldOf(second, 1), ipv4: ['172.31.0.218', '172.31.0.219'] })
    const daemon = await startDaemon(vpc, config)
    await daemon.waitFor(({ event, msg }) => event === 'problem' && msg.includes('eth1 lacks 172.31.0.219'), 10_000)
    const { stdout } = await cli(vpc, ['status'], config)
    expect(stdout).toContain('eth1 lacks 172.31.0.219, which the metadata lists')
    expect(stdout).toContain('addresses.mode = "imds"')
    expect(stdout).toContain('eni-00000000000000001')
    await stopDaemon(daemon)
  })
})

test('an ENI whose MAC the metadata names needs no pattern', async ({ vpc }) => {
  const { service } = await setUp(vpc)
  const second = await vpc.attach(eth1)
  await service.document(toldOf(second, 1))
  const daemon = await startDaemon(vpc, '')
  await daemon.waitFor(({ event, mac }) => event === 'metadata' && mac === second.mac)
  await expect.poll(() => silent(vpc, [eth0, eth1]), { timeout: 5_000 }).toEqual([])
  await stopDaemon(daemon)
})

test('the IPv6 endpoint is asked where the IPv4 one is not there', async ({ vpc }) => {
  const first = await vpc.attach(eth0)
  const service = await MetadataService.start(vpc, first.mac, 6)
  await service.document(toldOf(first, 0))
  const daemon = await startDaemon(vpc, config)
  await daemon.waitFor(({ event, mac }) => event === 'metadata' && mac === first.mac)
  await stopDaemon(daemon)
})

test('an endpoint of the configuration is asked alone, and off asks nothing', async ({ vpc }) => {
  const { service } = await setUp(vpc)
  const daemon = await startDaemon(vpc, `${config}[metadata]\nendpoint = "http://169.254.169.254:9"`)
  const silent = await startedOff(vpc)
  await sleep(500)
  expect(await service.ask('asked', {})).toEqual([])
  await stopDaemon(daemon)
  expect(silent.code).toBe(0)
})

const startedOff = (vpc: Vpc) => cli(vpc, ['check'], `${config}[metadata]\nmode = "off"`)
