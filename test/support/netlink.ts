import { execFileSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import koffi from 'koffi'
import { NLMSG } from '../../src/netlink/constants.ts'
import type { NetlinkError } from '../../src/netlink/errors.ts'
import { eachMessage, frame, type Message } from '../../src/netlink/framing.ts'
import { RequestSocket } from '../../src/netlink/request.ts'
import type { Datagram, Transport } from '../../src/netlink/transport.ts'

/** What a fake kernel puts into the receive queue: bytes, or a whole answer, or an error of the receive. */
export type Answer = Buffer | (Partial<Datagram> & { bytes: Buffer }) | NetlinkError

/** A kernel made of a function: it gets the messages of each send, and its answers wait in the receive queue. */
export class FakeTransport implements Transport {
  readonly portId = 4711
  readonly strict: boolean
  readonly receiveQueueBytes: number
  readonly sent: Message[][] = []
  readonly queue: Answer[] = []
  closed = false
  readonly holdsMore = false
  readonly #answer: (request: readonly Message[]) => readonly Answer[]

  constructor(
    answer: (request: readonly Message[]) => readonly Answer[] = () => [],
    { strict = true, receiveQueueBytes = 1 << 20 } = {},
  ) {
    this.#answer = answer
    this.strict = strict
    this.receiveQueueBytes = receiveQueueBytes
  }

  send(bytes: Buffer): undefined {
    const messages: Message[] = []
    // The message itself moves on to the next.
    eachMessage(Buffer.from(bytes), ({ payload, ...rest }) => messages.push({ ...rest, payload }))
    this.sent.push(messages)
    this.queue.push(...this.#answer(messages))
  }

  /** Never waits: an empty queue is a time-out at once. */
  receive(): Datagram | 'timeout' | NetlinkError {
    const next = this.queue.shift()
    if (!next) {
      return 'timeout'
    }
    return next instanceof Error
      ? next
      : { truncated: false, senderPort: 0, ...(Buffer.isBuffer(next) ? { bytes: next } : next) }
  }

  close(): void {
    this.closed = true
  }
}

/** A message of the kernel. */
export const message = (type: number, sequence: number, payload: Uint8Array = Buffer.alloc(0), flags = 0): Buffer => {
  const bytes = frame({ type, flags, payload }, sequence)
  bytes.writeUInt16LE(flags, 6)
  return bytes
}

/** An acknowledgement, as with NETLINK_CAP_ACK: 0 or a negative errno, then the request's header. */
export const ack = (sequence: number, errno = 0): Buffer => {
  const payload = Buffer.alloc(20)
  payload.writeInt32LE(-errno)
  return message(NLMSG.ERROR, sequence, payload, 0x100)
}

export const done = (sequence: number, errno = 0, flags = 0): Buffer => {
  const payload = Buffer.alloc(4)
  payload.writeInt32LE(-errno)
  return message(NLMSG.DONE, sequence, payload, flags)
}

/**
 * Moves this thread, and the programs that it starts from now on, into a new network namespace. Returns what moves it
 * back; the new one is gone when its last socket is.
 */
export function enterNewNetworkNamespace(): () => void {
  const CLONE_NEWNET = 0x40000000
  const libc = koffi.load(null)
  const before = openSync('/proc/thread-self/ns/net', 'r')
  const failed = libc.func('int unshare(int flags)')(CLONE_NEWNET) as number
  if (failed) {
    throw new Error(`unshare: errno ${koffi.errno()}`)
  }
  return () => {
    libc.func('int setns(int fd, int type)')(before, CLONE_NEWNET)
    closeSync(before)
  }
}

/** Runs `ip COMMAND` (words split at single blanks) in this thread's network namespace. */
export const ip = (command: string): string => execFileSync('ip', command.split(' '), { encoding: 'utf8' })

/** What `ip COMMAND` says, with numbers instead of names. */
// biome-ignore lint/suspicious/noExplicitAny: what ip(8) prints has no type here
export const ipJson = (command: string): any[] => JSON.parse(ip(`-j -N -d ${command}`) || '[]')

export const codes = (outcomes: readonly (NetlinkError | undefined)[]) => outcomes.map((error) => error?.code)

/** Tests that need a kernel to themselves are skipped without root. */
export const unprivileged = process.getuid?.() !== 0

/** A network namespace with two pairs of links, addresses of both families and nexthop objects; and a socket in it. */
export class Kernel {
  readonly socket: RequestSocket
  readonly #leave = enterNewNetworkNamespace()

  constructor() {
    execFileSync('sysctl', ['-qw', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0'])
    execFileSync('ip', ['-batch', '-'], { input: Kernel.#setUp.join('\n') })
    this.socket = RequestSocket.open()
  }

  /** The index of a link by name. */
  index(name: string): number {
    return this.socket.links().items.find((link) => link.name === name)?.index as number
  }

  close(): void {
    this.socket.close()
    this.#leave()
  }

  static readonly #setUp: readonly string[] = [
    'link set lo up',
    'link add nlt0 type veth peer name nlt1',
    'link add nlt2 type veth peer name nlt3',
    ...['nlt0', 'nlt1', 'nlt2', 'nlt3'].map((name) => `link set ${name} up`),
    'addr add 10.0.0.1/24 dev nlt0',
    'addr add 10.0.0.2/24 dev nlt0',
    'addr add 10.9.9.1 peer 10.8.8.0/24 dev nlt0',
    'addr add 10.0.1.1/24 dev nlt2 noprefixroute',
    'addr add 2001:db8::1/64 dev nlt0 nodad',
    'addr add 2001:db8:1::1 peer 2001:db8:2::1/128 dev nlt2 nodad',
    'nexthop add id 77 via 10.0.0.254 dev nlt0',
    'nexthop add id 78 via 10.0.0.253 dev nlt0',
    'nexthop add id 79 group 77/78,3',
  ]
}
