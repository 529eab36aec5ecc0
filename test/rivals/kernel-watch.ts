import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { environment } from '../../src/lab/command.ts'
import type { Namespace } from '../../src/lab/namespace.ts'

/** One line of `ip monitor`. */
export interface KernelEvent {
  /** ms since 1970, when `ip` read the event: some 0.1 ms after the kernel sent it. */
  readonly at: number
  readonly kind: 'link' | 'address' | 'route' | 'rule'
  readonly deleted: boolean
  /** As `ip` prints the object, blanks folded. */
  readonly text: string
}

const kinds = { LINK: 'link', ADDR: 'address', ROUTE: 'route', RULE: 'rule' } as const

export function parseEvent(line: string): KernelEvent | undefined {
  const [, time, label, deleted, text] = /^\[(\S+)\] \[(LINK|ADDR|ROUTE|RULE)\](Deleted )?(.*)$/.exec(line) ?? []
  return time && label && text
    ? {
        at: Date.parse(`${time.slice(0, 23)}Z`) + Number(time.slice(23)) / 1000,
        kind: kinds[label as keyof typeof kinds],
        deleted: deleted !== undefined,
        text: text.replaceAll(/\s+/g, ' ').trim(),
      }
    : undefined
}

/** `ip monitor` in a namespace, from `start` to `stop`. */
export class KernelWatch {
  readonly events: KernelEvent[] = []
  readonly #monitor: ChildProcess

  /** Resolves when the monitor is known to hear. */
  static async start(namespace: Namespace): Promise<KernelWatch> {
    const watch = new KernelWatch(namespace)
    for (let turn = 0; watch.events.length === 0; turn++) {
      await namespace.ip(`link set dev lo alias watch-${turn % 2}`)
      await setTimeout(20)
    }
    return watch
  }

  private constructor(namespace: Namespace) {
    const objects = ['link', 'address', 'route', 'rule']
    this.#monitor = namespace.spawn('ip', ['-ts', '-o', 'monitor', 'label', ...objects], {
      env: { ...environment, TZ: 'UTC0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    createInterface({ input: this.#monitor.stdout! }).on('line', (line) => {
      const event = parseEvent(line)
      if (event) {
        this.events.push(event)
      }
    })
  }

  /** ms since the last rule event, or deletion. Each router advertisement is an event of a route, ten times a second. */
  quietFor(): number {
    return Date.now() - (this.events.findLast(({ kind, deleted }) => kind === 'rule' || deleted)?.at ?? 0)
  }

  async stop(): Promise<readonly KernelEvent[]> {
    await setTimeout(50) // What happened just now is still on its way through the pipe.
    this.#monitor.kill('SIGTERM')
    await once(this.#monitor, 'close')
    return this.events
  }
}
