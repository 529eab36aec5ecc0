import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Row } from './row.ts'
import { type Spread, spread } from './spread.ts'
import { program, type Stage, withStage } from './stage.ts'

const repeat = async (tries: number, work: () => Promise<number>): Promise<Spread> => {
  const times: number[] = []
  for (let i = 0; i < tries; i++) times.push(await work())
  return spread(times)
}

/** ms from exec to exit of an empty program, through `ip netns exec` as the daemon. */
async function emptyProgram({ namespace }: Stage): Promise<number> {
  const start = performance.now()
  await once(namespace.spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit')
  return performance.now() - start
}

/** ms from exec to the line `ready`. */
async function ready(stage: Stage): Promise<number> {
  const start = performance.now()
  const daemon = await stage.daemon()
  const ms = performance.now() - start
  await daemon.stop()
  return ms
}

/** The daemon's start beside an empty program on the same Node, with everything in place already. */
export async function starts({ tries }: { tries: number }): Promise<Row[]> {
  return withStage(2, 0, async (stage) => {
    await (await stage.daemon()).stop()
    const empty = await repeat(tries, () => emptyProgram(stage))
    const ours = await repeat(tries, () => ready(stage))
    const help = await repeat(Math.min(tries, 10), async () => {
      const start = performance.now()
      await once(spawn(process.execPath, [program, '--help'], { stdio: 'ignore' }), 'exit')
      return performance.now() - start
    })
    const yardsticks = [{ name: 'node -e 0', spread: empty }]
    const row = { item: 'start', unit: 'ms', yardsticks } as const
    return [
      { ...row, what: 'exec → READY, 2 ENIs, with a configuration', ours, goal: { ratio: 2.5 } },
      { ...row, what: 'eni-routed --help', ours: help },
    ]
  })
}

/** Everything put in place from nothing, beside `ip -batch` with the same objects. */
export async function coldStarts({ sizes, tries }: { sizes: readonly (readonly [number, number])[]; tries: number }) {
  const rows: Row[] = []
  for (const [enis, addresses] of sizes) {
    rows.push(await withStage(enis, Math.max(0, addresses - enis), (stage) => cold(stage, addresses, tries)))
  }
  return rows
}

async function cold(stage: Stage, addresses: number, tries: number): Promise<Row> {
  const { namespace } = stage
  const run = (verb: string) =>
    namespace.exec(process.execPath, [program, verb, '--config', config]).catch((e) => e.cause)
  const first = await stage.daemon()
  const config = first.configFile
  await first.stop()
  await run('cleanup')
  const plan = await namespace.exec('sh', [
    '-c',
    `"$0" "$1" plan --config "$2"; true`,
    process.execPath,
    program,
    config,
  ])
  const lines = plan
    .split('\n')
    .filter((line) => line.startsWith('+ ip '))
    .map((line) => line.slice('+ ip '.length))
  const batch = await repeat(tries, async () => {
    const start = performance.now()
    await namespace.batch(lines)
    const ms = performance.now() - start
    await run('cleanup')
    return ms
  })
  const ours = await repeat(tries, async () => {
    const ms = await ready(stage)
    await run('cleanup')
    return ms
  })
  return {
    ...{
      item: 'cold start',
      what: `exec → READY from nothing, ${addresses} scattered addresses on ${stage.enis} ENIs`,
      unit: 'ms',
    },
    ...{ ours, yardsticks: [{ name: `ip -batch of ${lines.length} commands`, spread: batch }] },
    ...(addresses >= 3_000 ? { goal: { ratio: 1 } } : {}),
  }
}
