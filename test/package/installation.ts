import { copyFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { folderOf } from '../../src/lab/cleanup.ts'
import { Vpc } from '../../src/lab/vpc.ts'
import { Guest } from '../support/guest.ts'

const unit = 'eni-routed.service'

/** What programs of the guest write by themselves while it runs, and what apt and dpkg note about every package. */
const ownLife = /^\/(run|tmp|proc|sys|dev|var\/(log|cache|tmp|lib\/(dpkg|apt|systemd\/(timers|random-seed))))\//

/** A Debian machine that never saw the project, with what dpkg and systemd say about its package. */
export class Installation {
  readonly vpc: Vpc
  readonly guest: Guest

  static async boot(): Promise<Installation> {
    const vpc = await Vpc.create()
    try {
      return new Installation(vpc, await Guest.boot(vpc.instance))
    } catch (error) {
      await vpc.destroy()
      throw error
    }
  }

  private constructor(vpc: Vpc, guest: Guest) {
    this.vpc = vpc
    this.guest = guest
  }

  /** Installs or upgrades by apt, which has no network here; a configuration that is there already stays. */
  async install(folder: string, ...options: string[]): Promise<void> {
    const file = readdirSync(folder).find((name) => name.endsWith('_amd64.deb'))!
    const there = join(folderOf(this.vpc.instance.name), file)
    copyFileSync(join(folder, file), there)
    await this.apt('install', ...options, there)
  }

  async apt(...args: string[]): Promise<void> {
    const keep = ['-o', 'Dpkg::Options::=--force-confold', '-o', 'Debug::NoLocking=true']
    await this.exec('DEBIAN_FRONTEND=noninteractive', 'apt-get', '--yes', '--quiet', ...keep, ...args)
  }

  /** A property of the unit, as systemctl(1) shows it. */
  async property(name: string): Promise<string> {
    return (await this.guest.systemctl('show', '--property', name, '--value', unit)).trim()
  }

  systemctl(verb: string): Promise<string> {
    return this.guest.systemctl(verb, unit)
  }

  /** The program as people start it: by its name. */
  program(...args: string[]): Promise<string> {
    return this.exec('eni-routed', ...args)
  }

  /** With the guest's own PATH: that of the tests names the project's Node, whose folder the guest sees. */
  exec(...command: string[]): Promise<string> {
    return this.guest.exec('env', ['-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', ...command])
  }

  /** Every path of the machine but those of its own life. */
  async files(): Promise<string[]> {
    const output = await this.guest.exec('find', ['/', '-xdev'])
    return output
      .split('\n')
      .filter((path) => path && !ownLife.test(path))
      .sort()
  }

  /** What the daemon itself complained of, from the warnings on. */
  async complaints(): Promise<string> {
    const args = ['--no-pager', '--output=cat', '--priority=warning', `_SYSTEMD_UNIT=${unit}`]
    return (await this.guest.exec('journalctl', args)).replace('-- No entries --', '').trim()
  }

  /** The last thing that the daemon told that begins so; empty where there is none. */
  async said(beginning: string): Promise<string> {
    const lines = await this.guest.exec('journalctl', ['--no-pager', '--output=cat', `_SYSTEMD_UNIT=${unit}`])
    return lines.split('\n').findLast((line) => line.startsWith(beginning)) ?? ''
  }

  async until(what: string, holds: () => Promise<boolean>, timeoutMs = 10_000): Promise<void> {
    for (const end = performance.now() + timeoutMs; !(await holds()); await setTimeout(100)) {
      if (performance.now() > end) {
        throw new Error(`in vain awaited: ${what}\n${await this.guest.journal(unit)}`)
      }
    }
  }

  async destroy(): Promise<void> {
    await this.guest.destroy()
    await this.vpc.destroy()
  }
}
