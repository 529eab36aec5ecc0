import { readdirSync, readFileSync } from 'node:fs'

/** MB of a process: resident, and of that anonymous (smaps_rollup of proc(5)). */
export function memory(pid: number): { rss: number; anonymous: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1])
  return { rss: kilobytes('Rss') / 1024, anonymous: kilobytes('Anonymous') / 1024 }
}

/** ns that the threads of a process were on a processor (schedstat of proc(5)): a tick of 10 ms is too coarse here. */
export const processorTime = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`)
    .map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]))
    .reduce((sum, ns) => sum + ns, 0)

/** Percent of one processor that each process takes while `work` goes on. */
export async function shares(pids: readonly number[], work: () => Promise<unknown>): Promise<number[]> {
  const [start, before] = [performance.now(), pids.map(processorTime)]
  await work()
  const elapsed = performance.now() - start
  return pids.map((pid, i) => ((processorTime(pid) - before[i]!) / 1e6 / elapsed) * 100)
}
