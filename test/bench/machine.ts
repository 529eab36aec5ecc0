import { cpus, loadavg, release, totalmem } from 'node:os'

/** Where the figures come from. */
export interface Machine {
  readonly processor: string
  readonly processors: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
  readonly at: string
}

export const machine = (): Machine => ({
  processor: cpus()[0]?.model ?? 'unknown',
  processors: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  node: process.version,
  at: new Date().toISOString(),
})

/** Mean number of runnable processes in the minute before: well above what is measured, others were at work. */
export const load = (): number => Number((loadavg()[0] as number).toFixed(2))
