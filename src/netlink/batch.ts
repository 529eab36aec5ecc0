import { verdict } from './ack.ts'
import { messageName, NLM_F, NLMSG } from './constants.ts'
import { isOutcomeUnknown, NetlinkError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { frameBytes, type Request, writeFrame } from './framing.ts'

/**
 * Bytes of the receive queue that one acknowledgement is reckoned at: the kernel counts its whole buffer, about 1 KiB
 * for 36 bytes, more where it explains itself.
 */
const ACK_COST = 2048
/** More in one send gain nothing; a send of this many takes some tens of ms. */
const MAX_MESSAGES = 500
/** Well below the smallest default send buffer (net.core.wmem_default, 212,992 bytes less bookkeeping). */
const MAX_BYTES = 64 * 1024

/** The outcome of each request of a batch, in its order: undefined for success. */
export type Outcomes = (NetlinkError | undefined)[]

/**
 * Sends the requests in order, many in one datagram, and matches every acknowledgement to its request by number.
 * A request whose acknowledgement was lost has an error of code ENOBUFS or ETIMEDOUT: its outcome is unknown. Where the
 * socket itself fails, what was not sent yet is not tried, and gets that error.
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

/** As many requests from `start` on as one datagram and the queue of their acknowledgements hold; at least one. */
function nextChunk(requests: readonly Request[], start: number, queueBytes: number): readonly Request[] {
  const limit = Math.max(1, Math.min(MAX_MESSAGES, Math.floor(queueBytes / ACK_COST)))
  let end = start
  for (let bytes = 0; end < requests.length && end - start < limit; end++) {
    bytes += frameBytes(requests[end] as Request)
    if (bytes > MAX_BYTES && end > start) break
  }
  return requests.slice(start, end)
}

/** Appends the chunk's outcomes; returns the error that kept some acknowledgements away. */
function runChunk(exchange: Exchange, chunk: readonly Request[], outcomes: Outcomes): NetlinkError | undefined {
  const { bytes, indexes } = frames(exchange, chunk)
  const answers = new Map<number, NetlinkError | undefined>()
  const failure = exchange.run(bytes, {
    operation: 'batch',
    owns: (sequence) => indexes.has(sequence),
    take: (message) => {
      const index = indexes.get(message.sequence)
      if (index !== undefined && message.type === NLMSG.ERROR) {
        answers.set(index, verdict(message, (chunk[index] as Request).type))
      }
      return answers.size === chunk.length
    },
    torn: () => {},
  })
  const numbers = [...indexes.keys()]
  for (const [index, request] of chunk.entries()) {
    outcomes.push(answers.has(index) || !failure ? answers.get(index) : unanswered(request, failure, numbers[index]))
  }
  return failure
}

/** The chunk as one datagram, and the place in the chunk of each sequence number. */
function frames(exchange: Exchange, chunk: readonly Request[]): { bytes: Buffer; indexes: Map<number, number> } {
  const bytes = Buffer.allocUnsafe(chunk.reduce((sum, request) => sum + frameBytes(request), 0))
  const indexes = new Map<number, number>()
  let at = 0
  for (const [index, request] of chunk.entries()) {
    const sequence = exchange.number()
    indexes.set(sequence, index)
    at = writeFrame(bytes, at, { ...request, flags: request.flags | NLM_F.ACK }, sequence)
  }
  return { bytes, indexes }
}

function unanswered({ type }: Request, failure: NetlinkError, sequence = 0): NetlinkError {
  const text = isOutcomeUnknown(failure) ? 'outcome unknown: its acknowledgement is missing' : failure.message
  return new NetlinkError({ operation: messageName(type), errno: failure.errno, kernelText: text, sequence })
}
