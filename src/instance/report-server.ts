import { rmSync } from 'node:fs'
import type { Log } from '../log.ts'
import { type LocalServer, serveLocally } from './local-server.ts'
import { instanceFile } from './namespace.ts'
import type { DaemonReport } from './report.ts'

/** Answers everyone who connects with the report of that moment, as JSON, and hangs up. Readable by every local user. */
export function serveReport(report: () => DaemonReport, log: Log): LocalServer {
  const file = instanceFile('sock')
  rmSync(file, { force: true })
  return serveLocally(
    file,
    (socket) => socket.end(JSON.stringify(report())),
    // Without it, status says less; the routing does not depend on it.
    (error) => log.warn({ event: 'report', err: error }, `status can't ask this daemon: ${error.message}`),
  )
}
