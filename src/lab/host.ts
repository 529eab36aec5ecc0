import type { ProbeRequest, ProbeResult } from './agent.ts'
import { AgentProcess, echoPort } from './agent-process.ts'
import { Namespace } from './namespace.ts'
import { type FloodCount, type PingFlood, ping, pingFlood } from './ping.ts'

export type { FloodCount, PingFlood, ProbeResult }

/** How a TCP or UDP probe is sent: port 7 (echo), 1000 ms and the kernel's choice of source, unless told otherwise. */
export type ProbeOptions = Partial<Pick<ProbeRequest, 'port' | 'from' | 'timeoutMs'>>

/** A namespace that stands for a machine: it echoes TCP and UDP on port 7 and sends probes. */
export class Host extends Namespace {
  #agent: AgentProcess | undefined

  /** Starts the agent; resolves when the echo services listen on all addresses. */
  async startAgent(): Promise<void> {
    this.#agent = new AgentProcess(this)
    await this.listen('::', echoPort)
  }

  /** Echoes TCP and UDP on a further port, where wanted bound to one address. */
  async listen(address: string, port: number): Promise<void> {
    await this.agent.request('listen', { address, port })
  }

  /** One ICMP echo request by ping(8). For IPv4: ICMPv6 echo replies leave by the arrival interface and prove nothing. */
  ping(address: string, options?: { from?: string; timeoutMs?: number }): Promise<ProbeResult> {
    return ping(this, address, options)
  }

  /** Echo requests in the background, every `intervalMs` (1 by default), until stopped; see ping.ts for what it counts. */
  pingFlood(address: string, options?: { from?: string; intervalMs?: number }): Promise<PingFlood> {
    return pingFlood(this, address, options)
  }

  /** Connects, sends a byte and waits for its echo. */
  tcp(address: string, options?: ProbeOptions): Promise<ProbeResult> {
    return this.agent.request('tcp', { ...defaults, ...options, address })
  }

  /** Sends a datagram and waits for its echo from that very address. */
  udp(address: string, options?: ProbeOptions): Promise<ProbeResult> {
    return this.agent.request('udp', { ...defaults, ...options, address })
  }

  /**
   * Tries TCP every `intervalMs` (2 by default) until the address answers; resolves to that moment in ms of
   * CLOCK_MONOTONIC (see monotonicMs), or to undefined when `timeoutMs` (5000 by default) is over.
   */
  async firstAnswer(
    address: string,
    options?: ProbeOptions & { readonly intervalMs?: number },
  ): Promise<number | undefined> {
    const request = { ...defaults, timeoutMs: 5000, intervalMs: 2, ...options, address }
    return (await this.agent.request('firstAnswer', request)).atMs ?? undefined
  }

  private get agent(): AgentProcess {
    if (!this.#agent) {
      throw new Error(`no agent runs in ${this.name}`)
    }
    return this.#agent
  }
}

const defaults = { port: echoPort, timeoutMs: 1000 }
