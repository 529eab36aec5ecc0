import { ConfigError, type ConfigFault } from '../config/fault.ts'
import { loadConfig } from '../config/load.ts'
import { salvageConfig } from '../config/salvage.ts'
import type { Config } from '../config/schema.ts'
import { diagnose } from '../doctor/checks.ts'
import type { Finding } from '../doctor/finding.ts'
import { observe } from '../doctor/observe.ts'
import { exit } from '../exit.ts'
import { paint, wantsColour } from '../terminal.ts'
import { print, printJson } from './output.ts'
import { type CommonOptions, withSession } from './session.ts'

interface DoctorOptions extends CommonOptions {
  readonly root?: string
}

/** Says what breaks symmetric routing or fights the daemon, most serious first. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const { config, faults } = await tolerantly(options)
  const work = (session: Parameters<Parameters<typeof withSession>[1]>[0]) =>
    observe(session, options.root ?? '/', faults)
  const { evidence, unseen } = await withSession(options, work, config)
  const findings = diagnose(evidence)
  if (options.json) {
    printJson({ findings, unseen })
  } else {
    printFindings(findings, unseen)
  }
  return codeOf(findings)
}

/** A configuration with faults is a finding; the rest is looked at under what of it is right. */
async function tolerantly({ config }: CommonOptions): Promise<{ config: Config; faults: readonly ConfigFault[] }> {
  try {
    return { config: await loadConfig(config), faults: [] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { config: salvageConfig(config), faults: error.faults }
  }
}

function codeOf(findings: readonly Finding[]): number {
  if (findings.some(({ severity }) => severity === 'error')) return exit.sick
  return findings.length > 0 ? exit.failed : exit.ok
}

function printFindings(findings: readonly Finding[], unseen: readonly string[]): void {
  const { red, yellow, green, dim } = paint(wantsColour(process.stdout))
  for (const { severity, id, what, evidence, cure } of findings) {
    print(`${severity === 'error' ? red('error  ') : yellow('warning')}  ${what} ${dim(`[${id}]`)}`)
    for (const line of evidence) {
      print(`         ${line}`)
    }
    print(dim(`         to mend it: ${cure}`))
  }
  if (findings.length === 0) {
    print(green('nothing found that breaks the routing or fights it'))
  }
  for (const line of unseen) {
    print(dim(`not seen: ${line}`))
  }
}
