import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import { monotonicMs } from '../../src/lab/agent.ts'
import { addressesOf, adopted, imdsConfig, imdsHost } from '../support/adopted.ts'
import { cli, startDaemon, stopDaemon } from '../support/daemon.ts'
import { folderOf } from '../support/imds.ts'
import { eth0, eth1, silent } from '../support/judge-answers.ts'
import { MetadataService, toldOf } from '../support/metadata-service.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()

const [ipv4, ipv6] = eth1.addresses.map(bare) as [string, string]
const list = (mac: string) => `${folderOf(mac)}local-ipv4s`

describe('a bare ENI', () => {
  test('gets the addresses that its documents list, as the VPC would give them', async ({ vpc }) => {
    const { service, daemon, plug } = await imdsHost(vpc)
    const second = await plug()
    await sleep(2_000)
    expect(await addressesOf(vpc)).toEqual([])
    const start = monotonicMs()
    const told = toldOf(second, 1)
    const [, at] = await Promise.all([
      service.document({ ...told, ipv4: [ipv4, '172.31.0.219'] }),
      vpc.outside.firstAnswer(ipv4),
    ])
    expect((at ?? Number.POSITIVE_INFINITY) - start).toBeLessThan(1_500)
    await expect.poll(() => addressesOf(vpc)).toEqual([`${ipv4}/20`, '172.31.0.219/32', `${ipv6}/128`])
    expect(await silent(vpc, [eth0, eth1])).toEqual([])
    const shown = await vpc.instance.ip('-d address show dev eth1')
    expect(shown).toMatch(/172\.31\.0\.219\/32 scope global noprefixroute/)
    expect(await vpc.instance.ip('-6 route show table 20001')).toContain('fd00:ec2:0:a::/64 dev eth1 proto 213')
    expect((await cli(vpc, ['plan'], imdsConfig)).stdout).toBe('')
    expect(daemon.changes.map(({ command }) => command)).toContain(`ip address add ${ipv4}/20 dev eth1 proto 213`)
    await stopDaemon(daemon)
  })

  test('stays bare in mode "observe", and status says what would mend it', async ({ vpc }) => {
    const first = await vpc.attach(eth0)
    const service = await MetadataService.start(vpc, first.mac)
    await service.document(toldOf(first, 0))
    const second = await vpc.attach({ ...eth1, configure: false })
    await service.document(toldOf(second, 1))
    const observing = imdsConfig.replace('imds', 'observe')
    const daemon = await startDaemon(vpc, observing)
    const told = `eth1 lacks ${ipv4}, ${ipv6}, which the metadata lists, and is down`
    await daemon.waitFor(({ msg }) => msg.includes(told), 10_000)
    expect(await addressesOf(vpc)).toEqual([])
    expect((await cli(vpc, ['status'], observing)).stdout).toContain('addresses.mode = "imds"')
    await stopDaemon(daemon)
  })

  test('is given its addresses by apply as well, where no daemon runs', async ({ vpc }) => {
    const first = await vpc.attach(eth0)
    const service = await MetadataService.start(vpc, first.mac)
    await service.document(toldOf(first, 0))
    await service.document(toldOf(await vpc.attach({ ...eth1, configure: false }), 1))
    expect((await cli(vpc, ['plan'], imdsConfig)).stdout).toContain(
      `+ ip link set dev eth1 up\n+ ip address add ${ipv4}/20`,
    )
    expect((await cli(vpc, ['apply'], imdsConfig)).code).toBe(0)
    expect(await silent(vpc, [eth0, eth1])).toEqual([])
  })
})

describe('an ENI that somebody else configures', () => {
  test('is left to him, whatever the documents list', async ({ vpc }) => {
    const { service, daemon, plug } = await imdsHost(vpc)
    const second = await plug()
    await vpc.configure('eth1')
    await service.document({ ...toldOf(second, 1), ipv4: [ipv4, '172.31.0.219'] })
    await daemon.waitFor(({ event, mac }) => event === 'metadata' && mac === second.mac)
    await sleep(500)
    expect(await addressesOf(vpc)).toEqual([...eth1.addresses])
    await stopDaemon(daemon)
  })
})

