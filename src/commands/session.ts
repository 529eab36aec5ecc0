import { type Assessment, assess } from '../assess.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { settingsOf } from '../config/settings.ts'
import { knowledgeOf } from '../instance/knowledge-report.ts'
import { lockHolder } from '../instance/lock.ts'
import { type DaemonReport, readReport } from '../instance/report.ts'
import { openKernel } from '../kernel/netlink.ts'
import type { Kernel } from '../kernel/port.ts'
import { type Knowledge, noMetadata } from '../policy/knowledge.ts'
import type { Settings } from '../policy/settings.ts'
import type { Tables } from '../policy/tables.ts'

/** Options that every verb takes. */
export interface CommonOptions {
  readonly config?: string
  readonly json?: boolean
}

/** What a verb that looks at the kernel works with. */
export interface Session {
  readonly kernel: Kernel
  readonly config: Config
  readonly settings: Settings
  /** The daemon of this network namespace, where one runs. */
  readonly daemon: DaemonReport | undefined
  /** A process that has the daemon's lock and does not answer. */
  readonly silentDaemon: number | undefined
  /** The daemon's tables, so that a verb decides as the daemon does. */
  readonly tables: Tables
}

/** Reads the configuration, unless it is `given`, asks the daemon, opens the kernel; closes it after `work`. @throws {ConfigError} */
export async function withSession<T>(
  options: CommonOptions,
  work: (session: Session) => T | Promise<T>,
  given?: Config,
): Promise<T> {
  const config = given ?? (await loadConfig(options.config))
  const daemon = await readReport()
  const silentDaemon = daemon ? undefined : lockHolder()
  const kernel = openKernel()
  try {
    const settings = settingsOf(config, [], daemon ? knowledgeOf(daemon.knowledge) : await glance(config, kernel))
    return await work({ kernel, config, settings, daemon, silentDaemon, tables: tablesOf(daemon) })
  } finally {
    kernel.close()
  }
}

export const assessSession = ({ kernel, settings, tables }: Session): Assessment => assess(kernel, settings, tables)

/** Without a daemon to ask, a short look at the metadata itself. */
async function glance(config: Config, kernel: Kernel): Promise<Knowledge> {
  if (config.metadata.mode === 'off') {
    return noMetadata
  }
  const { glanceAtMetadata } = await import('../metadata/glance.ts')
  return glanceAtMetadata(config, kernel)
}

const tablesOf = (daemon: DaemonReport | undefined): Tables =>
  new Map((daemon?.tables ?? []).map(({ linkIndex, mac, table }) => [linkIndex, { mac, table }]))
