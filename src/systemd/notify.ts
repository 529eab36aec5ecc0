import type { Log } from '../log.ts'

/** The service manager as a service sees it, by sd_notify(3). */
export interface ServiceManager {
  /** ms after which the manager takes a silent service for hung; undefined where it does not look. */
  readonly watchdog: number | undefined
  ready(status: string): void
  status(text: string): void
  alive(): void
  reloading(): void
  stopping(): void
  /** Something takes its time: `ms` from now are needed. */
  extend(ms: number): void
}

/** Nobody who could be told. */
const nobody: ServiceManager = {
  watchdog: undefined,
  ready: () => {},
  status: () => {},
  alive: () => {},
  reloading: () => {},
  stopping: () => {},
  extend: () => {},
}

/** The manager that started this process, where it asks to be told ($NOTIFY_SOCKET). */
export async function serviceManager(log: Log, env: NodeJS.ProcessEnv = process.env): Promise<ServiceManager> {
  if (!env.NOTIFY_SOCKET) {
    return nobody
  }
  const library = (await import('./libsystemd.ts')).loadLibsystemd()
  if (!library) {
    log.warn(
      { event: 'notify' },
      'libsystemd.so.0 is not there: the service manager is told nothing; install libsystemd0',
    )
    return nobody
  }
  return talkTo(library.notify, watchdogOf(env))
}

/** ms; the manager may mean another process of the service (sd_watchdog_enabled(3)). */
function watchdogOf({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  const ms = Number(WATCHDOG_USEC) / 1000
  const meant = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid
  return meant && ms > 0 ? ms : undefined
}

/** The messages themselves; `notify` takes `KEY=VALUE` lines. A status that is known already is not told again. */
export function talkTo(notify: (lines: string) => unknown, watchdog: number | undefined): ServiceManager {
  let told: string | undefined
  const newStatus = (text: string) => {
    const isNew = text !== told
    told = text
    return isNew
  }
  return {
    watchdog,
    ready: (text) => {
      told = text
      notify(`READY=1\nSTATUS=${text}`)
    },
    status: (text) => newStatus(text) && notify(`STATUS=${text}`),
    alive: () => notify('WATCHDOG=1'),
    // CLOCK_MONOTONIC, as Node's own clock: systemd tells by it which reload is meant.
    reloading: () => notify(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: () => notify('STOPPING=1\nSTATUS=Stopping'),
    extend: (ms) => notify(`EXTEND_TIMEOUT_USEC=${ms * 1000}`),
  }
}
