import { once } from 'node:events'
import { chmodSync, closeSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { listenAt } from '../../../src/instance/listening-socket.ts'
import { serveLocally } from '../../../src/instance/local-server.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'eni-routed-socket-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const fail = (error: Error) => {
  throw error
}

test('who connects before anybody serves is served', async () => {
  const path = join(folder, 'x.sock')
  const server = serveLocally(path, (socket) => socket.end('hello'), fail)
  expect(statSync(path).mode & 0o777).toBe(0o666)
  expect(await text(createConnection(path))).toBe('hello')
  server.close()
  expect(existsSync(path)).toBe(false)
})

test('a server that is closed at once leaves no socket', async () => {
  const path = join(folder, 'x.sock')
  serveLocally(path, () => {}, fail).close()
  await new Promise(setImmediate)
  expect(existsSync(path)).toBe(false)
})

test.each([
  { name: 'where there is no folder', path: 'none/x.sock', why: 'ENOENT' },
  { name: 'with a path of 108 bytes', path: undefined, why: 'too long for a socket, which may have 107 bytes' },
])('there is no socket $name', ({ path, why }) => {
  const whole = join(folder, path ?? 'x'.repeat(108 - folder.length - 1))
  expect(() => listenAt(whole)).toThrow(why)
  const errors: string[] = []
  serveLocally(
    whole,
    () => {},
    (error) => errors.push(error.message),
  ).close()
  expect(errors.join()).toContain(why)
})

test('a path of 107 bytes is none too many', () => {
  const path = join(folder, 'x'.repeat(107 - folder.length - 1))
  closeSync(listenAt(path))
  chmodSync(path, 0o600)
})

/** A client that reads nothing and never hangs up. */
const leech = async (path: string) => {
  const socket = createConnection({ path, allowHalfOpen: true }).on('error', () => {})
  await once(socket, 'connect')
  return socket.pause()
}

test('clients that never hang up keep nobody else out', async () => {
  const path = join(folder, 'x.sock')
  const server = serveLocally(path, (socket) => socket.end('hello'), fail)
  const leeches = await Promise.all(Array.from({ length: 50 }, () => leech(path)))
  await expect.poll(async () => text(createConnection(path)).catch(() => '')).toBe('hello')
  for (const socket of leeches) socket.destroy()
  server.close()
})

test('clients that ask for nothing give way to those who come after them', async () => {
  const path = join(folder, 'x.sock')
  const server = serveLocally(path, (socket) => socket.once('data', () => socket.end('hello')), fail)
  await Promise.all(Array.from({ length: 50 }, () => leech(path)))
  const last = createConnection(path)
  last.write('?')
  expect(await text(last)).toBe('hello')
  server.close()
})

test('clients that do not take their answer, or ask for ever, are hung up on', async () => {
  const path = join(folder, 'x.sock')
  const ended = vi.fn()
  const serve = (socket: Socket) => void socket.on('close', ended).write('x'.repeat(10 << 20))
  const server = serveLocally(path, serve, fail, 100)
  const leeches = await Promise.all(Array.from({ length: 16 }, () => leech(path)))
  const asking = setInterval(() => {
    for (const socket of leeches) socket.write('?')
  }, 10)
  await expect.poll(() => ended.mock.calls.length).toBe(16)
  clearInterval(asking)
  server.close()
})

test('clients are dismissed where the server closes: a process with one does not end', async () => {
  const path = join(folder, 'x.sock')
  const ended = vi.fn()
  const server = serveLocally(path, (socket) => void socket.on('close', ended).write('x'), fail)
  await leech(path)
  const second = await leech(path)
  second.resume()
  await once(second, 'data')
  server.close()
  await expect.poll(() => ended.mock.calls.length).toBe(2)
})
