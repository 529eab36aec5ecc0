import { type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { unlinkSync } from 'node:fs'
import * as libc from '../../src/netlink/libc.ts'

/** Runs in the instance's namespace, as the service manager of the daemon: starts it, and waits for READY=1 (sd_notify(3)). */
export interface ReadyTask {
  /** Arguments of Node. */
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Path for the socket at which it is told. */
  readonly socket: string
  readonly tries: number
}

/** ms from exec on. */
export interface ReadyTimes {
  readonly ready: readonly number[]
  /** Of an empty program on the same Node, until its exit; in turn with the daemon. */
  readonly empty: readonly number[]
}

const AF_UNIX = 1
const SOCK_DGRAM = 2
const POLLIN = 1
const patience = 60_000

const task = JSON.parse(process.argv[2] as string) as ReadyTask
const fd = listen(task.socket)
const ready: number[] = []
const empty: number[] = []
for (let i = 0; i < task.tries; i++) {
  empty.push(await timeEmpty())
  ready.push(await timeReady())
}
unlinkSync(task.socket)
process.stdout.write(JSON.stringify({ ready, empty } satisfies ReadyTimes))

async function timeEmpty(): Promise<number> {
  const start = performance.now()
  await once(run(['-e', '0'], {}), 'exit')
  return performance.now() - start
}

async function timeReady(): Promise<number> {
  const start = performance.now()
  const daemon = run(task.command, { env: { ...process.env, ...task.env, NOTIFY_SOCKET: task.socket } })
  const gone = once(daemon, 'exit')
  awaitReady(start + patience)
  const ms = performance.now() - start
  daemon.kill('SIGTERM')
  await gone
  while (receive(0));
  return ms
}

function run(args: readonly string[], options: SpawnOptions) {
  return spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options })
}

/** Blocks: the moment is not to wait for this process's event loop. */
function awaitReady(deadline: number): void {
  for (;;) {
    const text = receive(Math.max(0, deadline - performance.now()))
    if (text === undefined) throw new Error('READY=1 never came')
    if (/^READY=1$/m.test(text)) return
  }
}

function listen(path: string): number {
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM, 0)
  const address = Buffer.alloc(110)
  address.writeUInt16LE(AF_UNIX)
  address.write(path, 2)
  if (libc.bind(fd, address, address.length) < 0) throw new Error(`bind to ${path}: errno ${libc.errno()}`)
  return fd
}

/** The next message; undefined where none comes in `ms`. */
function receive(ms: number): string | undefined {
  const pollfd = Buffer.alloc(8)
  pollfd.writeInt32LE(fd)
  pollfd.writeInt16LE(POLLIN, 4)
  if (libc.poll(pollfd, 1, ms) <= 0) return undefined
  const bytes = Buffer.alloc(8192)
  const length = libc.recvfrom(fd, bytes, bytes.length, 0, Buffer.alloc(110), Buffer.from([110, 0, 0, 0]))
  return bytes.toString('utf8', 0, Math.max(0, length))
}
