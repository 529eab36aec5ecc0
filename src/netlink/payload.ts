import { align } from './attributes.ts'

const HEADER = 4
const NLA_F_NESTED = 0x8000

/** Writes the body of a request: a fixed header that the caller fills in by its offsets, then attributes. */
export class Payload {
  #buffer: Buffer
  #length: number

  constructor(headerBytes: number) {
    // From Node's pool: memory of its own takes several times as long. A rule takes 70 bytes.
    this.#buffer = Buffer.allocUnsafe(128).fill(0)
    this.#length = headerBytes
  }

  /** The fixed header, to be written into before the first attribute. */
  get header(): Buffer {
    return this.#buffer
  }

  u8(type: number, value: number): this {
    const at = this.#attribute(type, 1)
    this.#buffer[at] = value
    return this
  }

  u16(type: number, value: number): this {
    const at = this.#attribute(type, 2)
    put16(this.#buffer, at, value)
    return this
  }

  u32(type: number, value: number): this {
    const at = this.#attribute(type, 4)
    put16(this.#buffer, at, value)
    put16(this.#buffer, at + 2, value >>> 16)
    return this
  }

  /** Text with the NUL that the kernel's NLA_STRING policy of interface names takes. */
  text(type: number, value: string): this {
    return this.bytes(type, Buffer.from(`${value}\0`, 'utf8'))
  }

  bytes(type: number, value: Uint8Array): this {
    const at = this.#attribute(type, value.length)
    this.#buffer.set(value, at)
    return this
  }

  /** An attribute that holds what `write` adds. */
  nested(type: number, write: () => void): this {
    const at = this.#attribute(type | NLA_F_NESTED, 0)
    write()
    this.#buffer.writeUInt16LE(this.#length - at + HEADER, at - HEADER)
    return this
  }

  /** A struct in the middle of attributes whose first 16 bits are its length with what `write` adds (rtnexthop). */
  record(headerBytes: number, fill: (buffer: Buffer, at: number) => void, write: () => void): void {
    const at = this.#reserve(headerBytes)
    fill(this.#buffer, at)
    write()
    this.#buffer.writeUInt16LE(this.#length - at, at)
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  /** Makes room for an attribute of `length` bytes and returns where its value goes: the buffer may be another then. */
  #attribute(type: number, length: number): number {
    const at = this.#reserve(HEADER + length)
    put16(this.#buffer, at, HEADER + length)
    put16(this.#buffer, at + 2, type)
    return at + HEADER
  }

  #reserve(length: number): number {
    const at = this.#length
    this.#length += align(length)
    if (this.#length > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.#buffer], 2 * this.#length)
    }
    return at
  }
}

/** Little-endian 16 bits; `writeUInt16LE` without its checks, which a first pass over thousands of addresses feels. */
function put16(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value
  buffer[at + 1] = value >>> 8
}
