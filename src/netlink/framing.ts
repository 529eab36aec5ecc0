import { align } from './attributes.ts'
import { NLM_F } from './constants.ts'

/** Bytes of struct nlmsghdr. */
export const HEADER_BYTES = 16

/** A request before it has a number: message type, NLM_F_* flags besides REQUEST, and the body. */
export interface Request {
  readonly type: number
  readonly flags: number
  readonly payload: Uint8Array
}

/**
 * A message of the kernel where it lies in the receive buffer: one object that moves from message to message, so that thousands
 * of them allocate nothing. Good until the next one; the payload, a view, until the next receive.
 */
export interface Message {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  /** Port of the socket whose request this answers, or caused: 0 for the kernel's own doing. */
  readonly portId: number
  readonly payload: Buffer
  /** Has the payload the bytes from `start` to `end`? */
  isEqual(bytes: Uint8Array, start: number, end: number): boolean
}

/** Bytes that the request takes in a datagram, padding included. */
export const frameBytes = (request: Request): number => HEADER_BYTES + align(request.payload.length)

/** Writes the request to `buffer` at `at`, asking for an answer to `sequence`; returns where the next one begins. */
export function writeFrame(
  buffer: Buffer,
  at: number,
  request: Request,
  sequence: number,
  flags = request.flags,
): number {
  const length = HEADER_BYTES + request.payload.length
  buffer.writeUInt32LE(length, at)
  buffer.writeUInt16LE(request.type, at + 4)
  buffer.writeUInt16LE(flags | NLM_F.REQUEST, at + 6)
  buffer.writeUInt32LE(sequence, at + 8)
  buffer.writeUInt32LE(0, at + 12)
  buffer.set(request.payload, at + HEADER_BYTES)
  const end = at + align(length)
  buffer.fill(0, at + length, end)
  return end
}

/** The request as a datagram of its own. */
export function frame(request: Request, sequence: number): Buffer {
  const buffer = Buffer.allocUnsafe(frameBytes(request))
  writeFrame(buffer, 0, request, sequence)
  return buffer
}

/**
 * Calls `visit` for each message in a datagram, in order. Returns false where the datagram ends inside a message or
 * says nonsense about a length: what came before was visited, the rest can't be found.
 */
export function eachMessage(datagram: Buffer, visit: (message: Message) => void): boolean {
  const message = new MessageView(datagram)
  let at = 0
  while (at + HEADER_BYTES <= datagram.length) {
    const length = datagram.readUInt32LE(at)
    if (length < HEADER_BYTES || at + length > datagram.length) {
      return false
    }
    message.moveTo(at, length)
    visit(message)
    // Not align(): its 32-bit operators would make a huge length negative.
    at += Math.ceil(length / 4) * 4
  }
  return at >= datagram.length
}

class MessageView implements Message {
  type = 0
  flags = 0
  sequence = 0
  portId = 0
  readonly #datagram: Buffer
  #start = 0
  #end = 0

  constructor(datagram: Buffer) {
    this.#datagram = datagram
  }

  get payload(): Buffer {
    return this.#datagram.subarray(this.#start, this.#end)
  }

  isEqual(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start !== this.#end - this.#start) {
      return false
    }
    for (let i = start, j = this.#start; i < end; i++, j++) {
      if (bytes[i] !== this.#datagram[j]) return false
    }
    return true
  }

  moveTo(at: number, length: number): void {
    const datagram = this.#datagram
    this.type = datagram.readUInt16LE(at + 4)
    this.flags = datagram.readUInt16LE(at + 6)
    this.sequence = datagram.readUInt32LE(at + 8)
    this.portId = datagram.readUInt32LE(at + 12)
    this.#start = at + HEADER_BYTES
    this.#end = at + length
  }
}
