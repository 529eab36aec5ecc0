import { ConfigError, formatFault } from '../config/fault.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { Daemon } from '../daemon.ts'
import { exit } from '../exit.ts'
import { onHangup } from '../instance/hangup.ts'
import { lockNamespace } from '../instance/lock.ts'
import { serveReport } from '../instance/report-server.ts'
import { openKernel } from '../kernel/netlink.ts'
import type { Kernel } from '../kernel/port.ts'
import { loadedProgram } from '../loader.ts'
import { type Log, openLog } from '../log.ts'
import { sparing, tidier } from '../memory.ts'
import { Informant } from '../metadata/informant.ts'
import { Exposition } from '../metrics/exposition.ts'
import { requireNetAdmin } from '../privilege.ts'
import { serviceManager } from '../systemd/notify.ts'
import { Service } from '../systemd/service.ts'
import { version } from '../version.ts'
import type { CommonOptions } from './session.ts'

/** Runs the daemon in the foreground until SIGTERM or SIGINT, or until SIGUSR2 hands the routing over to another daemon. */
export async function run(options: CommonOptions): Promise<number> {
  const config = await loadConfig(options.config)
  requireNetAdmin('run')
  return await serve(options, config)
}

/** What the daemon looks at, and what it tells: a rehearsal has others. */
interface Surroundings {
  readonly kernel?: Kernel
  readonly log?: Log
}

/** Serves until a signal ends it. */
export async function serve(options: CommonOptions, config: Config, surroundings: Surroundings = {}): Promise<number> {
  const unlock = lockNamespace()
  const log = surroundings.log ?? (await openLog(config.log.level))
  log.info({ event: 'start', version, pid: process.pid }, `eni-routed ${version} starts as process ${process.pid}`)
  tellLoading(log)
  const manager = await serviceManager(log)
  const tidy = tidier()
  const daemon = new Daemon({
    kernel: surroundings.kernel ?? openKernel((what) => log.debug({ event: 'picture' }, what)),
    config,
    log,
    version,
    informant: (onFailure) => new Informant({ config, log, onFailure }),
    onNews: () => {
      exposition.touch()
      service.news()
    },
    onQuiet: (look) => {
      loadedProgram()?.finish()
      tidy(look)
    },
    atIntervals: sparing(),
    // Half of what the manager grants, as sd_watchdog_enabled(3) recommends.
    ...(manager.watchdog && { longestSilence: manager.watchdog / 2, onAlive: () => manager.alive() }),
  })
  const service = new Service(manager, daemon.account)
  const exposition = new Exposition(() => daemon.account.metrics(), log)
  const server = serveReport(() => daemon.account.report(), log)
  const stopped = stopSignal()
  service.starting()
  daemon.start()
  exposition.configure(config)
  onHangup(async () => {
    service.reloading()
    const { next, complaint } = await reload(options, log)
    service.reloaded(complaint)
    if (next) {
      daemon.reconfigure(next)
      exposition.configure(next)
    }
  })
  const signal = await stopped
  service.stopping()
  log.info({ event: 'stop', signal }, `stopping on ${signal}`)
  daemon.stop({ handOver: signal === handOver })
  server.close()
  exposition.close()
  unlock()
  return exit.ok
}

/** Without compiled code the start takes a third longer, and all else is the same. */
function tellLoading(log: Log): void {
  const program = loadedProgram()
  if (program) {
    const how = program.complaint ? `compiled anew: ${program.complaint}` : 'loaded as it was compiled before'
    log.debug({ event: 'load' }, `the program was ${how}`)
  }
}

/** The configuration read again, or the faults of a bad file, which are reported: the old configuration is kept. */
async function reload(options: CommonOptions, log: Log): Promise<{ next?: Config; complaint?: string }> {
  let config: Config
  try {
    config = await loadConfig(options.config)
  } catch (error) {
    const faults = error instanceof ConfigError ? error.faults.map(formatFault) : [String(error)]
    for (const fault of faults) {
      log.error({ event: 'reload', result: 'refused' }, `the configuration is kept as it was: ${fault}`)
    }
    const more = faults.length - 1
    return { complaint: `${faults[0]}${more > 0 ? ` (and ${more} more, see eni-routed doctor)` : ''}` }
  }
  log.info({ event: 'reload', result: 'done' }, 'the configuration was read again')
  return { next: config }
}

/** The unit's RestartKillSignal=: systemd tells a restart from a stop, and the daemon can't. */
const handOver = 'SIGUSR2'

const stopSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', handOver] as const) {
      process.once(signal, () => resolve(signal))
    }
  })