describe('later changes of the list', () => {
  test('an address more, at once on SIGHUP', async ({ vpc }) => {
    const { service, daemon, second } = await adopted(vpc)
    await vpc.assign('eth1', '172.31.0.219/32')
    await service.ask('set', { documents: { [list(second.mac)]: `${ipv4}\n172.31.0.219` } })
    daemon.process.kill('SIGHUP')
    await expect
      .poll(() => vpc.outside.tcp('172.31.0.219', { timeoutMs: 300 }), { timeout: 5_000 })
      .toMatchObject({ ok: true })
    await stopDaemon(daemon)
  })

  test('an address less, when two documents say so; not when one does, or none is there', async ({ vpc }) => {
    const { service, daemon, second } = await adopted(vpc)
    const path = list(second.mac)
    await service.ask('set', { documents: { [path]: `${ipv4}\n172.31.0.219` } })
    daemon.process.kill('SIGHUP')
    await expect.poll(() => addressesOf(vpc), { timeout: 5_000 }).toContain('172.31.0.219/32')
    await service.ask('remove', { paths: [folderOf(second.mac)] })
    daemon.process.kill('SIGHUP')
    await sleep(500)
    await service.ask('fail', { faults: { garbage: '' } })
    daemon.process.kill('SIGHUP')
    await sleep(500)
    expect(await addressesOf(vpc)).toContain('172.31.0.219/32')
    await service.ask('fail', { faults: {} })
    await service.document(toldOf(second, 1))
    daemon.process.kill('SIGHUP')
    await sleep(500)
    expect(await addressesOf(vpc)).toContain('172.31.0.219/32')
    await expect.poll(() => addressesOf(vpc), { timeout: 5_000 }).not.toContain('172.31.0.219/32')
    expect(await silent(vpc, [eth0, eth1])).toEqual([])
    await stopDaemon(daemon)
  })

  test('after a restart the addresses are known as ours; those of others stay', async ({ vpc }) => {
    const { service, daemon, second } = await adopted(vpc)
    await service.ask('set', { documents: { [list(second.mac)]: `${ipv4}\n172.31.0.219` } })
    daemon.process.kill('SIGHUP')
    await expect.poll(() => addressesOf(vpc), { timeout: 5_000 }).toContain('172.31.0.219/32')
    await vpc.instance.ip('address add 172.31.0.77/32 dev eth1')
    await stopDaemon(daemon)
    await service.ask('set', { documents: { [list(second.mac)]: ipv4 } })
    const next = await startDaemon(vpc, imdsConfig)
    await next.waitFor(({ event, mac }) => event === 'metadata' && mac === second.mac)
    expect(await addressesOf(vpc)).toContain('172.31.0.219/32')
    next.process.kill('SIGHUP')
    await expect.poll(() => addressesOf(vpc), { timeout: 10_000 }).not.toContain('172.31.0.219/32')
    expect(await addressesOf(vpc)).toContain('172.31.0.77/32')
    await stopDaemon(next)
  })
})

test('what somebody takes away is put back', async ({ vpc }) => {
  const { daemon } = await adopted(vpc)
  await vpc.instance.ip(`address del ${ipv4}/20 dev eth1`)
  await expect.poll(() => silent(vpc, [eth1]), { timeout: 5_000 }).toEqual([])
  await vpc.instance.ip('address flush dev eth1')
  await expect.poll(() => silent(vpc, [eth1]), { timeout: 5_000 }).toEqual([])
  await stopDaemon(daemon)
  const next = await startDaemon(vpc, imdsConfig)
  await next.waitFor(({ event, msg }) => event === 'metadata' && msg.startsWith('eth1 is'))
  await vpc.instance.ip('address flush dev eth1')
  await expect.poll(() => silent(vpc, [eth1]), { timeout: 5_000 }).toEqual([])
  await stopDaemon(next)
})

test('an ENI that is taken down stays down', async ({ vpc }) => {
  const { daemon } = await adopted(vpc)
  await vpc.instance.ip('link set dev eth1 down')
  await sleep(1_000)
  expect(await vpc.instance.ip('link show dev eth1')).toContain('state DOWN')
  // Then nothing tells it from one that was just attached, but that it has been up.
  await vpc.instance.ip('address flush dev eth1')
  await sleep(1_000)
  expect(await vpc.instance.ip('link show dev eth1')).toContain('state DOWN')
  await vpc.instance.ip('link set dev eth1 up')
  await expect.poll(() => silent(vpc, [eth1]), { timeout: 5_000 }).toEqual([])
  await stopDaemon(daemon)
})

test('cleanup takes the addresses away that bear our mark, and no others', async ({ vpc }) => {
  const { daemon } = await adopted(vpc)
  await vpc.instance.ip('address add 172.31.0.77/32 dev eth1')
  await stopDaemon(daemon)
  expect(await addressesOf(vpc)).toHaveLength(3)
  expect((await cli(vpc, ['cleanup'], imdsConfig)).stdout).toContain(`- ip address del ${ipv4}/20 dev eth1`)
  expect(await addressesOf(vpc)).toEqual(['172.31.0.77/32'])
})
