import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import type { DaemonProcess } from '../../src/lab/daemon-process.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { cli, startDaemon, stopDaemon } from '../support/daemon.ts'
import type { Faults } from '../support/imds.ts'
import { eth0, eth1, silent } from '../support/judge-answers.ts'
import { MetadataService, toldOf } from '../support/metadata-service.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()

const config = '[interfaces]\ninclude = ["eth*"]\n'
const required = `${config}[metadata]\nmode = "required"\n`

/** Two ENIs that somebody configured, with documents. */
async function setUp(vpc: Vpc) {
  const [first, second] = [await vpc.attach(eth0), await vpc.attach(eth1)]
  await vpc.outside.tcp(bare(eth0.addresses[0] as string))
  const service = await MetadataService.start(vpc, first.mac)
  await service.document(toldOf(first, 0))
  await service.document(toldOf(second, 1, { prefixes: ['172.31.4.16/28'] }))
  return { service, second }
}

/** What it said of the service, from level `info` on. */
const said = ({ lines }: DaemonProcess) =>
  lines.filter(({ msg }) => msg.includes('metadata service') || msg.includes('metadata.mode')).map(({ msg }) => msg)

const failing = /^metadata\.mode is "required", and the metadata service fails: /

describe('metadata.mode = "required"', () => {
  test.for<{ name: string; faults: Faults; problem: RegExp }>([
    { name: 'is busy', faults: { status: 503 }, problem: failing },
    { name: 'breaks connections', faults: { cut: true, reset: true }, problem: failing },
    {
      name: 'refuses',
      faults: { status: 403 },
      problem: /^the metadata service refuses to answer \(403\): it is turned off, or access is denied$/,
    },
  ])('a service that $name is one error, with the remedy, until it answers', async ({ faults, problem }, { vpc }) => {
    const { service } = await setUp(vpc)
    await service.ask('fail', { faults })
    const daemon = await startDaemon(vpc, required)
    const told = await daemon.waitFor(({ event, msg }) => event === 'problem' && problem.test(msg), 10_000)
    expect(told).toMatchObject({ level: 50, remedy: expect.stringContaining('metadata.mode = "auto" or "off"') })
    // The addresses are none the worse for it.
    expect(await silent(vpc, [eth0, eth1])).toEqual([])
    const status = await cli(vpc, ['status'], required)
    expect(status.stdout).toMatch(new RegExp(problem.source.replaceAll(/[$^]/g, '')))
    expect((await cli(vpc, ['check'], required)).code).toBe(1)
    for (let i = 0; i < 3; i++) {
      daemon.process.kill('SIGHUP')
      await sleep(700)
    }
    expect(daemon.lines.filter(({ event, msg }) => event === 'problem' && problem.test(msg))).toHaveLength(1)
    expect(said(daemon).length).toBeLessThanOrEqual(2)
    await service.ask('fail', { faults: {} })
    daemon.process.kill('SIGHUP')
    await daemon.waitFor(({ event }) => event === 'resolved')
    expect(said(daemon).filter((msg) => msg === 'the metadata service answers again')).toHaveLength(1)
    expect((await cli(vpc, ['check'], required)).code).toBe(0)
    await stopDaemon(daemon)
  })
})

describe('metadata.mode = "auto"', () => {
  test('403 is said once, and is no error', async ({ vpc }) => {
    const { service } = await setUp(vpc)
    await service.ask('fail', { faults: { status: 403 } })
    const daemon = await startDaemon(vpc, config)
    await daemon.waitFor(({ msg }) => msg.includes('refuses to answer (403)'))
    for (let i = 0; i < 3; i++) {
      daemon.process.kill('SIGHUP')
      await sleep(300)
    }
    expect(said(daemon)).toEqual([
      'the metadata service refuses to answer (403): it is turned off, or access is denied; asked again from time to time',
    ])
    expect(daemon.lines.filter(({ level }) => Number(level) > 30)).toEqual([])
    expect((await cli(vpc, ['check'], config)).code).toBe(0)
    await stopDaemon(daemon)
  })

  test('silence is not spoken of at all', async ({ vpc }) => {
    const { service } = await setUp(vpc)
    service.kill()
    const daemon = await startDaemon(vpc, config)
    await sleep(4_000)
    expect(said(daemon)).toEqual([])
    await stopDaemon(daemon)
  })
})

describe('a restart while the service is gone', () => {
  test('takes nothing from ENIs that the metadata alone names, nor their prefixes', async ({ vpc }) => {
    const { service, second } = await setUp(vpc)
    const daemon = await startDaemon(vpc, '')
    const rules = () => vpc.instance.ip('rule show')
    await expect.poll(rules, { timeout: 5_000 }).toMatch(/from 172\.31\.4\.16\/28 lookup/)
    await daemon.waitFor(({ event, mac }) => event === 'metadata' && mac === second.mac)
    await expect.poll(() => silent(vpc, [eth0, eth1]), { timeout: 5_000 }).toEqual([])
    await stopDaemon(daemon)
    const before = await rules()
    service.kill()
    const next = await startDaemon(vpc, '')
    await sleep(1_500)
    expect(next.changes.map(({ command }) => command)).toEqual([])
    expect(await rules()).toBe(before)
    expect((await cli(vpc, ['plan'], '')).stdout).toBe('')
    await stopDaemon(next)
    expect((await cli(vpc, ['plan'], '')).stdout).toBe('')
    expect(await silent(vpc, [eth0, eth1])).toEqual([])
  })
})
