import { statSync } from 'node:fs'
import { defaultConfigFile } from '../config/default-file.ts'
import { defaults } from '../config/defaults.ts'
import { ConfigError } from '../config/fault.ts'
import { loadConfig } from '../config/load.ts'
import { salvageConfig } from '../config/salvage.ts'
import type { Config } from '../config/schema.ts'
import { diagnose } from '../doctor/checks.ts'
import type { Finding } from '../doctor/finding.ts'
import { type Faultiness, observe } from '../doctor/observe.ts'
import { ExitError, exit } from '../exit.ts'
import { foldText, paint, wantsColour, widthOf } from '../terminal.ts'
import { print, printJson, printProblems } from './output.ts'
import { type CommonOptions, withSession } from './session.ts'

interface DoctorOptions extends CommonOptions {
  readonly root?: string
}

/** Says what breaks symmetric routing or fights the daemon, most serious first. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const { root = '/' } = options
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    throw new ExitError(exit.usage, `--root ${root}: there is no such directory`)
  }
  const { config, faults, unreadable } = await tolerantly(options)
  const { evidence, unseen } = await withSession(
    options,
    (session) => observe(session, root, { faults, unreadable }),
    config,
  )
  const findings = diagnose(evidence)
  if (options.json) {
    printJson({ findings, unseen })
  } else {
    printFindings(findings, unseen)
  }
  return codeOf(findings)
}

interface Tolerated extends Faultiness {
  readonly config: Config
}

/**
 * A configuration with faults is a finding; the rest is looked at under what of it is right. One that this user may not
 * read is no fault of the machine.
 */
async function tolerantly({ config }: CommonOptions): Promise<Tolerated> {
  try {
    return { config: await loadConfig(config), faults: [], unreadable: undefined }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.unreadable
      ? { config: defaults, faults: [], unreadable: config ?? defaultConfigFile }
      : { config: salvageConfig(config), faults: error.faults, unreadable: undefined }
  }
}

function codeOf(findings: readonly Finding[]): number {
  if (findings.some(({ severity }) => severity === 'error')) return exit.sick
  return findings.length > 0 ? exit.failed : exit.ok
}

function printFindings(findings: readonly Finding[], unseen: readonly string[]): void {
  const styles = paint(wantsColour(process.stdout))
  const width = widthOf(process.stdout)
  printProblems(
    findings.map(({ what, cure, ...finding }) => ({ ...finding, problem: what, remedy: cure })),
    styles,
  )
  if (findings.length === 0) {
    print(styles.green('nothing found that breaks the routing or fights it'))
  }
  for (const line of unseen.flatMap((text) => foldText(text, width, 'not seen: '))) {
    print(styles.dim(line))
  }
}
