import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { DaemonProcess, labConfig } from '../../src/lab/daemon-process.ts'
import type { Namespace } from '../../src/lab/namespace.ts'
import { churn, foreignRoutes, perSecond } from '../load/churn.ts'
import { MemoryGroup } from './memory-group.ts'
import { memory, shares } from './process-figures.ts'
import { reactionOf } from './reaction.ts'
import { program } from './reactors.ts'
import type { Goal, Row } from './row.ts'
import { spread } from './spread.ts'
import { type Stage, withStage } from './stage.ts'

export interface FootprintEffort {
  readonly churnSeconds: number
  readonly attachments: number
  readonly routes: number
  /** From the last of the routes until the daemon counts as idle: it gives memory back at the first quiet look. */
  readonly settleSeconds: number
  readonly routesSeconds: number
}

/** Memory and processor time of a daemon that idles, that is busy with others' changes, and that has been through much. */
export function footprints(effort: FootprintEffort): Promise<Row[]> {
  return withStage({ enis: 2, addresses: 2 }, async (stage) => {
    const subjects = await Subjects.start(stage.namespace)
    try {
      await sleep(5_000)
      const rows = [...subjects.memory('idle', { rss: 50, anonymous: 12 })]
      rows.push(
        await subjects.processor(`${count(perSecond)} foreign changes a second`, { value: 5 }, () =>
          churn(stage.namespace, effort.churnSeconds),
        ),
        ...subjects.memory('after them'),
      )
      const attachments = `${count(effort.attachments)} attached and detached ENIs`
      rows.push(
        await subjects.processor(attachments, undefined, () => attachAndDetach(stage, effort.attachments)),
        ...subjects.memory(`after ${attachments}`),
      )
      const routes = `${count(effort.routes)} foreign routes`
      rows.push(
        await subjects.processor(`while ${routes} come`, undefined, () =>
          foreignRoutes(stage.namespace, effort.routes),
        ),
      )
      await sleep(effort.settleSeconds * 1_000)
      rows.push(
        await subjects.processor(`idle for ${effort.routesSeconds} s, with ${routes}`, { value: 0.02 }, () =>
          sleep(effort.routesSeconds * 1_000),
        ),
        ...subjects.memory(`with ${routes}`),
        {
          ...{ item: 'footprint', what: `address → rule, with ${routes}`, unit: 'ms', yardsticks: [] },
          ours: spread(await reactionOf(stage, 40)),
        },
      )
      return rows
    } finally {
      await subjects.stop()
    }
  })
}

const count = (n: number): string => n.toLocaleString('en')

/** The daemon, an empty program on the same Node, and `ip monitor`, which hears the same events and prints them. */
class Subjects {
  readonly #daemon: DaemonProcess
  readonly #empty: ChildProcess
  readonly #monitor: ChildProcess
  readonly #groups: readonly [MemoryGroup | undefined, MemoryGroup | undefined]

  static async start(namespace: Namespace): Promise<Subjects> {
    const subjects = new Subjects(namespace)
    await subjects.#daemon.ready()
    return subjects
  }

  private constructor(namespace: Namespace) {
    this.#groups = [MemoryGroup.create(`${namespace.name}-daemon`), MemoryGroup.create(`${namespace.name}-empty`)]
    const [around, aroundEmpty] = this.#groups.map(
      (group) =>
        <T>(start: () => T): T =>
          group ? group.around(start) : start(),
    )
    this.#daemon = around!(() => new DaemonProcess(namespace, { program: [program], config: labConfig }))
    this.#empty = aroundEmpty!(() =>
      namespace.spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' }),
    )
    this.#monitor = namespace.spawn('ip', ['monitor', 'link', 'address', 'route', 'rule'], { stdio: 'ignore' })
    if (!this.#groups[0]) {
      console.log('not measured: memory by control group: this machine does not count it')
    }
  }

  memory(when: string, goals: { rss?: number; anonymous?: number } = {}): Row[] {
    const [ours, empty] = [memory(this.#daemon.process.pid!), memory(this.#empty.pid!)]
    const row = (what: string, value: number, beside: number, goal: number | undefined): Row => ({
      ...{ item: 'footprint', what: `${what}, ${when}`, unit: 'MB', ours: spread([value]) },
      yardsticks: [{ name: 'an empty program on this Node', spread: spread([beside]) }],
      ...(goal === undefined ? {} : { goal: { value: goal } }),
    })
    const [group, groupOfEmpty] = this.#groups
    return [
      row('RSS', ours.rss, empty.rss, goals.rss),
      row('anonymous memory', ours.anonymous, empty.anonymous, goals.anonymous),
      ...(group && groupOfEmpty
        ? [row('memory of the cgroup', group.megabytes, groupOfEmpty.megabytes, undefined)]
        : []),
    ]
  }

  /** What they take of a processor while `work` goes on. */
  async processor(what: string, goal: Goal | undefined, work: () => Promise<unknown>): Promise<Row> {
    const pids = [this.#daemon.process.pid!, this.#monitor.pid!]
    const [ours, monitor] = (await shares(pids, work)) as [number, number]
    return {
      ...{ item: 'footprint', what: `processor, ${what}`, unit: '% of a core', ours: spread([ours]) },
      yardsticks: [{ name: 'ip monitor > /dev/null', spread: spread([monitor]) }],
      ...(goal ? { goal } : {}),
    }
  }

  async stop(): Promise<void> {
    await this.#daemon.stop()
    for (const child of [this.#empty, this.#monitor]) {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    }
    for (const group of this.#groups) group?.destroy()
  }
}

async function attachAndDetach({ namespace }: Stage, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await namespace.batch([
      'link add eth9 type veth peer name peer9',
      'link set eth9 up',
      'link set peer9 up',
      'addr add 172.30.0.5/20 dev eth9',
    ])
    await sleep(20)
    await namespace.batch(['link del eth9'])
    await sleep(10)
  }
}
