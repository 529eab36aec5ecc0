import { fileURLToPath } from 'node:url'
import type { LookupTask } from './lookup-process.ts'
import type { Row } from './row.ts'
import { type Spread, spread } from './spread.ts'
import { type Stage, scattered, withStage } from './stage.ts'

const program = fileURLToPath(new URL('./lookup-process.ts', import.meta.url))
const enis = 15
const outside = '198.51.100.7'
/** On the loopback device: an address that no rule of ours names. */
const foreign = '192.0.2.1'

/** What a packet pays for the number of addresses: lookups beside those on a host with two. */
export async function lookups({ counts, rounds }: { counts: readonly number[]; rounds: number }): Promise<Row[]> {
  const kinds = ['getroute', 'sendto'] as const
  const few = await withStage(2, 0, (stage) => measure(stage, stage.first(1), rounds))
  const rows: Row[] = []
  for (const count of counts) {
    const many = await withStage(enis, count - enis, (stage) => measure(stage, scattered(count - enis - 1), rounds))
    for (const kind of kinds) {
      for (const source of ['matching', 'foreign'] as const) {
        rows.push({
          ...{ item: 'lookup', what: `${kind}, ${source} source, ${count} addresses on ${enis} ENIs`, unit: 'µs' },
          ...{ ours: many[kind][source], yardsticks: [{ name: 'with 2 addresses', spread: few[kind][source] }] },
          ...(count >= 3_000 ? { goal: { ratio: 2 } } : {}),
        })
      }
    }
  }
  return rows
}

type Measured = Record<LookupTask['kind'], Record<'matching' | 'foreign', Spread>>

async function measure(stage: Stage, matching: string, rounds: number): Promise<Measured> {
  await stage.namespace.batch([`addr add ${foreign}/32 dev lo`])
  await (await stage.daemon()).stop()
  const time = async (kind: LookupTask['kind'], source: string) => {
    const task: LookupTask = { kind, source, destination: outside, rounds, perRound: 500 }
    return spread(JSON.parse(await stage.namespace.exec(process.execPath, [program, JSON.stringify(task)])))
  }
  const both = async (kind: LookupTask['kind']) => ({
    matching: await time(kind, matching),
    foreign: await time(kind, foreign),
  })
  return { getroute: await both('getroute'), sendto: await both('sendto') }
}
