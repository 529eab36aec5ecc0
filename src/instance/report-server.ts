import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import type { Log } from '../log.ts'
import { instanceFile } from './namespace.ts'
import type { DaemonReport } from './report.ts'

/** Answers everyone who connects with the report of that moment, as JSON, and hangs up. Readable by every local user. */
export function serveReport(report: () => DaemonReport, log: Log): Server {
  const file = instanceFile('sock')
  rmSync(file, { force: true })
  const server = createServer((socket) => {
    // A client that has gone is no fault of ours.
    socket.on('error', () => socket.destroy())
    socket.end(JSON.stringify(report()))
  })
  // Without it, status says less; the routing does not depend on it.
  server.on('error', (error) =>
    log.warn({ event: 'report', err: error }, `status can't ask this daemon: ${error.message}`),
  )
  server.listen(file, () => chmodSync(file, 0o666))
  return server
}
