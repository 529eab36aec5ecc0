import { ConfigError, formatFault } from '../config/fault.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { Daemon } from '../daemon.ts'
import { exit } from '../exit.ts'
import { onHangup } from '../instance/hangup.ts'
import { lockNamespace } from '../instance/lock.ts'
import { serveReport } from '../instance/report-server.ts'
import { openKernel } from '../kernel/netlink.ts'
import { createLog, type Log } from '../log.ts'
import { Informant } from '../metadata/informant.ts'
import { Exposition } from '../metrics/exposition.ts'
import { requireNetAdmin } from '../privilege.ts'
import { version } from '../version.ts'
import type { CommonOptions } from './session.ts'

/** Runs the daemon in the foreground until SIGTERM or SIGINT. */
export async function run(options: CommonOptions): Promise<number> {
  const config = await loadConfig(options.config)
  requireNetAdmin('run')
  const unlock = lockNamespace()
  const log = createLog(config.log.level)
  log.info({ event: 'start', version, pid: process.pid }, `eni-routed ${version} starts as process ${process.pid}`)
  const daemon = new Daemon({
    kernel: openKernel(),
    config,
    log,
    version,
    onNews: () => exposition.touch(),
    informant: (onFailure) => new Informant({ config, log, onFailure }),
  })
  const exposition = new Exposition(() => daemon.metrics(), log)
  const server = serveReport(() => daemon.report(), log)
  const stopped = stopSignal()
  daemon.start()
  exposition.configure(config)
  onHangup(async () => {
    const next = await reload(options, log)
    if (next) {
      daemon.reconfigure(next)
      exposition.configure(next)
    }
  })
  const signal = await stopped
  log.info({ event: 'stop', signal }, `stopping on ${signal}`)
  daemon.stop()
  server.close()
  exposition.close()
  unlock()
  return exit.ok
}

/** The configuration read again. A bad new file is reported, and undefined: the old configuration is kept. */
async function reload(options: CommonOptions, log: Log): Promise<Config | undefined> {
  let config: Config
  try {
    config = await loadConfig(options.config)
  } catch (error) {
    const faults = error instanceof ConfigError ? error.faults.map(formatFault) : [String(error)]
    for (const fault of faults) {
      log.error({ event: 'reload', result: 'refused' }, `the configuration is kept as it was: ${fault}`)
    }
    return undefined
  }
  log.info({ event: 'reload', result: 'done' }, 'the configuration was read again')
  return config
}

const stopSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => resolve(signal))
    }
  })
