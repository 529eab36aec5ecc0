import { lstatSync, rmSync } from 'node:fs'
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import { type LocalServer, serveLocally } from '../instance/local-server.ts'
import type { Log } from '../log.ts'
import type { Family } from './family.ts'
import { openMetricsText, prometheusText } from './text.ts'

/**
 * Answers `GET /metrics` on a unix socket, for every local user. A reader that asks for OpenMetrics or JSON gets it; the
 * others get Prometheus' text format, as curl and old scrapers expect. node:http is loaded at the first request: a daemon
 * that nobody scrapes should not have to hold it.
 */
export function serveMetrics(file: string, families: () => Family[], log: Log): LocalServer {
  let http: HttpServer | undefined
  // Without it nobody can scrape; the routing does not depend on it.
  const complain = (error: Error) =>
    log.warn({ event: 'metrics', err: error }, `metrics can't be read at ${file}: ${error.message}`)
  try {
    makeRoom(file)
  } catch (error) {
    complain(error as Error)
    return { close: () => {} }
  }
  return serveLocally(
    file,
    (socket) => {
      http ??= createHttp(families)
      http.emit('connection', socket)
    },
    complain,
  )
}

/** A socket that a daemon left behind when it was killed; what is no socket is somebody else's, and stays. */
function makeRoom(file: string): void {
  if (lstatSync(file, { throwIfNoEntry: false })?.isSocket()) {
    rmSync(file)
  }
}

function createHttp(families: () => Family[]): HttpServer {
  const { createServer } = process.getBuiltinModule('node:http')
  return createServer((request, response) => answer(request, response, families))
}

function answer(request: IncomingMessage, response: ServerResponse, families: () => Family[]): void {
  response.setHeader('Connection', 'close')
  const path = request.url?.split('?')[0]
  if (path !== '/metrics') {
    response.writeHead(404, plain).end(`there is no ${path} here: GET /metrics\n`)
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...plain, Allow: 'GET, HEAD' }).end('only GET /metrics\n')
  } else {
    const { type, text } = formatFor(request.headers.accept ?? '')
    // Node leaves the body out where the method is HEAD.
    response.writeHead(200, { 'Content-Type': type }).end(text(families()))
  }
}

const plain = { 'Content-Type': 'text/plain; charset=utf-8' }

function formatFor(accept: string): { type: string; text: (families: readonly Family[]) => string } {
  if (accept.includes('application/openmetrics-text')) {
    return { type: 'application/openmetrics-text; version=1.0.0; charset=utf-8', text: openMetricsText }
  }
  return accept.includes('application/json')
    ? { type: 'application/json', text: (families) => `${JSON.stringify(families)}\n` }
    : { type: 'text/plain; version=0.0.4; charset=utf-8', text: prometheusText }
}
