import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { churn, foreignRoutes, perSecond } from '../load/churn.ts'
import type { Row } from './row.ts'
import { spread } from './spread.ts'
import { type Stage, withStage } from './stage.ts'

export interface FootprintEffort {
  readonly idleSeconds: number
  readonly churnSeconds: number
  readonly attachments: number
  readonly routes: number
}

/** MB of a process: resident, and of that anonymous (smaps_rollup of proc(5)). */
function memory(pid: number): { rss: number; anonymous: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1])
  return { rss: kilobytes('Rss') / 1024, anonymous: kilobytes('Anonymous') / 1024 }
}

/** ns that the threads of a process were on a processor (schedstat of proc(5)): a tick of 10 ms is too coarse here. */
const processorTime = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`)
    .map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]))
    .reduce((sum, ns) => sum + ns, 0)

/** Percent of one processor while `work` goes on. */
async function share(pid: number, work: () => Promise<unknown>): Promise<number> {
  const [start, before] = [performance.now(), processorTime(pid)]
  await work()
  return ((processorTime(pid) - before) / 1e6 / (performance.now() - start)) * 100
}

/** Memory and processor time of a daemon that idles, that is busy with others' changes, and that has been through much. */
export function footprints(effort: FootprintEffort): Promise<Row[]> {
  return withStage(2, 0, async (stage) => {
    const daemon = await stage.daemon()
    const pid = daemon.process.pid as number
    const rows: Row[] = []
    const add = (what: string, unit: Row['unit'], value: number, goal?: number) =>
      rows.push({
        ...{ item: 'footprint', what, unit, ours: spread([value]), yardsticks: [] },
        ...(goal === undefined ? {} : { goal: { value: goal } }),
      })
    const addMemory = (when: string, goals: { rss?: number; anonymous?: number } = {}) => {
      const { rss, anonymous } = memory(pid)
      add(`RSS, ${when}`, 'MB', rss, goals.rss)
      add(`anonymous memory, ${when}`, 'MB', anonymous, goals.anonymous)
    }
    await sleep(3_000)
    add(
      `processor, idle for ${effort.idleSeconds} s`,
      '% of a core',
      await share(pid, () => sleep(effort.idleSeconds * 1_000)),
      0.02,
    )
    addMemory('idle', { rss: 50, anonymous: 12 })
    const busy = await share(pid, () => churn(stage.namespace, effort.churnSeconds))
    add(`processor, ${perSecond} foreign changes a second`, '% of a core', busy, 5)
    addMemory('after them')
    await attachAndDetach(stage, effort.attachments)
    addMemory(`after ${effort.attachments} attached and detached ENIs`)
    await foreignRoutes(stage.namespace, effort.routes)
    await sleep(1_000)
    addMemory(`with ${effort.routes} foreign routes`)
    await daemon.stop()
    return rows
  })
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
