import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { gauge } from '../../../src/metrics/family.ts'
import { readMetrics } from '../../../src/metrics/read.ts'
import { serveMetrics } from '../../../src/metrics/serve.ts'
import { memoryLog } from '../../support/fake-kernel-log.ts'

let folder: string
let socketPath: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'eni-routed-metrics-'))
  socketPath = join(folder, 'metrics.sock')
})
afterEach(() => rmSync(folder, { recursive: true }))

function serving() {
  const { log, messages } = memoryLog()
  const server = serveMetrics(socketPath, () => [gauge('x', 'X.', 1)], log)
  return { server, messages, [Symbol.dispose]: () => server.close() }
}

async function ask(method: string, path: string, accept = '*/*') {
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) =>
    request({ socketPath, method, path, headers: { accept } }, resolve).on('error', reject).end(),
  )
  return { status: response.statusCode, type: response.headers['content-type'], body: await text(response) }
}

const prometheus = '# HELP x X.\n# TYPE x gauge\nx 1\n'

test.each([
  { accept: '*/*', type: 'text/plain; version=0.0.4; charset=utf-8', body: prometheus },
  {
    accept: 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    type: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
    body: '# TYPE x gauge\n# HELP x X.\nx 1\n# EOF\n',
  },
  {
    accept: 'application/json',
    type: 'application/json',
    body: '[{"name":"x","type":"gauge","help":"X.","samples":[{"labels":{},"value":1}]}]\n',
  },
])('who accepts $accept gets $type', async ({ accept, type, body }) => {
  using _served = serving()
  expect(await ask('GET', '/metrics', accept)).toEqual({ status: 200, type, body })
})

test.each([
  { method: 'HEAD', path: '/metrics', status: 200, says: '' },
  { method: 'GET', path: '/metrics?x=1', status: 200, says: prometheus },
  { method: 'GET', path: '/', status: 404, says: 'there is no / here: GET /metrics\n' },
  { method: 'POST', path: '/metrics', status: 405, says: 'only GET /metrics\n' },
])('$method $path is $status', async ({ method, path, status, says }) => {
  using _served = serving()
  expect(await ask(method, path)).toMatchObject({ status, body: says })
})

test('many at once, broken requests and clients that hang up do no harm', async () => {
  using _served = serving()
  for (const bytes of ['', 'GET', '\0\0\0', 'GET /metrics HTTP/1.1\r\n\r\n']) {
    createConnection(socketPath)
      .on('error', () => {})
      .end(bytes)
      .destroySoon()
  }
  await sleep(50)
  const answers = await Promise.all(Array.from({ length: 10 }, () => readMetrics(socketPath, 'text/plain')))
  expect(new Set(answers)).toEqual(new Set([prometheus]))
})

test('a socket that a killed daemon left is taken over; a file of somebody else stays, and is told', async () => {
  const killed = `require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', killed])
  expect(existsSync(socketPath)).toBe(true)
  const { server } = serving()
  expect(await readMetrics(socketPath, 'text/plain')).toBe(prometheus)
  server.close()
  expect(existsSync(socketPath)).toBe(false)
  writeFileSync(socketPath, 'precious')
  using second = serving()
  expect(second.messages('metrics')[0]).toContain('EADDRINUSE')
  expect(existsSync(socketPath)).toBe(true)
})

test('a path that cannot even be looked at is told, and ends nothing', () => {
  symlinkSync('loop', join(folder, 'loop'))
  socketPath = join(folder, 'loop', 'metrics.sock')
  using served = serving()
  expect(served.messages('metrics')[0]).toContain('ELOOP')
})
