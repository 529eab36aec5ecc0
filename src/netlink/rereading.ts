import type { Reading } from './dump.ts'
import type { Message } from './framing.ts'

/** Messages that may have gone between two dumps without those behind them being decoded anew. */
const reach = 16

/**
 * Reads the same dump again and again. A message with the very bytes of one of the dump before is the object that was made of
 * that one, and a dump that brings the same as the one before is the same list: reading thousands of objects of which none has
 * changed makes nothing. Objects whose bytes change by themselves (counters, lifetimes) are made anew.
 */
export class Rereading<T> implements Reading<T> {
  readonly #decode: (payload: Buffer) => T | undefined
  #before = new Recording<T>()
  #spare = new Recording<T>()
  /** What the dump that is under way brings; undefined as long as it is what the one before began with. */
  #now: Recording<T> | undefined
  /** Messages of the dump before that are found again, or passed over. */
  #at = 0
  #items: readonly T[] = []

  constructor(decode: (payload: Buffer) => T | undefined) {
    this.#decode = decode
  }

  begin(): void {
    this.#now = undefined
    this.#at = 0
  }

  take(message: Message): T | undefined {
    const before = this.#before
    const found = before.find(message, this.#at, reach)
    if (found === this.#at && !this.#now) {
      this.#at++
      return before.made[found]
    }
    this.#now ??= this.#spare.beginLike(before, this.#at)
    const { payload } = message
    const made = found === undefined ? this.#decode(payload) : before.made[found]
    this.#at = found === undefined ? this.#at : found + 1
    this.#now.add(payload, made)
    return made
  }

  end(items: readonly T[]): readonly T[] {
    const shorter = !this.#now && this.#at < this.#before.made.length
    const now = shorter ? this.#spare.beginLike(this.#before, this.#at) : this.#now
    if (now) {
      this.#spare = this.#before
      this.#before = now
      this.#items = items
    }
    this.begin()
    return this.#items
  }

  /** Equal objects, one for each that the last dump brought: the next is to bring them in their place. */
  adopt(items: readonly T[]): void {
    if (items !== this.#items && items.length === this.#items.length) {
      this.#items = items
      this.#before.replace(items)
    }
  }
}

/** The bytes of messages, one after the other, and what was made of them. */
class Recording<T> {
  readonly made: (T | undefined)[] = []
  readonly #ends: number[] = []
  #bytes: Buffer = Buffer.alloc(0)

  /** The place of an equal message, from `start` on and not far from there. */
  find(message: Message, start: number, reach: number): number | undefined {
    const limit = Math.min(this.made.length, start + reach)
    for (let i = start; i < limit; i++) {
      if (message.isEqual(this.#bytes, this.#startOf(i), this.#ends[i] as number)) return i
    }
    return undefined
  }

  add(payload: Buffer, made: T | undefined): void {
    const start = this.#startOf(this.made.length)
    const end = start + payload.length
    this.#makeRoom(start, end)
    this.#bytes.set(payload, start)
    this.#ends.push(end)
    this.made.push(made)
  }

  /** Forgets what it has, and takes the first `count` messages of the other. */
  beginLike(other: Recording<T>, count: number): this {
    const end = other.#startOf(count)
    this.#makeRoom(0, end)
    other.#bytes.copy(this.#bytes, 0, 0, end)
    this.made.length = 0
    this.#ends.length = 0
    for (let i = 0; i < count; i++) {
      this.made.push(other.made[i])
      this.#ends.push(other.#ends[i] as number)
    }
    return this
  }

  /** Of as many objects as were made. */
  replace(items: readonly T[]): void {
    let next = 0
    for (let i = 0; i < this.made.length; i++) {
      if (this.made[i] !== undefined) this.made[i] = items[next++]
    }
  }

  #startOf(place: number): number {
    return place === 0 ? 0 : (this.#ends[place - 1] as number)
  }

  /** Up to `end` bytes, of which those up to `used` stay. */
  #makeRoom(used: number, end: number): void {
    if (end > this.#bytes.length) {
      const more = Buffer.allocUnsafeSlow(Math.max(1024, 2 * end))
      this.#bytes.copy(more, 0, 0, used)
      this.#bytes = more
    }
  }
}
