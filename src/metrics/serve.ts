import { chmodSync, lstatSync, rmSync } from 'node:fs'
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:net'
import type { Log } from '../log.ts'
import type { Family } from './family.ts'
import { openMetricsText, prometheusText } from './text.ts'

/** ms; a client that says nothing for so long is hung up on. */
const patience = 5_000
/** Scrapers come one at a time. */
const mostClients = 16

/**
 * Answers `GET /metrics` on a unix socket, for every local user. A reader that asks for OpenMetrics or JSON gets it; the
 * others get Prometheus' text format, as curl and old scrapers expect. node:http is loaded at the first request: a daemon
 * that nobody scrapes should not have to hold it.
 */
export function serveMetrics(file: string, families: () => Family[], log: Log): Server {
  let http: Promise<HttpServer> | undefined
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    // A client that has gone is no fault of ours.
    socket.on('error', () => socket.destroy())
    socket.setTimeout(patience, () => socket.destroy())
    http ??= createHttp(families)
    void http.then((parser) => {
      parser.emit('connection', socket)
      socket.resume()
    })
  })
  server.maxConnections = mostClients
  // Without it nobody can scrape; the routing does not depend on it.
  server.on('error', (error) =>
    log.warn({ event: 'metrics', err: error }, `metrics can't be read at ${file}: ${error.message}`),
  )
  makeRoom(file)
  server.listen(file, () => chmodSync(file, 0o666))
  return server
}

/** A socket that a daemon left behind when it was killed; what is no socket is somebody else's, and stays. */
function makeRoom(file: string): void {
  if (lstatSync(file, { throwIfNoEntry: false })?.isSocket()) {
    rmSync(file)
  }
}

async function createHttp(families: () => Family[]): Promise<HttpServer> {
  const { createServer: createHttpServer } = await import('node:http')
  return createHttpServer((request, response) => answer(request, response, families))
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
