import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { DaemonProcess, labConfig } from '../../src/lab/daemon-process.ts'
import { Namespace } from '../../src/lab/namespace.ts'
import type { Task } from './stopwatch-process.ts'

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
export const program = path('../../dist/main.js')
let stages = 0

/** A network namespace with ENIs in it (veths whose other end is in it too: nothing is to answer), for one measurement. */
export class Stage {
  readonly namespace: Namespace
  readonly enis: number

  private constructor(namespace: Namespace, enis: number) {
    this.namespace = namespace
    this.enis = enis
  }

  /** `addresses` beyond the first of each ENI, scattered as /32, are dealt out to the ENIs in turn. */
  static async create(enis: number, addresses = 0): Promise<Stage> {
    const namespace = new Namespace(`enirb-${process.pid}-${++stages}`)
    execFileSync('ip', ['netns', 'add', namespace.name])
    const stage = new Stage(namespace, enis)
    await namespace.batch([
      'link set lo up',
      ...Array.from({ length: enis }, (_, i) => [
        `link add eth${i} type veth peer name peer${i}`,
        `link set eth${i} up`,
        `link set peer${i} up`,
        `addr add ${stage.first(i)}/20 dev eth${i}`,
        `route add default via ${stage.router(i)} dev eth${i} metric ${100 + i}`,
        `neighbour add ${stage.router(i)} lladdr 02:00:00:00:00:01 dev eth${i}`,
      ]).flat(),
      ...Array.from({ length: addresses }, (_, n) => `addr add ${scattered(n)}/32 dev eth${n % enis}`),
    ])
    return stage
  }

  first = (eni: number): string => `172.${16 + (eni >> 4)}.${(eni & 15) * 16}.5`
  router = (eni: number): string => `172.${16 + (eni >> 4)}.${(eni & 15) * 16}.1`

  async linkIndex(name: string): Promise<number> {
    return Number((await this.namespace.ip(`-o link show ${name}`)).split(':')[0])
  }

  async daemon(nodeFlags: readonly string[] = []): Promise<DaemonProcess> {
    const daemon = new DaemonProcess(this.namespace, { program: [...nodeFlags, program], config: labConfig })
    await daemon.ready(60_000)
    return daemon
  }

  /** A yardstick that says "ready" on its stdout. */
  async start(file: string, args: readonly string[]): Promise<ChildProcess> {
    const child = this.namespace.spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout!, 'data')
    return child
  }

  /** ms of each try. */
  async time(task: Task): Promise<(number | null)[]> {
    return JSON.parse(await this.namespace.exec(process.execPath, [path('stopwatch-process.ts'), JSON.stringify(task)]))
  }

  async destroy(): Promise<void> {
    this.namespace.killChildren()
    await this.namespace.childrenGone()
    execFileSync('ip', ['netns', 'del', this.namespace.name])
  }
}

/** The n-th of addresses of which no two are neighbours. */
export const scattered = (n: number): string => `10.${1 + (n >> 12)}.${(n >> 4) & 255}.${(n & 15) * 16 + 1}`

export const withStage = async <T>(enis: number, addresses: number, work: (stage: Stage) => Promise<T>): Promise<T> => {
  const stage = await Stage.create(enis, addresses)
  try {
    return await work(stage)
  } finally {
    await stage.destroy()
  }
}
