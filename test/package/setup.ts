import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { guestImage } from '../support/guest-image.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Folders with packages. */
    packages: Packages
    /** Why nothing can be installed in a guest here; empty where it can. */
    noInstallation: string
  }
}

export interface Packages {
  /** Every kind, for both processors; empty where packages can't be built here. */
  readonly all: string
  /** Those for x64, of the same commit, built once more. */
  readonly again: string
  /** The .deb of a later version. */
  readonly later: string
  readonly reason: string
}

export const laterVersion = '99.0.0'

const commands = {
  rpmbuild: 'rpm',
  'dpkg-deb': 'dpkg',
  'x86_64-linux-gnu-strip': 'binutils-x86-64-linux-gnu',
  'aarch64-linux-gnu-strip': 'binutils-aarch64-linux-gnu',
}
const guests = { 'systemd-nspawn': 'systemd-container', mmdebstrap: 'mmdebstrap' }

/** Builds what the tests look at, before the clock of any test runs. */
export default async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'eni-routed-packages-'))
  const reason = missing(commands)
  const packages = { reason, ...(reason ? { all: '', again: '', later: '' } : build(folder)) }
  const noInstallation = reason || (await noGuests())
  for (const why of new Set([reason, noInstallation].filter(Boolean))) {
    console.log(`Not tested: packages (test/package): ${why}`)
  }
  project.provide('packages', packages)
  project.provide('noInstallation', noInstallation)
  return () => rmSync(folder, { recursive: true })
}

function build(folder: string): Omit<Packages, 'reason'> {
  const [all, again, later] = ['all', 'again', 'later'].map((name) => join(folder, name)) as [string, string, string]
  make(all)
  make(again, '--arch', 'x64')
  make(later, '--arch', 'x64', '--format', 'deb', '--version', laterVersion)
  return { all, again, later }
}

function make(out: string, ...args: string[]): void {
  const env = { ...process.env, ...(existsSync('.git') ? {} : { SOURCE_DATE_EPOCH: '1700000000' }) }
  execFileSync(process.execPath, ['tools/package/main.ts', '--fast', '--out', out, ...args], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

function missing(wanted: Readonly<Record<string, string>>): string {
  const folders = `${process.env.PATH}:/usr/sbin:/sbin`.split(':')
  const names = Object.keys(wanted).filter((name) => !folders.some((path) => existsSync(join(path, name))))
  return names.length === 0
    ? ''
    : `${names.join(', ')} not installed (apt-get install ${names.map((name) => wanted[name]).join(' ')})`
}

async function noGuests(): Promise<string> {
  if (process.getuid?.() !== 0) {
    return 'guests need root'
  }
  const reason = missing(guests)
  if (reason) {
    return reason
  }
  try {
    await guestImage()
    return ''
  } catch (error) {
    return `the guest's root could not be made: ${(error as Error).message}`
  }
}
