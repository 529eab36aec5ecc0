import type { Socket as UdpSocket } from 'node:dgram'
import type { Server, Socket } from 'node:net'

/*
 * The functions of this file run in another process, one in each namespace: a probe then costs no process start.
 * They travel as source text (`node -e`), so that bundle, source tree and vitest start them in the same way. Hence they
 * may use one another and process.getBuiltinModule, but nothing that is imported or defined outside of a function.
 */

export interface ProbeRequest {
  readonly address: string
  readonly port: number
  /** Source address; the kernel chooses where it is not given. */
  readonly from?: string | undefined
  readonly timeoutMs: number
}

/** `error` is the system's code (ECONNREFUSED …) or 'timeout', or for UDP the wrong source that a reply came from. */
export type ProbeResult = { readonly ok: true; readonly rttMs: number } | { readonly ok: false; readonly error: string }

/** What the agent does when asked; a request is the line `{"id":1,"operation":"tcp", …}`, its answer `{"id":1, …}`. */
export interface Operations {
  tcp(request: ProbeRequest): Promise<ProbeResult>
  udp(request: ProbeRequest): Promise<ProbeResult>
  /** Tries TCP again and again; `atMs` (CLOCK_MONOTONIC) is when the first answer was there. */
  firstAnswer(request: ProbeRequest & { intervalMs: number }): Promise<{ atMs: number | null }>
  /** Echoes TCP and UDP, on all addresses (`::`) or on one. */
  listen(request: { port: number; address: string }): Promise<object>
}

/** A program for `node -e`. It answers requests from stdin until that ends. */
export function agentSource(): string {
  const operations: Operations = { tcp, udp, firstAnswer, listen }
  // A bundler may have renamed a function, and then its name with it.
  const table = Object.entries(operations).map(([operation, { name }]) => `${operation}: ${name}`)
  const texts = [serve, answer, tcp, udp, firstAnswer, listen, echoStream, echoDatagrams, monotonicMs].map(String)
  return `${texts.join('\n')}\n${serve.name}({ ${table.join(', ')} })`
}

/** Milliseconds of CLOCK_MONOTONIC, which all processes of a machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

function serve(operations: Operations): void {
  const lines = process.getBuiltinModule('node:readline').createInterface({ input: process.stdin })
  lines.on('line', (line) => void answer(operations, JSON.parse(line)))
  lines.on('close', () => process.exit())
}

async function answer(operations: Operations, request: { id: number; operation: keyof Operations }): Promise<void> {
  const operation = operations[request.operation] as (request: object) => Promise<object>
  const result = await operation(request).catch((error: Error) => ({ failure: error.message }))
  process.stdout.write(`${JSON.stringify({ id: request.id, ...result })}\n`)
}

async function listen({ port, address }: { port: number; address: string }): Promise<object> {
  const once = process.getBuiltinModule('node:events').once
  const server: Server = process.getBuiltinModule('node:net').createServer(echoStream)
  const type = address.includes(':') ? 'udp6' : 'udp4'
  const datagrams: UdpSocket = process.getBuiltinModule('node:dgram').createSocket({ type })
  echoDatagrams(datagrams)
  server.listen(port, address)
  datagrams.bind(port, address)
  await Promise.all([once(server, 'listening'), once(datagrams, 'listening')])
  return {}
}

function echoStream(socket: Socket): void {
  socket.on('error', () => socket.destroy()) // The other end went away: its own affair.
  socket.setNoDelay(true)
  socket.pipe(socket)
}

function echoDatagrams(socket: UdpSocket): void {
  socket.on('message', (text, from) => socket.send(text, from.port, from.address, () => {}))
}

function tcp({ address, port, from, timeoutMs }: ProbeRequest): Promise<ProbeResult> {
  const start = monotonicMs()
  const socket = process
    .getBuiltinModule('node:net')
    .connect({ host: address, port, ...(from && { localAddress: from }) })
  socket.setNoDelay(true)
  return new Promise<ProbeResult>((resolve) => {
    socket.on('connect', () => socket.write('?'))
    socket.on('data', () => resolve({ ok: true, rttMs: monotonicMs() - start }))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve({ ok: false, error: error.code ?? error.message }))
    setTimeout(() => resolve({ ok: false, error: 'timeout' }), timeoutMs)
  }).finally(() => socket.destroy())
}

function udp({ address, port, from, timeoutMs }: ProbeRequest): Promise<ProbeResult> {
  const start = monotonicMs()
  const type = address.includes(':') ? 'udp6' : 'udp4'
  const socket = process.getBuiltinModule('node:dgram').createSocket({ type })
  return new Promise<ProbeResult>((resolve) => {
    // Not connected: a reply from another address than was asked must be seen, not hidden.
    socket.bind({ address: from, port: 0 }, () => socket.send('?', port, address))
    socket.on('message', (_, reply) =>
      resolve(
        reply.address === address
          ? { ok: true, rttMs: monotonicMs() - start }
          : { ok: false, error: `reply came from ${reply.address}` },
      ),
    )
    socket.on('error', (error: NodeJS.ErrnoException) => resolve({ ok: false, error: error.code ?? error.message }))
    setTimeout(() => resolve({ ok: false, error: 'timeout' }), timeoutMs)
  }).finally(() => socket.close())
}

function firstAnswer(request: ProbeRequest & { intervalMs: number }): Promise<{ atMs: number | null }> {
  let attempts: NodeJS.Timeout
  return new Promise<{ atMs: number | null }>((resolve) => {
    attempts = setInterval(async () => {
      const probe = await tcp({ ...request, timeoutMs: 100 })
      if (probe.ok) {
        resolve({ atMs: monotonicMs() })
      }
    }, request.intervalMs)
    setTimeout(() => resolve({ atMs: null }), request.timeoutMs)
  }).finally(() => clearInterval(attempts))
}
