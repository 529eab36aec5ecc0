import { verdict } from './ack.ts'
import { messageName, NLM_F, NLMSG } from './constants.ts'
import type { NetlinkError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { frame, type Message } from './framing.ts'

/** Tries before a dump that the kernel flags as interrupted is given back as it is. */
const ATTEMPTS = 4
/** In rtnetlink each GET has the number of its NEW plus two. */
const RTM_NEW_TO_GET = 2

/** What a dump brought. */
export interface Dump<T> {
  readonly items: readonly T[]
  /** The kernel says that objects changed meanwhile, or an answer was cut off: something may be missing or double. */
  readonly interrupted: boolean
  /**
   * Datagrams with objects in them. The kernel fills each at one go: a dump in one can't be torn. The kernel does not
   * flag torn dumps of rules and routes: there, more than one calls for a look at the events of that time.
   */
  readonly datagrams: number
}

/** Makes objects of the messages of a dump. */
export interface Reading<T> {
  /** A dump begins, or begins anew. */
  begin(): void
  /** undefined drops the message. */
  take(message: Message): T | undefined
  /** The dump is over, and brought these. Returns the list to give out. */
  end(items: readonly T[]): readonly T[]
}

/** Decodes each message. */
export const plainly = <T>(decode: (payload: Buffer) => T | undefined): Reading<T> => ({
  begin() {},
  take: ({ payload }) => decode(payload),
  end: (items) => items,
})

/**
 * Asks for every object of a kind. `answer` is the type of their messages. An interrupted dump is tried again, a few
 * times. Throws a NetlinkError where the kernel refuses (EAFNOSUPPORT, EOPNOTSUPP: it has no such family) or is silent.
 */
export function runDump<T>(
  exchange: Exchange,
  type: number,
  payload: Buffer,
  reading: Reading<T>,
  answer: number = type - RTM_NEW_TO_GET,
): Dump<T> {
  let dump = attempt(exchange, type, payload, reading, answer)
  for (let tries = 1; dump.interrupted && tries < ATTEMPTS; tries++) {
    dump = attempt(exchange, type, payload, reading, answer)
  }
  return dump
}

function attempt<T>(exchange: Exchange, type: number, payload: Buffer, reading: Reading<T>, answer: number): Dump<T> {
  const collector = new Collector(type, answer, reading)
  const sequence = exchange.numbers()
  const failure = exchange.run(frame({ type, flags: NLM_F.DUMP, payload }, sequence), {
    operation: messageName(type),
    owns: (number) => number === sequence,
    take: (message) => collector.take(message),
    torn: () => collector.torn(),
    datagram: () => collector.datagram(),
  })
  return collector.finish(failure)
}

class Collector<T> {
  readonly #type: number
  readonly #answer: number
  readonly #reading: Reading<T>
  readonly #items: T[] = []
  #interrupted = false
  #datagrams = 0
  #inThisOne = false
  #error: NetlinkError | undefined

  constructor(type: number, answer: number, reading: Reading<T>) {
    this.#type = type
    this.#answer = answer
    this.#reading = reading
    reading.begin()
  }

  take(message: Message): boolean {
    this.#interrupted ||= (message.flags & NLM_F.DUMP_INTR) !== 0
    if (message.type === this.#answer) {
      this.#add(message)
    } else if (message.type === NLMSG.OVERRUN) {
      this.#interrupted = true
    } else if (message.type === NLMSG.DONE || message.type === NLMSG.ERROR) {
      this.#error = verdict(message, this.#type)
      return true
    }
    return false
  }

  torn(): void {
    this.#interrupted = true
  }

  datagram(): void {
    this.#datagrams += this.#inThisOne ? 1 : 0
    this.#inThisOne = false
  }

  finish(failure: NetlinkError | undefined): Dump<T> {
    const error = this.#error ?? (failure?.code === 'ENOBUFS' ? undefined : failure)
    if (error) {
      throw error
    }
    const interrupted = this.#interrupted || failure !== undefined
    return { items: this.#reading.end(this.#items), interrupted, datagrams: this.#datagrams }
  }

  #add(message: Message): void {
    this.#inThisOne = true
    const item = this.#reading.take(message)
    if (item !== undefined) this.#items.push(item)
  }
}
