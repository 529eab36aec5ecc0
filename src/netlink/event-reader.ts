import { type Debug, debugDatagram } from './debug.ts'
import { NetlinkError } from './errors.ts'
import { EventView, type NetlinkEvent } from './event.ts'
import { HEADER_BYTES } from './framing.ts'
import type { Datagram, Transport } from './transport.ts'

const ENOBUFS = 105

/** What was read of the events: in the kernel's order, without those that the filter turned down. */
export interface EventBatch {
  readonly events: readonly NetlinkEvent[]
  /** Some events are lost: look at everything again. */
  readonly overflow: boolean
}

export interface EventReaderOptions {
  /** Runs for each event on its header's bytes; false drops it. To be quick, and to keep nothing of the view. */
  readonly filter?: (view: EventView) => boolean
  /** Is told of a datagram that another socket sent, by its port; what is in it is for nobody to believe. */
  readonly onGreeting?: (port: number) => void
  readonly debug?: Debug | undefined
}

/** Reads the events that wait in a socket's queue. */
export class EventReader {
  readonly #transport: Transport
  readonly #filter: (view: EventView) => boolean
  readonly #onGreeting: (port: number) => void
  readonly #debug: Debug | undefined
  readonly #view = new EventView()

  constructor(transport: Transport, { filter = () => true, onGreeting = () => {}, debug }: EventReaderOptions = {}) {
    this.#transport = transport
    this.#filter = filter
    this.#onGreeting = onGreeting
    this.#debug = debug
  }

  /**
   * Adds to `events` what waits in the queue, of about `datagrams` datagrams, without waiting for more. Returns
   * whether the queue was emptied, and whether events were lost. Throws what the filter throws, and a NetlinkError
   * where the socket fails.
   */
  read(events: NetlinkEvent[], datagrams: number): { emptied: boolean; overflow: boolean } {
    let overflow = false
    for (let count = 0; count < datagrams || this.#transport.holdsMore; count++) {
      const got = this.#transport.receive(0)
      if (got === 'timeout') {
        return { emptied: true, overflow }
      }
      if (got instanceof NetlinkError) {
        if (got.errno !== ENOBUFS) throw got
        overflow = true
      } else if (got.senderPort === 0) {
        debugDatagram(this.#debug, 'recv', got.bytes)
        overflow = !this.#collect(got, events) || overflow
      } else {
        this.#onGreeting(got.senderPort)
      }
    }
    return { emptied: false, overflow }
  }

  /** Returns false where the datagram is not whole. */
  #collect({ bytes, truncated }: Datagram, events: NetlinkEvent[]): boolean {
    let at = 0
    while (at + HEADER_BYTES <= bytes.length) {
      const length = bytes.readUInt32LE(at)
      if (length < HEADER_BYTES || at + length > bytes.length) {
        return false
      }
      if (this.#view.moveTo(bytes, at, length) && this.#filter(this.#view)) {
        events.push(this.#view.toEvent())
      }
      at += Math.ceil(length / 4) * 4
    }
    return !truncated && at >= bytes.length
  }
}
