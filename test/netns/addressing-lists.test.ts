import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { addressesOf, adopted, imdsConfig } from '../support/adopted.ts'
import { startDaemon, stopDaemon } from '../support/daemon.ts'
import { folderOf } from '../support/imds.ts'
import { eth0, eth1, silent } from '../support/judge-answers.ts'
import { MetadataService, toldOf } from '../support/metadata-service.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()

const [ipv4, ipv6] = eth1.addresses.map(bare) as [string, string]
const delegated = { prefixes: ['172.31.4.16/28'], prefixesIpv6: ['fd00:ec2:0:a:5::/80'] }
const rulesOf = async ({ instance }: Vpc) => `${await instance.ip('rule show')}${await instance.ip('-6 rule show')}`

/** A container's addresses out of the prefixes: the VPC sends what is for them to eth1. */
async function useOfPrefixes(vpc: Vpc): Promise<void> {
  await vpc.assign('eth1', '172.31.4.17/20', 'fd00:ec2:0:a:5::17/64')
  await vpc.instance.ip('address add 172.31.4.17/32 dev lo')
  await vpc.instance.ip('address add fd00:ec2:0:a:5::17/128 dev lo nodad')
}
const answers = async ({ outside }: Vpc) => [
  (await outside.tcp('172.31.4.17')).ok,
  (await outside.tcp('fd00:ec2:0:a:5::17')).ok,
]

test('the prefixes of an ENI that was bare: what they send leaves by it, and no address of them is put on it', async ({
  vpc,
}) => {
  const { daemon } = await adopted(vpc, delegated)
  await useOfPrefixes(vpc)
  await expect.poll(() => answers(vpc), { timeout: 5_000 }).toEqual([true, true])
  expect(await rulesOf(vpc)).toContain('from 172.31.4.16/28 lookup 20001 proto 213')
  expect(await rulesOf(vpc)).toContain('from fd00:ec2:0:a:5::/80 lookup 20001 proto 213')
  expect(await addressesOf(vpc)).toEqual([`${ipv4}/20`, `${ipv6}/128`])
  await stopDaemon(daemon)
})

test('they stay over a restart while the service is gone', async ({ vpc }) => {
  const { service, daemon } = await adopted(vpc, delegated)
  await expect.poll(() => rulesOf(vpc), { timeout: 5_000 }).toContain('from fd00:ec2:0:a:5::/80 lookup 20001')
  await useOfPrefixes(vpc)
  await stopDaemon(daemon)
  service.kill()
  const next = await startDaemon(vpc, imdsConfig)
  await sleep(1_000)
  expect(next.changes.map(({ command }) => command)).toEqual([])
  expect(await answers(vpc)).toEqual([true, true])
  expect(await silent(vpc, [eth0, eth1])).toEqual([])
  await stopDaemon(next)
})

test('the last IPv6 address and the last prefixes leave when two listings lack them, and not before', async ({
  vpc,
}) => {
  const { service, daemon, second } = await adopted(vpc, delegated)
  await expect.poll(() => rulesOf(vpc), { timeout: 5_000 }).toContain('from fd00:ec2:0:a:5::/80 lookup 20001')
  const leaves = ['ipv6s', 'ipv4-prefix', 'ipv6-prefix', 'subnet-ipv6-cidr-blocks']
  await service.ask('remove', { paths: leaves.map((leaf) => folderOf(second.mac) + leaf) })
  daemon.process.kill('SIGHUP')
  await sleep(1_000)
  expect(await addressesOf(vpc)).toContain(`${ipv6}/128`)
  expect(await rulesOf(vpc)).toContain('from 172.31.4.16/28 lookup 20001')
  daemon.process.kill('SIGHUP')
  await expect.poll(() => addressesOf(vpc), { timeout: 5_000 }).toEqual([`${ipv4}/20`])
  await expect.poll(() => rulesOf(vpc), { timeout: 5_000 }).not.toMatch(/\/28|\/80/)
  expect(await silent(vpc, [{ ...eth1, addresses: [eth1.addresses[0] as string] }])).toEqual([])
  await stopDaemon(daemon)
})

test('an instance with IPv6 alone: its service is asked over IPv6, and a bare ENI gets its address', async ({
  vpc,
}) => {
  const ipv6Alone = (eni: typeof eth0) => ({ ...eni, addresses: eni.addresses.slice(1) })
  const [first, second] = [ipv6Alone(eth0), ipv6Alone(eth1)]
  const one = await vpc.attach(first)
  const service = await MetadataService.start(vpc, one.mac, 6)
  await service.document(toldOf(one, 0))
  const daemon = await startDaemon(vpc, imdsConfig)
  await daemon.waitFor(({ event, mac }) => event === 'metadata' && mac === one.mac)
  const two = await vpc.attach({ ...second, configure: false })
  await service.document(toldOf(two, 1))
  await expect.poll(() => silent(vpc, [first, second]), { timeout: 5_000 }).toEqual([])
  expect(await addressesOf(vpc)).toEqual([`${ipv6}/128`])
  expect(await vpc.instance.ip('-6 rule show')).toContain(`from ${ipv6} lookup 20001`)
  await stopDaemon(daemon)
})
