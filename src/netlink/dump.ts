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

export interface DumpRequest<T> {
  readonly type: number
  readonly payload: Buffer
  readonly reading: Reading<T>
  /** Type of the messages that bring the objects. */
  readonly answer?: number
  /** Error numbers by which the kernel says that what is asked for is not there: the dump is empty then. */
  readonly absent?: readonly number[]
  /**
   * Is given up at the first object beyond this many datagrams, which count one more then. The kernel goes on with it: the
   * socket is of no more use.
   */
  readonly most?: number
}

/**
 * Asks for every object of a kind. An interrupted dump is tried again, a few times. Throws a NetlinkError where the kernel
 * refuses (EAFNOSUPPORT, EOPNOTSUPP: it has no such family) or is silent.
 */
export function runDump<T>(exchange: Exchange, request: DumpRequest<T>): Dump<T> {
  const { most = Infinity } = request
  let dump = attempt(exchange, request)
  for (let tries = 1; dump.interrupted && dump.datagrams <= most && tries < ATTEMPTS; tries++) {
    dump = attempt(exchange, request)
  }
  return dump
}

function attempt<T>(exchange: Exchange, request: DumpRequest<T>): Dump<T> {
  const { type, payload } = request
  const collector = new Collector(request)
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
  readonly #absent: readonly number[]
  readonly #most: number
  readonly #items: T[] = []
  #interrupted = false
  #datagrams = 0
  #inThisOne = false
  #error: NetlinkError | undefined

  constructor({ type, reading, answer = type - RTM_NEW_TO_GET, absent = [], most = Infinity }: DumpRequest<T>) {
    this.#type = type
    this.#answer = answer
    this.#reading = reading
    this.#absent = absent
    this.#most = most
    reading.begin()
  }

  take(message: Message): boolean {
    this.#interrupted ||= (message.flags & NLM_F.DUMP_INTR) !== 0
    if (message.type === this.#answer) {
      return this.#add(message)
    }
    if (message.type === NLMSG.OVERRUN) {
      this.#interrupted = true
    } else if (message.type === NLMSG.DONE || message.type === NLMSG.ERROR) {
      this.#error = this.#saysAbsent(message) ? undefined : verdict(message, this.#type)
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

  /** true where it is one too many. */
  #add(message: Message): boolean {
    this.#inThisOne = true
    if (this.#datagrams >= this.#most) {
      return true
    }
    const item = this.#reading.take(message)
    if (item !== undefined) this.#items.push(item)
    return false
  }

  /** Most tables that are asked for are not there: an error for each would take longer than the question. */
  #saysAbsent({ payload }: Message): boolean {
    return this.#absent.length > 0 && payload.length >= 4 && this.#absent.includes(-payload.readInt32LE(0))
  }
}
