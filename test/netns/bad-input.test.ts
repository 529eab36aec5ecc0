import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readdirSync, writeFileSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect } from 'vitest'
import { folderOf } from '../../src/lab/cleanup.ts'
import type { DaemonProcess } from '../../src/lab/daemon-process.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { cli, startDaemon, stopDaemon } from '../support/daemon.ts'
import { Judge } from '../support/judge.ts'
import { becomes, eth0, eth1, goldenOf } from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()
const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

async function running(vpc: Vpc): Promise<DaemonProcess> {
  await vpc.attach(eth0)
  await vpc.attach(eth1)
  return startDaemon(vpc)
}

/** It answers, and it repairs. */
async function isWell(vpc: Vpc, daemon: DaemonProcess): Promise<void> {
  const status = async () => JSON.parse((await cli(vpc, ['status', '--json'])).stdout).daemon?.pid
  await expect.poll(status, { timeout: 10_000 }).toBe(daemon.process.pid)
  expect((await cli(vpc, ['metrics'])).stdout).toContain('eni_routed_passes_total')
  await vpc.instance.ip('rule del priority 20001 from 172.31.0.218')
  await becomes(new Judge(vpc.instance), [goldenOf(vpc, eth0, 20000), goldenOf(vpc, eth1, 20001)])
}

const descriptors = ({ process: { pid } }: DaemonProcess): number => readdirSync(`/proc/${pid}/fd`).length

/** The one for status, and the one for metrics, which may come a moment after the start. */
async function socketsOf(vpc: Vpc): Promise<string[]> {
  const folder = folderOf(vpc.instance.name)
  const names = () => readdirSync(folder).filter((name) => name.endsWith('.sock'))
  await expect.poll(names).toHaveLength(2)
  return names().map((name) => `${folder}/${name}`)
}

/** Connects, also where the queue is full, says what it has to say, and stays. */
function intruder(path: string, words: string | Uint8Array = ''): Socket {
  return createConnection({ path, allowHalfOpen: true }, function (this: Socket) {
    this.write(words)
  }).on('error', () => {})
}

describe('clients of the sockets', () => {
  test.for([
    { name: 'half of a JSON document', words: '{"a":[' },
    { name: 'half of a request', words: 'GET /metrics HTTP/1.1\r\nHost: ' },
    { name: 'bytes', words: Uint8Array.of(0, 255, 254, 13, 10, 13, 10, 0) },
    { name: '10 MB without an end', words: 'x'.repeat(10_000_000) },
    { name: 'headers without an end', words: `GET /metrics HTTP/1.1\r\n${'A: b\r\n'.repeat(1_000_000)}` },
  ])('may say $name', async ({ words }, { vpc }) => {
    const daemon = await running(vpc)
    const sockets = await socketsOf(vpc)
    const before = descriptors(daemon)
    const intruders = sockets.flatMap((path) => Array.from({ length: 20 }, () => intruder(path, words)))
    await isWell(vpc, daemon)
    for (const socket of intruders) socket.destroy()
    await expect.poll(() => descriptors(daemon)).toBeLessThanOrEqual(before + 2)
    await stopDaemon(daemon)
  })

  test('may be a thousand, and stay when the daemon is told to end', async ({ vpc }) => {
    const daemon = await running(vpc)
    const intruders = (await socketsOf(vpc)).flatMap((path) => Array.from({ length: 500 }, () => intruder(path)))
    await isWell(vpc, daemon)
    await stopDaemon(daemon)
    for (const socket of intruders) socket.destroy()
  })
})

describe('a configuration of which nothing can be made', () => {
  test.for([
    { name: 'a directory', make: (file: string) => execFileSync('sh', ['-c', `rm ${file} && mkdir ${file}`]) },
    { name: 'a pipe', make: (file: string) => execFileSync('sh', ['-c', `rm ${file} && mkfifo ${file}`]) },
    { name: 'bytes', make: (file: string) => writeFileSync(file, Uint8Array.of(255, 0, 254)) },
    { name: 'ten megabytes', make: (file: string) => writeFileSync(file, '#'.repeat(10_000_000)) },
    {
      name: 'of thousands of unknown keys',
      make: (file: string) => writeFileSync(file, Array.from({ length: 50_000 }, (_, i) => `key-${i} = 1\n`).join('')),
    },
    {
      name: 'a key that is there twice',
      make: (file: string) => writeFileSync(file, '[log]\nlevel="info"\nlevel="info"'),
    },
  ])('$name is told at SIGHUP, and the daemon goes on', async ({ make }, { vpc }) => {
    const daemon = await running(vpc)
    make(daemon.configFile)
    daemon.process.kill('SIGHUP')
    const { msg } = await daemon.waitFor(({ event, result }) => event === 'reload' && result === 'refused')
    expect(msg).toContain(`the configuration is kept as it was: ${daemon.configFile}`)
    await isWell(vpc, daemon)
    await stopDaemon(daemon)
  })
})

describe('words of which nothing can be made end with an error that says so', () => {
  test.for([
    { args: ['status', '--config', ''], code: 78, says: '--config: names no file' },
    { args: ['explain', ''], code: 1, says: 'there is no link ""' },
    { args: ['explain', 'constructor'], code: 1, says: 'there is no link "constructor"' },
    { args: ['explain', 'eth0', 'toString', 'valueOf'], code: 64, says: '"valueOf" is not understood' },
    { args: ['explain', 'eth0', '--protocol', 'toString'], code: 64, says: '"toString" is no protocol' },
    { args: ['explain', 'eth0', 'to', '8.8.8.8', 'dport', '1e3'], code: 64, says: '"1e3" is no destination port' },
    { args: ['explain', 'eth0', 'to', '8.8.8.8', '--svg', '/'], code: 1, says: "the picture can't be written: EISDIR" },
    { args: ['explain', 'x'.repeat(100_000)], code: 1, says: 'there is no link "xxx' },
    { args: ['doctor', '--root', '/nowhere'], code: 64, says: '--root /nowhere: there is no such directory' },
    { args: ['history', '--since', 'never'], code: 1, says: 'Failed to parse timestamp: never' },
    { args: ['history', 'a', 'b'], code: 64, says: 'Expected 1 argument but got 2' },
    { args: ['metrics'], code: 69, says: 'no daemon answers' },
    { args: ['watch', 'eth0'], code: 64, says: 'too many arguments' },
  ])('$args: $code', async ({ args, code, says }, { vpc }) => {
    await vpc.attach(eth0)
    const outcome = args.includes('--config') ? await bare(vpc, args) : await cli(vpc, args)
    expect(outcome).toMatchObject({ code, stdout: '' })
    expect(outcome.stderr).toContain(says)
    expect(outcome.stderr).not.toContain('    at ')
  })

  test('and so does what cannot be written', async ({ vpc }) => {
    await vpc.attach(eth0)
    for (const verb of ['status', 'check', 'doctor']) {
      const full = openSync('/dev/full', 'w')
      const outcome = await bare(vpc, [verb], full)
      expect(outcome).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^the output can't be written: ENOSPC.*\n$/),
      })
    }
  })
})

/** Without a configuration of the lab's. */
async function bare({ instance }: Vpc, args: readonly string[], out: 'pipe' | number = 'pipe') {
  const env = { ...process.env, RUNTIME_DIRECTORY: folderOf(instance.name) }
  const child = instance.spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', out, 'pipe'] })
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([child.stdout ? text(child.stdout) : '', text(child.stderr!)])
  await closed
  return { code: child.exitCode, stdout, stderr }
}
