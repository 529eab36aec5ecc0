import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Vpc } from '../../src/lab/vpc.ts'
import { type Family, families } from '../../src/state/ip.ts'
import { cli, labConfig, startDaemon, stopDaemon } from '../support/daemon.ts'
import { Judge } from '../support/judge.ts'
import { type Attached, becomes, eth0, eth1, goldenOf } from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()

/** An address that only the instance knows: the kernel is asked for its way, and sends nothing. */
interface Extra {
  readonly family: Family
  readonly address: string
  readonly device: string
}

const enis = 15

const others: readonly Attached[] = Array.from({ length: enis - 2 }, (_, i) => ({
  name: `eth${i + 2}`,
  subnet: 'b',
  addresses: [`172.31.16.${i + 20}/20`, `fd00:ec2:0:b::${i + 20}/64`],
}))

async function attachAll(vpc: Vpc): Promise<void> {
  for (const eni of [eth0, eth1, ...others]) {
    await vpc.attach(eni)
  }
}

/** Scattered over the VPC, and for each ENI one row that fills prefixes. */
function extras(count: number): Extra[] {
  const rows = Math.floor(count / 3)
  return Array.from({ length: count }, (_, i) => {
    const inRow = i < rows
    const device = `eth${inRow ? Math.floor((i * enis) / rows) : i % enis}`
    const [high, low] = inRow ? [64 + (i >> 8), i & 255] : [128 + ((i * 37) % 128), (i * 151 + (i >> 7)) & 255]
    return i % 5 === 0
      ? { family: 6, device, address: `fd00:ec2:0:${inRow ? 'e' : 'f'}:${high.toString(16)}::${low.toString(16)}:1` }
      : { family: 4, device, address: `172.31.${high}.${low}` }
  })
}

const addressCommands = (op: 'add' | 'del', list: readonly Extra[]): string[] =>
  list.map(({ family, address, device }) =>
    family === 4 ? `address ${op} ${address}/32 dev ${device}` : `address ${op} ${address}/128 dev ${device} nodad`,
  )

const targets = { 4: '8.8.8.8', 6: '2a00::1' } as const

/** The device by which the kernel would send a packet of each source to the Internet. */
async function ways({ instance }: Vpc, family: Family, sources: readonly string[]): Promise<string[]> {
  const commands = sources.map((source) => `route get ${targets[family]} from ${source}`)
  const answers = await instance.exec('ip', [`-${family}`, '-o', '-batch', '-'], `${commands.join('\n')}\n`)
  return answers
    .trim()
    .split('\n')
    .map((line) => / dev (\S+)/.exec(line)?.[1] ?? line)
}

/** `ip -batch` takes the family for all its lines. */
const typeBatch = ({ instance }: Vpc, family: Family, lines: readonly string[]): Promise<string> =>
  instance.exec('ip', [`-${family}`, '-batch', '-'], `${lines.join('\n')}\n`)

/** Waits until nothing is left to do. */
async function settles(vpc: Vpc, config = labConfig): Promise<void> {
  const end = performance.now() + 30_000
  for (;;) {
    const { code, stdout } = await cli(vpc, ['plan'], config)
    if (code === 0) return
    if (performance.now() > end) expect(stdout.split('\n').slice(0, 20)).toEqual([])
    await sleep(50)
  }
}

async function expectWays(vpc: Vpc, list: readonly Extra[]): Promise<void> {
  for (const family of families) {
    const own = list.filter((extra) => extra.family === family)
    const found = await ways(
      vpc,
      family,
      own.map(({ address }) => address),
    )
    expect(
      own.filter(({ device }, i) => device !== found[i]).map(({ address }, i) => `${address} ${found[i]}`),
    ).toEqual([])
  }
}

const rulesOf = async ({ instance }: Vpc, family: Family): Promise<string[]> =>
  (await instance.ip(`-${family} rule show`)).split('\n').filter((line) => line.includes('proto 213'))

/** What `ip rule show` prints, as one would type it to take the rule away. */
const asTyped = (line: string): string => line.replace(/^(\d+):\s*/, 'priority $1 ').replace('proto ', 'protocol ')

test('3,000 addresses on 15 ENIs come and go: each leaves by its own, and nobody waits', { timeout: 180_000 }, async ({
  vpc,
}) => {
  await attachAll(vpc)
  await startDaemon(vpc)
  const judge = new Judge(vpc.instance)
  const list = extras(3000)
  const floods = await Promise.all(['172.31.15.216', '172.31.0.218'].map((address) => vpc.outside.pingFlood(address)))
  await vpc.instance.batch(addressCommands('add', list))
  await settles(vpc)
  await expectWays(vpc, list)
  // Rows are whole prefixes: fewer rules than addresses, even with the index.
  expect((await rulesOf(vpc, 4)).length).toBeLessThan(list.filter(({ family }) => family === 4).length * 1.2)
  expect((await cli(vpc, ['check'])).code).toBe(0)
  expect((await cli(vpc, ['status'])).stdout.split('\n').length).toBeLessThan(300)
  await vpc.instance.batch(addressCommands('del', list))
  await settles(vpc)
  const counts = await Promise.all(floods.map((flood) => flood.stop()))
  expect(counts.reduce((sum, { lost }) => sum + lost, 0)).toBeLessThanOrEqual(2)
  const shape = [eth0, eth1, ...others].map((eni, i) => goldenOf(vpc, eni, 20000 + i))
  await becomes(judge, shape)
})

