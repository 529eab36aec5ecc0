import { type Debug, debugDatagram } from './debug.ts'
import { NetlinkError } from './errors.ts'
import { eachMessage, type Message } from './framing.ts'
import type { Datagram, Transport } from './transport.ts'

const ENOBUFS = 105
const ETIMEDOUT = 110

/** rtnetlink answers while the request is being sent; this long (ms) nothing came only from a kernel in trouble. */
const DEFAULT_TIMEOUT = 5000

export interface ExchangeOptions {
  /** Milliseconds without an answer before a request is given up. */
  readonly timeout?: number
  readonly debug?: Debug | undefined
}

/** What an exchange does with its answers. */
export interface Replies {
  readonly operation: string
  /** Is this a sequence number of the request? All other messages are late answers to one given up, and are dropped. */
  owns(sequence: number): boolean
  /** Takes one answer; true says that it was the last. */
  take(message: Message): boolean
  /** A datagram was cut off or made no sense, or the kernel dropped some: answers may be missing. */
  torn(): void
  /** A datagram has been read to its end. */
  datagram?(): void
}

/** One request at a time over a transport: sends it, and hands over the answers until the last one. */
export class Exchange {
  readonly transport: Transport
  readonly #timeout: number
  readonly #debug: Debug | undefined
  #sequence = 0
  #unfinished = false

  constructor(transport: Transport, { timeout = DEFAULT_TIMEOUT, debug }: ExchangeOptions = {}) {
    this.transport = transport
    this.#timeout = timeout
    this.#debug = debug
  }

  /** The first of `count` sequence numbers, one after the other; 0 is left to the kernel's own messages. */
  numbers(count = 1): number {
    const first = this.#sequence + count > 0xffffffff ? 1 : this.#sequence + 1
    this.#sequence = first + count - 1
    return first
  }

  /** Returns when the last answer was taken; else the error that ended the wait for it: ENOBUFS, ETIMEDOUT, … */
  run(request: Buffer, replies: Replies): NetlinkError | undefined {
    this.#discardLeftovers()
    debugDatagram(this.#debug, 'send', request)
    const refused = this.transport.send(request)
    if (refused) {
      return refused
    }
    // Stays set where `take` throws: what is still to come then belongs to nobody.
    this.#unfinished = true
    const error = this.#converse(replies)
    this.#unfinished = error !== undefined
    return error
  }

  #converse(replies: Replies): NetlinkError | undefined {
    let deadline = performance.now() + this.#timeout
    let lost = false
    for (;;) {
      // After a loss only what is queued can still come: the kernel has answered everything by now.
      const got = this.transport.receive(lost ? 0 : deadline)
      if (got === 'timeout') {
        return failure(replies, lost ? ENOBUFS : ETIMEDOUT)
      }
      if (got instanceof NetlinkError) {
        if (got.errno !== ENOBUFS) return got
        lost = true
        replies.torn()
        continue
      }
      const progress = this.#deliver(got, replies)
      if (progress === 'done') {
        return undefined
      }
      if (progress === 'some') {
        deadline = performance.now() + this.#timeout
      } else if (performance.now() > deadline) {
        return failure(replies, ETIMEDOUT)
      }
    }
  }

  /** Hands over a datagram's messages; 'none' were answers to this request, 'some', or the last one too ('done'). */
  #deliver(datagram: Datagram, replies: Replies): 'none' | 'some' | 'done' {
    if (datagram.senderPort !== 0) {
      return 'none'
    }
    debugDatagram(this.#debug, 'recv', datagram.bytes)
    let progress: 'none' | 'some' | 'done' = 'none'
    const whole = eachMessage(datagram.bytes, (message) => {
      if (progress !== 'done' && replies.owns(message.sequence)) {
        progress = replies.take(message) ? 'done' : 'some'
      }
    })
    if (!whole || datagram.truncated) {
      replies.torn()
    }
    replies.datagram?.()
    return progress
  }

  /** Reads away what an exchange that was given up left behind: a dump that still runs makes the next one EBUSY. */
  #discardLeftovers(): void {
    const deadline = performance.now() + this.#timeout
    while (this.#unfinished && performance.now() < deadline) {
      const got = this.transport.receive(0)
      this.#unfinished = got !== 'timeout' && !(got instanceof NetlinkError && got.errno !== ENOBUFS)
    }
  }
}

const failure = ({ operation }: Replies, errno: number): NetlinkError => new NetlinkError({ operation, errno })
