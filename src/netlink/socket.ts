import { Datagrams } from './datagrams.ts'
import { NetlinkError } from './errors.ts'
import * as libc from './libc.ts'
import type { Datagram, Transport } from './transport.ts'

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const SOCK_NONBLOCK = 0o4000
/** Protocols of netlink(7). */
export const NETLINK_PROTOCOL = { ROUTE: 0, SOCK_DIAG: 4, NETFILTER: 12 } as const
const POLLIN = 1
const EINTR = 4
const EAGAIN = 11
const EBADF = 9

const SOL_SOCKET = 1
const SO = { RCVBUF: 8, RCVBUFFORCE: 33 } as const
const SOL_NETLINK = 270
const NETLINK = { ADD_MEMBERSHIP: 1, CAP_ACK: 10, EXT_ACK: 11, GET_STRICT_CHK: 12 } as const

/** Bytes of struct sockaddr_nl: family and padding (16 bits each), port, groups. */
const ADDRESS_BYTES = 12
/** Twice the largest datagram that the kernel makes of a dump. */
const DUMP_BYTES = 64 * 1024
/** Answers wait here; in the kernel, only what is used is allocated. */
const RECEIVE_QUEUE_BYTES = 4 * 1024 * 1024

export interface NetlinkSocketOptions {
  /** One of NETLINK_PROTOCOL; rtnetlink where it is not given. */
  readonly protocol?: number
  /** Multicast groups (RTNLGRP) to hear. A kernel that does not know one leaves it out. */
  readonly groups?: readonly number[]
  /** Bytes that may wait before events are lost; without CAP_NET_ADMIN the kernel's net.core.rmem_max caps it. */
  readonly receiveQueueBytes?: number
  /** How many datagrams are received at once, and the bytes of each; a longer one is cut off, and the next has room. */
  readonly datagrams?: { readonly count: number; readonly bytes: number }
}

/** A netlink socket in the network namespace of the thread that opens it. */
export class NetlinkSocket implements Transport {
  readonly fd: number
  readonly portId: number
  readonly strict: boolean
  readonly receiveQueueBytes: number
  readonly #count: number
  #bytes: number
  #longest = 0
  #datagrams: Datagrams
  /** Of the last receive: how many datagrams came, and which is the next to be handed out. */
  #received = 0
  #next = 0
  #closed = false
  readonly #kernel = addressOf(0)

  private constructor(fd: number, options: NetlinkSocketOptions) {
    const { groups = [], receiveQueueBytes = RECEIVE_QUEUE_BYTES } = options
    const { count, bytes } = options.datagrams ?? { count: 1, bytes: DUMP_BYTES }
    this.fd = fd
    this.#count = count
    this.#bytes = bytes
    this.#datagrams = new Datagrams(count, bytes)
    setOption(fd, SOL_NETLINK, NETLINK.CAP_ACK, 1)
    setOption(fd, SOL_NETLINK, NETLINK.EXT_ACK, 1)
    this.strict = setOption(fd, SOL_NETLINK, NETLINK.GET_STRICT_CHK, 1)
    this.receiveQueueBytes = growReceiveQueue(fd, receiveQueueBytes)
    check('bind', libc.bind(fd, this.#kernel, ADDRESS_BYTES))
    this.portId = boundPort(fd)
    for (const group of groups) {
      setOption(fd, SOL_NETLINK, NETLINK.ADD_MEMBERSHIP, group)
    }
  }

  /** Throws a NetlinkError where the kernel refuses. */
  static open(options: NetlinkSocketOptions = {}): NetlinkSocket {
    const { protocol = NETLINK_PROTOCOL.ROUTE } = options
    const fd = check('socket', libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol))
    try {
      return new NetlinkSocket(fd, options)
    } catch (error) {
      libc.close(fd)
      throw error
    }
  }

  send(bytes: Buffer, port = 0): NetlinkError | undefined {
    const to = port === 0 ? this.#kernel : addressOf(port)
    while (!this.#closed && libc.sendto(this.fd, bytes, bytes.length, 0, to, ADDRESS_BYTES) < 0) {
      const errno = libc.errno()
      if (errno !== EINTR) {
        return new NetlinkError({ operation: 'send', errno })
      }
    }
    return this.#closed ? new NetlinkError({ operation: 'send', errno: EBADF }) : undefined
  }

  receive(deadline: number): Datagram | 'timeout' | NetlinkError {
    while (!this.#closed) {
      if (this.holdsMore) {
        return this.#take(this.#next++)
      }
      if (this.#longest > this.#bytes) {
        // The next one of this size is to fit.
        this.#bytes = 2 * this.#longest
        this.#datagrams = new Datagrams(this.#count, this.#bytes)
      }
      this.#next = 0
      this.#received = this.#datagrams.receive(this.fd)
      if (this.#received >= 0) continue
      const errno = libc.errno()
      if (errno === EAGAIN) {
        const left = deadline === 0 ? 0 : Math.ceil(deadline - performance.now())
        if (left <= 0) return 'timeout'
        waitReadable(this.fd, left)
      } else if (errno !== EINTR) {
        return new NetlinkError({ operation: 'receive', errno })
      }
    }
    return new NetlinkError({ operation: 'receive', errno: EBADF })
  }

  get holdsMore(): boolean {
    return this.#next < this.#received
  }

  close(): void {
    if (!this.#closed) {
      this.#closed = true
      libc.close(this.fd)
    }
  }

  #take(place: number): Datagram {
    const length = this.#datagrams.lengthOf(place)
    const bytes = this.#datagrams.contentsOf(place)
    const senderPort = this.#datagrams.senderOf(place)
    this.#longest = Math.max(this.#longest, length)
    return { bytes, truncated: length > bytes.length, senderPort }
  }
}

function check(operation: string, result: number): number {
  if (result < 0) {
    throw new NetlinkError({ operation, errno: libc.errno() })
  }
  return result
}

/** Port 0 and no groups: to send to, it is the kernel; to bind to, "any free port". */
function addressOf(port: number): Buffer {
  const address = Buffer.alloc(ADDRESS_BYTES)
  address.writeUInt16LE(AF_NETLINK)
  address.writeUInt32LE(port, 4)
  return address
}

function boundPort(fd: number): number {
  const address = Buffer.alloc(ADDRESS_BYTES)
  check('getsockname', libc.getsockname(fd, address, int(ADDRESS_BYTES)))
  return address.readUInt32LE(4)
}

const setOption = (fd: number, level: number, option: number, value: number): boolean =>
  libc.setsockopt(fd, level, option, int(value), 4) === 0

/** Returns what the kernel granted: it doubles what is asked for, since its bookkeeping counts too. */
function growReceiveQueue(fd: number, bytes: number): number {
  if (!setOption(fd, SOL_SOCKET, SO.RCVBUFFORCE, bytes)) {
    setOption(fd, SOL_SOCKET, SO.RCVBUF, bytes)
  }
  const granted = int(0)
  check('getsockopt', libc.getsockopt(fd, SOL_SOCKET, SO.RCVBUF, granted, int(4)))
  return granted.readUInt32LE()
}

function waitReadable(fd: number, timeout: number): void {
  const pollfd = Buffer.alloc(8)
  pollfd.writeInt32LE(fd)
  pollfd.writeInt16LE(POLLIN, 4)
  // A failure (EINTR) shows at the receive that follows.
  libc.poll(pollfd, 1, timeout)
}

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value)
  return buffer
}
