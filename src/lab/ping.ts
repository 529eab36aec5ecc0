import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { ProbeResult } from './agent.ts'
import { CommandError } from './command.ts'
import type { Namespace } from './namespace.ts'

export interface PingOptions {
  /** Source address. */
  readonly from?: string
}

/** A series of echo requests going on in the background. */
export interface PingFlood {
  /** Ends the series. A request that was still under way counts neither as sent nor as lost. */
  stop(): Promise<FloodCount>
}

export interface FloodCount {
  readonly sent: number
  readonly received: number
  readonly lost: number
}

/** Sends one ICMP echo request; resolves when the reply is there, or after `timeoutMs` at the latest. */
export async function ping(
  namespace: Namespace,
  address: string,
  { from, timeoutMs = 1000 }: PingOptions & { timeoutMs?: number } = {},
): Promise<ProbeResult> {
  const args = ['-n', '-c1', `-W${timeoutMs / 1000}`, ...sourceArgs(from), address]
  try {
    const output = await namespace.exec('ping', args)
    return { ok: true, rttMs: Number(/time=([\d.]+)/.exec(output)?.[1]) }
  } catch (error) {
    // ping(8): silent where nothing came back, a message where the packet could not even be sent.
    const message = error instanceof CommandError ? error.stderr.trim() : String(error)
    return { ok: false, error: message || 'timeout' }
  }
}

/**
 * Sends echo requests every `intervalMs` until stopped. Resolves when the first has been sent. While an answer is
 * missing, ping(8) sends only every 10 ms: no outage of 1 ms goes unseen, but `lost` counts a long one in tens of ms.
 * Below 10 ms it spins, so a flood keeps one CPU busy.
 */
export async function pingFlood(
  namespace: Namespace,
  address: string,
  { from, intervalMs = 1 }: PingOptions & { intervalMs?: number } = {},
): Promise<PingFlood> {
  const child = namespace.spawn('ping', ['-n', `-i${intervalMs / 1000}`, ...sourceArgs(from), address])
  const closed = once(child, 'close')
  const lines = createInterface({ input: child.stdout! })
  let lastAnswered = 0
  let summary = ''
  lines.on('line', (line) => {
    lastAnswered = Number(/icmp_seq=(\d+) ttl/.exec(line)?.[1] ?? lastAnswered)
    summary = /packets transmitted/.test(line) ? line : summary
  })
  await Promise.race([once(lines, 'line'), closed]) // The headline comes with the first packet.
  return {
    async stop() {
      child.kill('SIGINT')
      await closed
      return count(summary, lastAnswered)
    },
  }
}

/** ping's sequence numbers have 16 bits. */
function count(summary: string, lastAnswered: number): FloodCount {
  const found = /(\d+) packets transmitted, (\d+) received/.exec(summary)
  if (!found) {
    throw new Error(`ping ended without its summary line: ${summary}`)
  }
  const [transmitted, received] = [Number(found[1]), Number(found[2])]
  const sent = transmitted % 0x10000 === lastAnswered ? transmitted : transmitted - 1
  return { sent, received, lost: sent - received }
}

const sourceArgs = (from: string | undefined): string[] => (from ? ['-I', from] : [])
