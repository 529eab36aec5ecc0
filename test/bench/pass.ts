import type { PassTask, PassTimes } from './pass-process.ts'
import { furnish } from './reactors.ts'
import type { Row } from './row.ts'
import { spread } from './spread.ts'
import { type Furniture, runProgram, withStage } from './stage.ts'

/** A pass that has nothing to do: after an event of no consequence, and the thorough one, which reads everything. */
export async function idlePasses(task: PassTask): Promise<Row[]> {
  const rows: Row[] = []
  for (const furniture of [
    { enis: 2, addresses: 2 },
    { enis: 15, addresses: 3_000 },
  ]) {
    rows.push(...(await withStage(furniture, ({ namespace }) => measure(namespace, furniture, task))))
  }
  return rows
}

async function measure(namespace: Parameters<typeof furnish>[0], { enis, addresses }: Furniture, task: PassTask) {
  await furnish(namespace)
  const times = await runProgram<PassTimes>(namespace, 'pass-process', task)
  const [cheap, thorough, reading] = [times.cheap, times.thorough, times.reading].map(spread)
  const where = `nothing to do, ${addresses.toLocaleString('en')} addresses on ${enis} ENIs`
  const yardsticks = [{ name: 'links, addresses, rules read alone', spread: reading! }]
  const row = { item: 'pass', unit: 'ms', yardsticks } as const
  return [
    { ...row, what: `a pass, ${where}`, ours: cheap! },
    { ...row, what: `a thorough pass, ${where}`, ours: thorough! },
  ]
}
