import { chmodSync, closeSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
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
