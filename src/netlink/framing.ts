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

/** A message of the kernel. The payload is a view into the receive buffer: good until the next receive. */
export interface Message {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  /** Port of the socket whose request this answers, or caused: 0 for the kernel's own doing. */
  readonly portId: number
  readonly payload: Buffer
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
  let at = 0
  while (at + HEADER_BYTES <= datagram.length) {
    const length = datagram.readUInt32LE(at)
    if (length < HEADER_BYTES || at + length > datagram.length) {
      return false
    }
    visit(messageAt(datagram, at, length))
    // Not align(): its 32-bit operators would make a huge length negative.
    at += Math.ceil(length / 4) * 4
  }
  return at >= datagram.length
}

const messageAt = (datagram: Buffer, at: number, length: number): Message => ({
  type: datagram.readUInt16LE(at + 4),
  flags: datagram.readUInt16LE(at + 6),
  sequence: datagram.readUInt32LE(at + 8),
  portId: datagram.readUInt32LE(at + 12),
  payload: datagram.subarray(at + HEADER_BYTES, at + length),
})