test('what somebody takes out of the index comes back, and the plan can be typed', { timeout: 120_000 }, async ({
  vpc,
}) => {
  await attachAll(vpc)
  const list = extras(400)
  await vpc.instance.batch(addressCommands('add', list))
  const foreign = { 4: ['172.31.200.255', '10.9.9.9'], 6: ['fd00:ec2:0:f:1::1', 'fd99::1'] } as const
  await vpc.instance.ip('link add aside type veth peer name aside-peer')
  await vpc.instance.batch([
    ...foreign[4].map((address) => `address add ${address}/32 dev aside`),
    ...foreign[6].map((address) => `address add ${address}/128 dev aside nodad`),
  ])
  const without = { 4: await ways(vpc, 4, foreign[4]), 6: await ways(vpc, 6, foreign[6]) }

  const plan = await cli(vpc, ['plan'])
  expect(plan.code).toBe(2)
  const commands = plan.stdout.trim().split('\n')
  for (const prefix of ['+ ip ', '+ ip -6 ']) {
    const own = commands.filter(
      (line) => line.startsWith(prefix) && line.startsWith('+ ip -6 ') === (prefix === '+ ip -6 '),
    )
    await typeBatch(
      vpc,
      prefix === '+ ip ' ? 4 : 6,
      own.map((line) => line.slice(prefix.length)),
    )
  }
  expect(await cli(vpc, ['plan'])).toEqual({ code: 0, stdout: '', stderr: '' })
  await expectWays(vpc, list)
  expect({ 4: await ways(vpc, 4, foreign[4]), 6: await ways(vpc, 6, foreign[6]) }).toEqual(without)

  await startDaemon(vpc)
  for (const family of families) {
    const rules = await rulesOf(vpc, family)
    const pick = (pattern: RegExp) => rules.filter((line) => pattern.test(line)).slice(0, 3)
    const taken = [/from all nop/, /from all goto/, /from \S+\/\d+ goto/, / goto /].flatMap(pick)
    for (const rule of new Set(taken)) {
      await vpc.instance.ip(`-${family} rule del ${asTyped(rule)}`)
    }
    await settles(vpc)
    expect((await rulesOf(vpc, family)).sort()).toEqual(rules.sort())
    await vpc.instance.ip(`-${family} rule flush`)
    await vpc.instance.ip(`-${family} rule add priority 32766 lookup main`)
    await settles(vpc)
    expect((await rulesOf(vpc, family)).sort()).toEqual(rules.sort())
  }
  await expectWays(vpc, list)
  expect((await cli(vpc, ['cleanup'])).code).toBe(0)
})

/** Addresses of the VPC too, so that packets of theirs are answered, and dropped where they leave by the other ENI. */
function assigned(name: string, third: number): string[] {
  const numbers = Array.from({ length: 40 }, (_, i) => i)
  return [
    ...numbers.map((i) => `172.31.${third + (i % 4)}.${i * 5 + 11}/32`),
    ...numbers.map((i) => `fd00:ec2:0:a::${name === 'eth0' ? 'e0' : 'e1'}:${(i * 77).toString(16)}/128`),
  ]
}

/** Addresses that a client somewhere gets no answer from. */
async function silentOf(vpc: Vpc, list: readonly string[]): Promise<string[]> {
  const places = [vpc.client('a'), vpc.client('b'), vpc.outside]
  const probes = list.flatMap((address) => places.map((host) => ({ host, address: address.split('/')[0] as string })))
  const answers = await Promise.all(
    probes.map(async ({ host, address }) => ({ address, ...(await host.tcp(address, { timeoutMs: 5000 })) })),
  )
  return [...new Set(answers.flatMap(({ ok, address }) => (ok ? [] : [address])))]
}

test('with link-group = 0 all of many addresses answer, also after the daemon was killed, and start again', {
  timeout: 120_000,
}, async ({ vpc }) => {
  const config = `${labConfig}[routing]\nlink-group = 0\n`
  const given = { eth0: assigned('eth0', 4), eth1: assigned('eth1', 9) }
  for (const eni of [eth0, eth1]) {
    await vpc.attach(eni)
  }
  const first = await startDaemon(vpc, config)
  for (const [name, list] of Object.entries(given)) {
    await vpc.assign(name, ...list)
    await vpc.instance.batch(
      list.map((address) => `address add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`),
    )
  }
  const own = [...given.eth0, ...given.eth1, ...eth0.addresses, ...eth1.addresses]
  const rules = async () => [...(await rulesOf(vpc, 4)), ...(await rulesOf(vpc, 6))]
  const allRight = async () => {
    await settles(vpc, config)
    expect(await silentOf(vpc, own)).toEqual([])
    const found = await rules()
    expect(found.join('\n')).toContain('goto')
    expect(found.join('\n')).not.toContain('suppress')
    return found
  }
  const before = await allRight()
  expect(await vpc.instance.ip('-o link show')).not.toMatch(/group (?!default)/)
  first.process.kill('SIGKILL')
  await once(first.process, 'exit')
  expect(await silentOf(vpc, own)).toEqual([])
  const second = await startDaemon(vpc, config)
  expect(await allRight()).toEqual(before)
  expect(second.changes).toEqual([])
  expect((await cli(vpc, ['check'], config)).code).toBe(0)
  await stopDaemon(second)
  expect((await cli(vpc, ['cleanup'], config)).code).toBe(0)
  expect(await rules()).toEqual([])
})
