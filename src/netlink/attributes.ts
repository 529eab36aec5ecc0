/** NLA_F_NESTED and NLA_F_NET_BYTEORDER (linux/netlink.h) share the field with the type. */
const TYPE_MASK = 0x3fff
const HEADER = 4

/** Attributes and messages begin at multiples of four (NLA_ALIGNTO, NLMSG_ALIGNTO). */
export const align = (length: number): number => (length + 3) & ~3

/**
 * Walks the attributes in `buffer` from `start` to `end`. The object is its own cursor, so that a dump of thousands of
 * objects allocates nothing here: after `next()` the getters speak of the attribute arrived at. Never throws: what is
 * too short sets `malformed` and reads as zero. Longer values than asked for are accepted: structs grow with the kernel.
 * Multi-byte values are read little-endian, the byte order of every machine that EC2 has.
 */
export class Attributes {
  type = 0
  malformed = false
  readonly buffer: Buffer
  #start = 0
  #end = 0
  #next: number
  readonly #limit: number

  constructor(buffer: Buffer, start: number, end = buffer.length) {
    this.buffer = buffer
    this.#next = start
    this.#limit = end
  }

  next(): boolean {
    const at = this.#next
    if (at + HEADER > this.#limit) {
      return false
    }
    const length = u16(this.buffer, at)
    if (length < HEADER || at + length > this.#limit) {
      this.malformed = true
      return false
    }
    this.type = u16(this.buffer, at + 2) & TYPE_MASK
    this.#start = at + HEADER
    this.#end = at + length
    this.#next = at + align(length)
    return true
  }

  get length(): number {
    return this.#end - this.#start
  }

  u8(): number {
    return this.#has(1) ? (this.buffer[this.#start] as number) : 0
  }

  u16(offset = 0): number {
    return this.#has(offset + 2) ? u16(this.buffer, this.#start + offset) : 0
  }

  u32(offset = 0): number {
    return this.#has(offset + 4) ? this.buffer.readUInt32LE(this.#start + offset) : 0
  }

  i32(): number {
    return this.#has(4) ? this.buffer.readInt32LE(this.#start) : 0
  }

  /** The text up to its NUL, where it has one. */
  text(): string {
    const nul = this.buffer.indexOf(0, this.#start)
    return this.buffer.toString('utf8', this.#start, nul < 0 || nul > this.#end ? this.#end : nul)
  }

  /** A view, not a copy: good until the receive buffer is used again. */
  bytes(): Buffer {
    return this.buffer.subarray(this.#start, this.#end)
  }

  /**
   * A view of exactly the `length` bytes from `offset` to the end, or undefined (and `malformed`): for addresses, where
   * longer is not the same.
   */
  exactly(length: number, offset = 0): Buffer | undefined {
    if (this.length === length + offset) {
      return this.buffer.subarray(this.#start + offset, this.#end)
    }
    this.malformed = true
    return undefined
  }

  /** Calls `visit` for each attribute inside this one, from byte `from` of its value up to byte `to`. */
  nested(visit: (inner: Attributes) => void, from = 0, to = this.length): void {
    const inner = new Attributes(this.buffer, this.#start + from, this.#start + to)
    while (inner.next()) {
      visit(inner)
    }
    this.malformed ||= inner.malformed
  }

  #has(length: number): boolean {
    const enough = this.#start + length <= this.#end
    this.malformed ||= !enough
    return enough
  }
}

/** Little-endian 16 bits; `readUInt16LE` without its argument checks, which a dump feels. */
const u16 = (buffer: Buffer, at: number): number => (buffer[at] as number) | ((buffer[at + 1] as number) << 8)
