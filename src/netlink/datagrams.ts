import koffi from 'koffi'
import * as libc from './libc.ts'

/** Bytes of struct sockaddr_nl, of struct iovec and of struct mmsghdr on a 64-bit machine (recvmmsg(2)); where its parts are. */
const ADDRESS_BYTES = 12
const VECTOR_BYTES = 16
const HEADER_BYTES = 64
const HEADER = { NAME: 0, NAME_LENGTH: 8, VECTOR: 16, VECTOR_LENGTH: 24, LENGTH: 56 } as const
/** Of a sockaddr_nl. */
const PORT = 4
const MSG_TRUNC = 0x20

/** Room for several datagrams of one size, which one call receives: a call takes longer than a datagram. */
export class Datagrams {
  readonly #count: number
  readonly #bytes: number
  readonly #contents: Buffer
  readonly #addresses: Buffer
  readonly #vectors: Buffer
  readonly #headers: Buffer

  constructor(count: number, bytes: number) {
    this.#count = count
    this.#bytes = bytes
    this.#contents = Buffer.allocUnsafeSlow(count * bytes)
    this.#addresses = zeros(count * ADDRESS_BYTES)
    this.#vectors = zeros(count * VECTOR_BYTES)
    this.#headers = zeros(count * HEADER_BYTES)
    const [contents, addresses, vectors] = [this.#contents, this.#addresses, this.#vectors].map(koffi.address)
    for (let i = 0; i < count; i++) {
      this.#vectors.writeBigUInt64LE((contents as bigint) + BigInt(i * bytes), i * VECTOR_BYTES)
      this.#vectors.writeUInt32LE(bytes, i * VECTOR_BYTES + 8)
      const header = i * HEADER_BYTES
      this.#headers.writeBigUInt64LE((addresses as bigint) + BigInt(i * ADDRESS_BYTES), header + HEADER.NAME)
      this.#headers.writeUInt32LE(ADDRESS_BYTES, header + HEADER.NAME_LENGTH)
      this.#headers.writeBigUInt64LE((vectors as bigint) + BigInt(i * VECTOR_BYTES), header + HEADER.VECTOR)
      this.#headers.writeUInt32LE(1, header + HEADER.VECTOR_LENGTH)
    }
  }

  /** Receives what waits; returns the number of datagrams, or a negative number for an error: see `errno` of libc.ts. */
  receive(fd: number): number {
    return libc.recvmmsg(fd, this.#headers, this.#count, MSG_TRUNC, null)
  }

  /** Its whole length, also where there was no room for its end. */
  lengthOf(place: number): number {
    return this.#headers.readUInt32LE(place * HEADER_BYTES + HEADER.LENGTH)
  }

  /** A view: good until the next receive. */
  contentsOf(place: number): Buffer {
    const start = place * this.#bytes
    return this.#contents.subarray(start, start + Math.min(this.lengthOf(place), this.#bytes))
  }

  senderOf(place: number): number {
    return this.#addresses.readUInt32LE(place * ADDRESS_BYTES + PORT)
  }
}

/** Not from Node's pool: the kernel is told where it lies. */
const zeros = (bytes: number): Buffer => Buffer.allocUnsafeSlow(bytes).fill(0)
