import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { folderOf } from '../../src/lab/cleanup.ts'
import { labConfig } from '../../src/lab/daemon-process.ts'
import { eth0, eth1 } from '../support/judge-answers.ts'
import { Installation } from './installation.ts'

const packages = inject('packages')

/**
 * The scriptlets of the .rpm, run by hand in the order in which RPM runs them, under a systemd that presets nothing, as the
 * RHEL family has it. The guest is Debian's: there is no root of the RHEL family to be had without its registry.
 */
describe.skipIf(inject('noInstallation') !== '')('the scriptlets of the .rpm', { timeout: 60_000 }, () => {
  let machine: Installation
  let folder: string

  beforeAll(async () => {
    machine = await Installation.boot()
    folder = folderOf(machine.vpc.instance.name)
    await machine.vpc.attach(eth0)
    await machine.vpc.attach(eth1)
    machine.guest.write('/etc/systemd/system-preset/99-default-disable.preset', 'disable *\n')
    await putFiles()
    machine.guest.write('/etc/eni-routed/config.toml', labConfig)
  }, 60_000)
  afterAll(() => machine?.destroy())

  const file = () => join(packages.all, readdirSync(packages.all).find((name) => name.endsWith('.x86_64.rpm'))!)

  async function putFiles(): Promise<void> {
    const payload = join(folder, 'payload')
    mkdirSync(payload)
    const archive = execFileSync('rpm2archive', ['-'], {
      input: execFileSync('cat', [file()], { maxBuffer: 1 << 28 }),
      maxBuffer: 1 << 28,
    })
    execFileSync('tar', ['-xzf', '-', '-C', payload], { input: archive })
    await machine.exec('cp', '-a', `${payload}/.`, '/')
  }

  /** `instances`: how many versions of the package there are once RPM is done, as its scriptlets are told. */
  async function scriptlet(name: 'POSTIN' | 'PREUN' | 'POSTUN' | 'POSTTRANS', instances?: number): Promise<void> {
    const script = join(folder, name)
    writeFileSync(script, execFileSync('rpm', ['-qp', '--queryformat', `%{${name}}`, file()]))
    await machine.exec('sh', '-e', script, ...(instances === undefined ? [] : [String(instances)]))
  }

  test('leave it to the distribution whether the service runs', async () => {
    await scriptlet('POSTIN', 1)
    await scriptlet('POSTTRANS')
    expect(await machine.property('UnitFileState')).toBe('disabled')
    expect(await machine.property('ActiveState')).toBe('inactive')
  })

  test('have the code compiled on the machine', async () => {
    const file = '/usr/lib/eni-routed/program.compiled'
    expect(await machine.exec('stat', '--format=%U:%G %a', file)).toBe('root:root 644\n')
    expect(await machine.exec('head', '-c', '30', file)).toContain('{"runtime":"Node v24')
  })

  test('start it where a preset enables it', async () => {
    machine.guest.write('/etc/systemd/system-preset/10-eni-routed.preset', 'enable eni-routed.service\n')
    await scriptlet('POSTIN', 1)
    await scriptlet('POSTTRANS')
    expect(await machine.property('UnitFileState')).toBe('enabled')
    await machine.until('active', async () => (await machine.property('ActiveState')) === 'active')
  })

  test('replace the daemon at an upgrade', async () => {
    const pid = await machine.property('MainPID')
    await scriptlet('POSTIN', 2)
    await scriptlet('PREUN', 1)
    await scriptlet('POSTUN', 1)
    expect(await machine.property('MainPID')).toBe(pid)
    await scriptlet('POSTTRANS')
    expect(await machine.property('MainPID')).not.toBe(pid)
    expect(await machine.property('ActiveState')).toBe('active')
  })

  test('stop and disable it at its removal, and leave nothing that RPM does not know', async () => {
    machine.guest.write('/usr/lib/eni-routed/program.compiled.123', 'torn')
    await scriptlet('PREUN', 0)
    expect(await machine.exec('sh', '-c', 'echo /usr/lib/eni-routed/program.compiled*')).toBe(
      '/usr/lib/eni-routed/program.compiled\n',
    )
    expect(await machine.property('ActiveState')).toBe('inactive')
    expect(await machine.exec('find', '/etc/systemd/system', '-name', 'eni-routed*')).toBe('')
    await machine.exec('rm', '/usr/lib/systemd/system/eni-routed.service')
    await scriptlet('POSTUN', 0)
    expect(await machine.property('LoadState')).toBe('not-found')
  })
})
