import type { NetlinkError } from './errors.ts'

/** One read of a netlink socket. */
export interface Datagram {
  /** A view into the receive buffer: good until the next receive. */
  readonly bytes: Buffer
  /** The datagram was longer than the buffer: its end is lost. */
  readonly truncated: boolean
  /** 0 is the kernel; anything else is another program, to be ignored. */
  readonly senderPort: number
}

/** What carries datagrams to the kernel and back; the koffi socket, or a fake in tests. */
export interface Transport {
  /** nl_pid of this socket: the kernel puts it into what this socket caused. */
  readonly portId: number
  /** The kernel checks dump requests and filters by them (NETLINK_GET_STRICT_CHK, Linux 4.20). */
  readonly strict: boolean
  /** Bytes of answers, the kernel's bookkeeping included, that wait before the kernel drops some with ENOBUFS. */
  readonly receiveQueueBytes: number
  /** To the kernel, or to the socket with the given port. */
  send(bytes: Buffer, port?: number): NetlinkError | undefined
  /**
   * The next datagram, waiting for it until `deadline` (ms of `performance.now()`; 0 does not wait).
   * ENOBUFS says that some were dropped; those that were not can still be received.
   */
  receive(deadline: number): Datagram | 'timeout' | NetlinkError
  /** Were more datagrams received than were handed out? Whoever waits for the file to be readable is not told of them. */
  readonly holdsMore: boolean
  close(): void
}
