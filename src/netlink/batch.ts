import { verdict } from './ack.ts'
import { messageName, NLM_F, NLMSG } from './constants.ts'
import { isOutcomeUnknown, NetlinkError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { frameBytes, type Request, writeFrame } from './framing.ts'

/**
 * Bytes of the receive queue that one refusal is reckoned at: the kernel counts its whole buffer, about 1 KiB for 36 bytes,
 * more where it explains itself.
 */
const REFUSAL_COST = 2048
const ENOBUFS = 105
/** More in one send gain nothing; a send of this many takes some ms. */
const MAX_MESSAGES = 500
/** Well below the smallest default send buffer (net.core.wmem_default, 212,992 bytes less bookkeeping). */
const MAX_BYTES = 64 * 1024

/** The outcome of each request of a batch, in its order: undefined for success. */
export type Outcomes = (NetlinkError | undefined)[]

/**
 * Sends the requests in order, many in one datagram, and matches every refusal to its request by number. The kernel works
 * through a datagram in order, and tells a refusal whether it is asked for an acknowledgement or not: that of the last
 * request alone says that the others are done. Thousands of them would take longer to be read than to be acted upon.
 * Where an answer was lost, every request without one has an error of code ENOBUFS or ETIMEDOUT: its outcome is unknown.
 * Where the socket itself fails, what was not sent yet is not tried, and gets that error.
 */
export function runBatch(exchange: Exchange, requests: readonly Request[]): Outcomes {
  const outcomes: Outcomes = []
  let failure: NetlinkError | undefined
  while (outcomes.length < requests.length) {
    const chunk = nextChunk(requests, outcomes.length, exchange.transport.receiveQueueBytes)
    if (failure && failure.code !== 'ENOBUFS') {
      outcomes.push(...chunk.map(() => failure))
      continue
    }
    failure = runChunk(exchange, chunk, outcomes)
  }
  return outcomes
}

/** As many requests from `start` on as one datagram holds, and the queue if all are refused; at least one. */
function nextChunk(requests: readonly Request[], start: number, queueBytes: number): readonly Request[] {
  const limit = Math.max(1, Math.min(MAX_MESSAGES, Math.floor(queueBytes / REFUSAL_COST)))
  let end = start
  for (let bytes = 0; end < requests.length && end - start < limit; end++) {
    bytes += frameBytes(requests[end] as Request)
    if (bytes > MAX_BYTES && end > start) break
  }
  return requests.slice(start, end)
}

/** Appends the chunk's outcomes; returns the error that kept some answers away. */
function runChunk(exchange: Exchange, chunk: readonly Request[], outcomes: Outcomes): NetlinkError | undefined {
  const first = exchange.numbers(chunk.length)
  const last = first + chunk.length - 1
  const refusals = new Map<number, NetlinkError>()
  let acknowledged = false
  let torn = false
  const failure = exchange.run(datagramOf(chunk, first), {
    operation: 'batch',
    owns: (sequence) => first <= sequence && sequence <= last,
    take: (message) => {
      const { sequence } = message
      if (message.type !== NLMSG.ERROR) return false
      const refusal = verdict(message, (chunk[sequence - first] as Request).type)
      if (refusal) refusals.set(sequence, refusal)
      acknowledged = sequence === last
      return acknowledged
    },
    torn: () => {
      torn = true
    },
  })
  const lost = failure ?? (torn ? new NetlinkError({ operation: 'batch', errno: ENOBUFS }) : undefined)
  for (let sequence = first; sequence <= last; sequence++) {
    const known = !lost || refusals.has(sequence) || (acknowledged && sequence === last)
    const { type } = chunk[sequence - first] as Request
    outcomes.push(known ? refusals.get(sequence) : unanswered(type, lost, sequence))
  }
  return lost
}

function datagramOf(chunk: readonly Request[], first: number): Buffer {
  const bytes = Buffer.allocUnsafe(chunk.reduce((sum, request) => sum + frameBytes(request), 0))
  const last = chunk.length - 1
  let at = 0
  for (const [i, request] of chunk.entries()) {
    const flags = i === last ? request.flags | NLM_F.ACK : request.flags & ~NLM_F.ACK
    at = writeFrame(bytes, at, request, first + i, flags)
  }
  return bytes
}

function unanswered(type: number, failure: NetlinkError, sequence: number): NetlinkError {
  const text = isOutcomeUnknown(failure) ? 'outcome unknown: answers of the kernel are missing' : failure.message
  return new NetlinkError({ operation: messageName(type), errno: failure.errno, kernelText: text, sequence })
}
