import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { environment } from '../../src/lab/command.ts'
import type { Namespace } from '../../src/lab/namespace.ts'

/** Echo requests of 1 ms that were not answered, by the moment (ms since 1970) at which they were sent. */
export interface TimedLoss {
  readonly sent: number
  readonly lostAt: readonly number[]
}

/** Like `pingFlood`, but it tells when what was lost had been sent, to know whether anybody could have answered. */
export async function timedPing(from: Namespace, address: string): Promise<{ stop(): Promise<TimedLoss> }> {
  const child = from.spawn('ping', ['-n', '-D', '-i0.001', address], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  const lines = createInterface({ input: child.stdout! })
  const sentAt = new Map<number, number>()
  let last = 0
  lines.on('line', (line) => {
    const [, time, number, rtt] = /^\[([\d.]+)\] .*icmp_seq=(\d+) ttl=.* time=([\d.]+) ms/.exec(line) ?? []
    if (number !== undefined) {
      last = unwrap(Number(number), last)
      sentAt.set(last, Number(time) * 1000 - Number(rtt))
    }
  })
  await answered(() => sentAt.size > 0, address)
  return {
    async stop() {
      child.kill('SIGINT')
      await closed
      return lossOf(sentAt)
    },
  }
}

/** ping says nothing into a pipe before the first answer, and for ever if none comes. */
async function answered(is: () => boolean, address: string): Promise<void> {
  for (const end = performance.now() + 3000; !is(); await setTimeout(10)) {
    if (performance.now() > end) {
      throw new Error(`${address} does not answer, before anything was done`)
    }
  }
}

/** ping's sequence numbers have 16 bits; replies may be out of order by a few. */
function unwrap(number: number, last: number): number {
  const distance = (number - last) & 0xffff
  return last + (distance < 0x8000 ? distance : distance - 0x10000)
}

/** What is missing between two answers was sent between them, evenly. After the last answer nothing is known. */
export function lossOf(sentAt: ReadonlyMap<number, number>): TimedLoss {
  const answered = [...sentAt.entries()].sort(([a], [b]) => a - b)
  const lostAt = answered.slice(1).flatMap(([number, at], index) => {
    const [previous, previousAt] = answered[index]!
    const step = (at - previousAt) / (number - previous)
    return Array.from({ length: number - previous - 1 }, (_, lost) => previousAt + step * (lost + 1))
  })
  return { sent: answered.length + lostAt.length, lostAt }
}
