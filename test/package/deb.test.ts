import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { labConfig } from '../../src/lab/daemon-process.ts'
import { ping, pingFlood } from '../../src/lab/ping.ts'
import { messageIds } from '../../src/systemd/message-ids.ts'
import { eth0, eth1, everything } from '../support/judge-answers.ts'
import { Installation } from './installation.ts'
import { laterVersion } from './setup.ts'

const packages = inject('packages')
const configFile = '/etc/eni-routed/config.toml'
const compiled = '/usr/lib/eni-routed/program.compiled'
const address = (eni: typeof eth0): string => eni.addresses[0]!.split('/')[0]!

/** One machine's life with the package, in this order. */
describe.skipIf(inject('noInstallation') !== '')('the .deb', { timeout: 120_000 }, () => {
  let machine: Installation
  let filesBefore: string[]
  let kernelBefore: string

  beforeAll(async () => {
    machine = await Installation.boot()
    filesBefore = await machine.files()
    await machine.vpc.attach(eth0)
    // What user-data writes before it installs.
    machine.guest.write(configFile, `${labConfig}[routing]\non-stop = "remove"\n`)
    kernelBefore = await everything(machine.vpc)
  }, 120_000)
  afterAll(() => machine?.destroy())

  const answers = async (eni: typeof eth0) => (await ping(machine.vpc.outside, address(eni))).ok

  /** Packets of a ping of 1 ms that get lost while `action` goes on, and a little before and after. */
  async function lostDuring(action: () => Promise<unknown>) {
    const floods = await Promise.all([eth0, eth1].map((eni) => pingFlood(machine.vpc.outside, address(eni))))
    await setTimeout(300)
    await action()
    await machine.until('READY', async () => (await machine.property('ActiveState')) === 'active')
    await setTimeout(300)
    const counts = await Promise.all(floods.map((flood) => flood.stop()))
    expect(Math.min(...counts.map(({ sent }) => sent))).toBeGreaterThan(100)
    return counts.map(({ lost }) => lost)
  }

  test('finds no Node on the machine, and needs none', async () => {
    await expect(machine.exec('which', 'node')).rejects.toThrow()
    await machine.install(packages.all)
    expect(await machine.property('ActiveState')).toBe('active')
    expect(await machine.property('UnitFileState')).toBe('enabled')
    const pid = await machine.property('MainPID')
    expect((await machine.guest.exec('readlink', [`/proc/${pid}/exe`])).trim()).toBe('/usr/lib/eni-routed/node')
  })

  test('starts it with the code that Node compiled at the installation', async () => {
    const [owner] = (await machine.exec('stat', '--format=%U:%G %a %F', compiled)).split('\n')
    expect(owner).toBe('root:root 644 regular file')
    const unit = '/run/systemd/system/eni-routed.service.d/debug.conf'
    expect(await machine.said('the program was')).toBe('')
    machine.guest.write('/etc/eni-routed/debug.toml', `${labConfig}[log]\nlevel = "debug"\n`)
    machine.guest.write(
      unit,
      '[Service]\nExecStart=\nExecStart=/usr/bin/eni-routed run --config /etc/eni-routed/debug.toml\n',
    )
    await machine.guest.systemctl('daemon-reload')
    await machine.systemctl('restart')
    expect(await machine.said('the program was')).toBe('the program was loaded as it was compiled before')
    await machine.exec('rm', unit, '/etc/eni-routed/debug.toml')
    await machine.guest.systemctl('daemon-reload')
    await machine.systemctl('restart')
  })

  /** The id that the journal gives a new problem. */
  const explained = () => machine.exec('journalctl', '--dump-catalog', messageIds.problem!).catch(() => '')

  test('has the journal explain its records', async () => {
    expect(await explained()).toContain('eni-routed')
  })

  test('keeps the configuration that is there', () => {
    expect(machine.guest.read(configFile)).toContain('on-stop = "remove"')
  })

  test('changes nothing on a machine with one ENI', async () => {
    expect(await everything(machine.vpc)).toBe(kernelBefore)
    expect(await machine.program('plan')).toBe('')
  })

  test('tells its version, its commit and what it runs on', async () => {
    const version = await machine.program('--version')
    expect(version).toMatch(/^eni-routed \d+\.\d+\.\d+\ncommit +[0-9a-f]{40}(-changed)?\nnode +24\./)
    expect(version).toMatch(/libsystemd +\/.*\/libsystemd\.so\.0/)
    expect(version).toMatch(/kernel .*: IPv4, IPv6, rule protocol, filtered dumps\n$/)
  })

  test('makes a second ENI answer', async () => {
    await machine.vpc.attach(eth1)
    kernelBefore = await withoutOurs()
    await machine.until('both answer', async () => (await answers(eth0)) && (await answers(eth1)))
    await machine.program('check')
  })

  /** The kernel as it is while nobody keeps the routing; then the daemon runs again. */
  async function withoutOurs(): Promise<string> {
    await machine.systemctl('stop')
    const listing = await everything(machine.vpc)
    await machine.systemctl('start')
    return listing
  }

  test('loses no packet at an upgrade, though a stop would remove the routing', async () => {
    const pid = await machine.property('MainPID')
    expect(await lostDuring(() => machine.install(packages.later))).toEqual([0, 0])
    expect(await machine.property('MainPID')).not.toBe(pid)
    expect(await machine.program('--version')).toContain(`eni-routed ${laterVersion}\n`)
    expect(await machine.exec('cat', compiled).then((text) => text.includes(laterVersion))).toBe(true)
    expect(machine.guest.read(configFile)).toContain('on-stop = "remove"')
  })

  test('loses no packet at a restart', async () => {
    expect(await lostDuring(() => machine.systemctl('restart'))).toEqual([0, 0])
  })

  test('leaves a daemon stopped that the administrator stopped and disabled', async () => {
    await machine.systemctl('disable')
    await machine.systemctl('stop')
    await machine.install(packages.all, '--allow-downgrades')
    expect(await machine.property('ActiveState')).toBe('inactive')
    expect(await machine.property('UnitFileState')).toBe('disabled')
    await machine.systemctl('enable')
    await machine.systemctl('start')
  })

  test('had nothing to complain of', async () => {
    expect(await machine.complaints()).toBe('')
  })

  test('takes the routing away at its removal where on-stop says so, and keeps the configuration', async () => {
    await machine.until('the second answers', () => answers(eth1))
    await machine.apt('remove', 'eni-routed')
    expect(await everything(machine.vpc)).toBe(kernelBefore)
    expect(machine.guest.read(configFile)).toContain('on-stop = "remove"')
    expect(await answers(eth1)).toBe(false)
    await expect(machine.exec('ls', '/usr/lib/eni-routed')).rejects.toThrow(/No such file/)
  })

  test('leaves no file after a purge', async () => {
    await machine.apt('purge', 'eni-routed')
    expect(await machine.files()).toEqual(filesBefore)
    expect(await explained()).not.toContain('eni-routed')
  })
})
