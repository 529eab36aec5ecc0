import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Imds } from '../../../src/metadata/client.ts'
import { type Faults, ImdsEmulator } from '../../support/imds.ts'

let service: ImdsEmulator
let endpoint: string
beforeEach(async () => {
  service = new ImdsEmulator()
  endpoint = await service.listen()
  service.set({ mac: '02:00:00:00:00:02', 'network/interfaces/macs/02:00:00:00:00:02/device-number': '0' })
})
afterEach(() => service.close())

const asked = () => service.asked.map(({ method, path, status }) => `${method} ${path} ${status}`)

describe('the IMDSv2 client', () => {
  test('asks for a token once, and for documents with it', async () => {
    const imds = new Imds({ endpoints: [endpoint] })
    expect(await imds.get('mac')).toEqual({ kind: 'document', body: '02:00:00:00:00:02' })
    expect(await imds.get('network/interfaces/macs/')).toEqual({ kind: 'document', body: '02:00:00:00:00:02/' })
    expect(asked()).toEqual(['PUT /latest/api/token 200', 'GET mac 200', 'GET network/interfaces/macs/ 200'])
  })

  test('404 is absent', async () => {
    expect(await new Imds({ endpoints: [endpoint] }).get('nothing')).toEqual({ kind: 'absent' })
  })

  test('a token is renewed before it ends', async () => {
    let now = 0
    const imds = new Imds({ endpoints: [endpoint], now: () => now })
    await imds.get('mac')
    now = 21_600_000 * 0.94
    await imds.get('mac')
    now = 21_600_000 * 0.96
    await imds.get('mac')
    expect(asked().filter((line) => line.startsWith('PUT'))).toHaveLength(2)
  })

  test('a token that is refused is renewed once', async () => {
    const imds = new Imds({ endpoints: [endpoint] })
    await imds.get('mac')
    service.forgetTokens()
    expect(await imds.get('mac')).toMatchObject({ kind: 'document' })
    service.faults = { storm: true }
    expect(await imds.get('mac')).toMatchObject({ kind: 'failed', reason: 'status' })
    expect(asked().slice(3)).toEqual([
      'PUT /latest/api/token 200',
      'GET mac 200',
      'GET mac 401',
      'PUT /latest/api/token 200',
      'GET mac 401',
    ])
  })

  test.each<{ name: string; faults: Faults; answer: object }>([
    { name: '403 is refused', faults: { status: 403 }, answer: { kind: 'refused' } },
    { name: '503 fails', faults: { status: 503 }, answer: { kind: 'failed', reason: 'status' } },
    { name: 'no IMDSv2 fails', faults: { status: 405 }, answer: { kind: 'failed', reason: 'status' } },
    { name: 'a reset fails', faults: { reset: true }, answer: { kind: 'failed', reason: 'timeout' } },
    { name: 'half a document fails', faults: { cut: true }, answer: { kind: 'failed', reason: 'timeout' } },
    {
      name: 'an endless document fails',
      faults: { garbage: 'x'.repeat(100_000) },
      answer: { kind: 'failed', reason: 'timeout' },
    },
    {
      name: 'silence fails within its deadline',
      faults: { hang: true },
      answer: { kind: 'failed', reason: 'timeout', problem: expect.stringContaining('no answer within 1000 ms') },
    },
  ])('$name', async ({ faults, answer }) => {
    service.faults = faults
    expect(await new Imds({ endpoints: [endpoint] }).get('mac')).toMatchObject(answer)
  })

  test('a shorter deadline holds for the token and for the document', async () => {
    const imds = new Imds({ endpoints: [endpoint] })
    const late = { kind: 'failed', reason: 'timeout', problem: expect.stringContaining('no answer within 50 ms') }
    service.faults = { hang: true }
    expect(await imds.get('mac', 50)).toMatchObject(late)
    service.faults = {}
    expect(await imds.get('mac')).toMatchObject({ kind: 'document' })
    service.faults = { hang: true }
    expect(await imds.get('mac', 50)).toMatchObject(late)
  })

  test('nobody there is unreachable, and the next endpoint is tried', async () => {
    const nobody = await freeEndpoint()
    expect(await new Imds({ endpoints: [nobody] }).get('mac')).toMatchObject({ kind: 'failed', reason: 'unreachable' })
    expect(await new Imds({ endpoints: [nobody, endpoint] }).get('mac')).toMatchObject({ kind: 'document' })
  })

  test('an IPv6 endpoint is asked as well', async () => {
    const other = new ImdsEmulator()
    const ipv6 = await other.listen(0, '::1')
    other.set({ mac: '02:00:00:00:00:03' })
    expect(await new Imds({ endpoints: [ipv6] }).get('mac')).toEqual({ kind: 'document', body: '02:00:00:00:00:03' })
    other.close()
  })

  test('a token that would split a header is none', async () => {
    const liar = createServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na b'))
    })
    const at = await listening(liar)
    expect(await new Imds({ endpoints: [at] }).get('mac')).toMatchObject({ kind: 'failed', reason: 'malformed' })
    liar.close()
  })

  test('an answer that is no HTTP fails', async () => {
    const liar = createServer((socket) => socket.end('\0\x01\x02garbage\r\n'))
    const at = await listening(liar)
    expect(await new Imds({ endpoints: [at] }).get('mac')).toMatchObject({ kind: 'failed' })
    liar.close()
  })

  test('closing it ends what is under way', async () => {
    service.faults = { hang: true }
    const imds = new Imds({ endpoints: [endpoint] })
    const answer = imds.get('mac')
    imds.close()
    expect(await answer).toMatchObject({ kind: 'failed' })
  })
})

async function listening(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

async function freeEndpoint(): Promise<string> {
  const server = createServer()
  const at = await listening(server)
  await new Promise((resolve) => server.close(resolve))
  return at
}
