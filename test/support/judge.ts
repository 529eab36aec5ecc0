import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Namespace } from '../../src/lab/namespace.ts'
import type { GoldenNumbers } from './golden.ts'
import type { Listing } from './judge-listing.ts'
import type { Expectation, JudgeOperations, Verdict } from './judge-process.ts'

export type { Expectation, Listing, Verdict }

interface Pending {
  resolve(value: never): void
  reject(error: Error): void
}

const program = fileURLToPath(new URL('./judge-process.ts', import.meta.url))

/**
 * A process in a namespace that reads the kernel there every ms and says since when all is as it should be. Being there
 * already, it costs no process start; and it can do to the kernel what ip(8) can't.
 */
export class Judge {
  readonly #child: ChildProcess
  readonly #pending = new Map<number, Pending>()
  #requests = 0

  constructor(namespace: Namespace) {
    this.#child = namespace.spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.stdin!.on('error', () => {}) // It has ended: `close` tells.
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#settle(JSON.parse(line)))
    void once(this.#child, 'close').finally(() => this.#fail())
  }

  /** The kernel as it is. */
  look(numbers?: GoldenNumbers): Promise<Listing> {
    return this.ask('look', numbers ? { numbers } : {})
  }

  /** From now on the kernel is compared with the expectation, every ms, until the verdict. */
  async watch(expected: Expectation): Promise<void> {
    await this.ask('watch', expected)
  }

  /** Waits until all has been right for `quietMs`. `possibleAt` (CLOCK_MONOTONIC): when healing became possible. */
  verdict(options: { possibleAt?: number | undefined; patienceMs?: number; quietMs?: number } = {}): Promise<Verdict> {
    const { possibleAt, patienceMs = 10_000, quietMs = 60 } = options
    return this.ask('verdict', { patienceMs, quietMs, ...(possibleAt === undefined ? {} : { possibleAt }) })
  }

  ask<Name extends keyof JudgeOperations>(
    operation: Name,
    request: Parameters<JudgeOperations[Name]>[0],
  ): ReturnType<JudgeOperations[Name]> {
    const id = ++this.#requests
    const answer = new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#child.stdin!.write(`${JSON.stringify({ id, operation, ...request })}\n`)
    })
    return answer as ReturnType<JudgeOperations[Name]>
  }

  #settle({ id, failure, ...result }: { id: number; failure?: string }): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (failure === undefined) {
      pending?.resolve(result as never)
    } else {
      pending?.reject(new Error(`judge: ${failure}`))
    }
  }

  #fail(): void {
    for (const { reject } of this.#pending.values()) {
      reject(new Error(`the judge ended (${this.#child.signalCode ?? this.#child.exitCode})`))
    }
    this.#pending.clear()
  }
}
