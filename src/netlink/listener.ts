import { RTNLGRP } from './constants.ts'
import { NetlinkError } from './errors.ts'
import type { NetlinkEvent } from './event.ts'
import { type EventBatch, EventReader, type EventReaderOptions } from './event-reader.ts'
import { type Watch, watchReadable } from './libc.ts'
import { NetlinkSocket } from './socket.ts'
import type { Transport } from './transport.ts'

const groups = Object.values(RTNLGRP)

/** A route event takes about 1 KiB of the queue: room for tens of thousands, while a pass keeps the loop busy. */
const RECEIVE_QUEUE_BYTES = 16 * 1024 * 1024
/** Most events have 200 bytes, those of links 2 KB. */
const AT_ONCE = { count: 32, bytes: 8 * 1024 }
/** Datagrams read at one wake: some ms. What is left wakes the loop again, after everybody else had a turn. */
const PER_WAKE = 1000
/** Datagrams that `drain` reads: others write faster than this program reads, if that does not empty the queue. */
const PER_DRAIN = 50_000

export interface ListenerOptions extends EventReaderOptions {
  /** Takes the events of one wake, from a macrotask of its own. */
  readonly onEvents: (batch: EventBatch) => void
  /** Takes what the filter or `onEvents` threw, and a NetlinkError where the socket failed: it is closed then. */
  readonly onError: (error: unknown) => void
}

/** Hears what changes in the network namespace: links, addresses, routes, rules and nexthop objects. */
export class Listener {
  readonly #transport: Transport
  readonly #reader: EventReader
  readonly #options: ListenerOptions
  #watch: Watch | undefined
  #events: NetlinkEvent[] = []
  #overflow = false
  /** Events were lost, and the queue has not been empty since. */
  #congested = false
  #closed = false
  #delivery: NodeJS.Immediate | undefined

  constructor(transport: Transport, options: ListenerOptions) {
    this.#transport = transport
    this.#reader = new EventReader(transport, options)
    this.#options = options
  }

  /** Opens a socket in the network namespace of this thread. Throws a NetlinkError where the kernel refuses. */
  static open(options: ListenerOptions): Listener {
    const socket = NetlinkSocket.open({ groups, receiveQueueBytes: RECEIVE_QUEUE_BYTES, datagrams: AT_ONCE })
    const listener = new Listener(socket, options)
    try {
      listener.#watch = watchReadable(socket.fd, () => listener.wake())
    } catch (error) {
      socket.close()
      throw error
    }
    return listener
  }

  get portId(): number {
    return this.#transport.portId
  }

  /** Reads some of what waits, to be delivered in a moment. The event loop calls this when there is something. */
  wake(): void {
    this.#read(PER_WAKE)
  }

  /**
   * Reads everything that waits, now: what of it arrived since the last read is returned, and is delivered to `onEvents`
   * afterwards all the same. `overflow` says that others write so fast that the queue could not be emptied, too.
   */
  drain(): EventBatch {
    const before = this.#events.length
    const { emptied, overflow } = this.#read(PER_DRAIN)
    return { events: this.#events.slice(before), overflow: overflow || !emptied }
  }

  /** Releases the socket. Nothing is delivered any more. */
  close(): void {
    this.#closed = true
    this.#watch?.close()
    this.#watch = undefined
    clearImmediate(this.#delivery)
    this.#delivery = undefined
    this.#events = []
    this.#transport.close()
  }

  #read(datagrams: number): { emptied: boolean; overflow: boolean } {
    if (this.#closed) {
      return { emptied: true, overflow: false }
    }
    try {
      const result = this.#reader.read(this.#events, datagrams)
      this.#noteLosses(result)
      return result
    } catch (error) {
      return this.#failed(error)
    } finally {
      this.#deliverLater()
    }
  }

  /**
   * From the first loss until its queue is empty the kernel drops every event and says so once (netlink_overrun): what
   * was lost meanwhile is told again then.
   */
  #noteLosses({ emptied, overflow }: { emptied: boolean; overflow: boolean }): void {
    this.#overflow ||= overflow || (this.#congested && emptied)
    this.#congested = (this.#congested || overflow) && !emptied
  }

  /** Something may be lost, whatever failed. A socket that failed stays readable: it would wake the loop forever. */
  #failed(error: unknown): { emptied: boolean; overflow: boolean } {
    this.#overflow = true
    setImmediate(() => this.#options.onError(error))
    if (error instanceof NetlinkError) {
      this.#watch?.close()
      this.#watch = undefined
    }
    return { emptied: true, overflow: true }
  }

  /** Not from within the watch: Node takes no exceptions there, and runs no promise that is resolved in it. */
  #deliverLater(): void {
    if (this.#events.length > 0 || this.#overflow) {
      this.#delivery ??= setImmediate(() => this.#deliver())
    }
  }

  #deliver(): void {
    this.#delivery = undefined
    const batch = { events: this.#events, overflow: this.#overflow }
    this.#events = []
    this.#overflow = false
    try {
      this.#options.onEvents(batch)
    } catch (error) {
      this.#options.onError(error)
    }
  }
}
