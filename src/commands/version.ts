import { release } from 'node:os'
import { exit } from '../exit.ts'
import { commit, version } from '../version.ts'
import { print, printJson } from './output.ts'

/** The version first, whatever fails after it: the commit, and what the program found to run on. */
export async function printVersion(json: boolean): Promise<number> {
  if (!json) {
    print(`eni-routed ${version}`)
  }
  const surroundings = {
    commit: commit || 'unknown (built by hand)',
    node: `${process.versions.node} (${process.arch})`,
    libsystemd: await found(libsystemd),
    kernel: `${release()}: ${await found(features)}`,
  }
  if (json) {
    printJson({ version, ...surroundings })
  } else {
    for (const [name, value] of Object.entries(surroundings)) {
      print(`${name.padEnd(12)}${value}`)
    }
  }
  return exit.ok
}

/** A machine on which something of this can't even be loaded is one whose details are wanted. */
const found = (look: () => Promise<string>): Promise<string> =>
  look().catch((error: Error) => `can't be asked (${error.message})`)

async function libsystemd(): Promise<string> {
  const file = (await import('../systemd/libsystemd-version.ts')).libsystemdFile()
  return file ?? 'none: neither readiness nor watchdog nor journal fields'
}

async function features(): Promise<string> {
  const { ipv4, ipv6, ruleProtocol, filteredDumps } = (await import('../kernel/features.ts')).kernelFeatures()
  const list = { IPv4: ipv4, IPv6: ipv6, 'rule protocol': ruleProtocol, 'filtered dumps': filteredDumps }
  return Object.entries(list)
    .map(([name, present]) => (present ? name : `no ${name}`))
    .join(', ')
}
