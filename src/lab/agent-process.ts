import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { agentSource, type Operations } from './agent.ts'
import type { Namespace } from './namespace.ts'

interface Pending {
  resolve(value: never): void
  reject(error: Error): void
}

/** The port on which every host of the lab echoes TCP and UDP (RFC 862). */
export const echoPort = 7

/** This side of an agent: a small Node process in a namespace, spoken to in JSON lines (see agent.ts). */
export class AgentProcess {
  readonly #child: ChildProcess
  readonly #where: string
  readonly #pending = new Map<number, Pending>()
  #stderr = ''
  #requests = 0

  constructor(namespace: Namespace) {
    this.#where = namespace.name
    this.#child = namespace.spawn(process.execPath, ['-e', agentSource()])
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    // A write to an agent that has ended fails with EPIPE; its exit tells why.
    this.#child.stdin?.on('error', () => {})
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#settle(JSON.parse(line)))
    void once(this.#child, 'close').finally(() => this.#fail())
  }

  /** Asks for one operation. Rejects where the agent cannot do it at all (a listener's port is taken), or ended. */
  request<Name extends keyof Operations>(
    operation: Name,
    request: Parameters<Operations[Name]>[0],
  ): ReturnType<Operations[Name]> {
    const id = ++this.#requests
    const answer = new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#child.stdin!.write(`${JSON.stringify({ id, operation, ...request })}\n`)
    })
    return answer as ReturnType<Operations[Name]>
  }

  #settle({ id, failure, ...result }: { id: number; failure?: string }): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (failure === undefined) {
      pending?.resolve(result as never)
    } else {
      pending?.reject(new Error(`agent in ${this.#where}: ${failure}`))
    }
  }

  #fail(): void {
    const { exitCode, signalCode } = this.#child
    for (const { reject } of this.#pending.values()) {
      reject(new Error(`agent in ${this.#where} ended (${signalCode ?? exitCode}): ${this.#stderr.trim()}`))
    }
    this.#pending.clear()
  }
}
