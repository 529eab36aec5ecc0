import { once } from 'node:events'
import { join } from 'node:path'
import { folderOf } from '../../src/lab/cleanup.ts'
import { labConfig, writeConfig } from '../../src/lab/daemon-process.ts'
import type { Namespace } from '../../src/lab/namespace.ts'
import { folderOfRun, native } from './native.ts'
import type { Files, Plan } from './plan-process.ts'
import { program } from './reactors.ts'
import type { ReadyTask, ReadyTimes } from './ready-process.ts'
import type { Row } from './row.ts'
import { spread } from './spread.ts'
import { type Furniture, runProgram, withStage } from './stage.ts'
import { inTurn } from './turns.ts'

export interface ColdEffort {
  readonly tries: number
  readonly furnitures: readonly Furniture[]
}

/** Everything put in place from nothing, exec → READY, beside others who put the same there. */
export async function coldStarts({ tries, furnitures }: ColdEffort): Promise<Row[]> {
  const rows: Row[] = []
  for (const furniture of furnitures) {
    rows.push(await withStage(furniture, ({ namespace }) => coldStart(namespace, furniture, tries)))
  }
  return rows
}

async function coldStart(namespace: Namespace, furniture: Furniture, tries: number): Promise<Row> {
  const files = (name: string): Files => ({
    there: join(folderOfRun(), `${name}-there`),
    away: join(folderOfRun(), `${name}-away`),
  })
  const [messages, commands, plainCommands] = [files('messages'), files('commands'), files('plain')] as const
  const { objects, plainObjects } = await runProgram<Plan>(namespace, 'plan-process', {
    messages,
    commands,
    plainCommands,
  })
  const config = writeConfig(namespace, labConfig)
  const empty: number[] = []
  const blast = (file: string) => timed(namespace, native('blast'), [file])
  const batch = (file: string) => timed(namespace, 'ip', ['-batch', file])
  const ours = async () => {
    const times = await readyTimes(namespace, config, 1)
    empty.push(...times.empty)
    return times.ready[0]!
  }
  const nothingLeft = async (ms: number, undo: () => Promise<unknown>) => {
    if (objects > 0) await undo()
    await expectNothing(namespace)
    return [ms]
  }
  const [own, same, plain, kernel] = await inTurn(tries, [
    async () => nothingLeft(await ours(), () => blast(messages.away)),
    async () => nothingLeft(await batch(commands.there), () => batch(commands.away)),
    async () => nothingLeft(await batch(plainCommands.there), () => batch(plainCommands.away)),
    async () => nothingLeft(await blast(messages.there), () => blast(messages.away)),
  ])
  const yardsticks = [
    { name: `ip -batch, the same ${count(objects)} objects`, spread: spread(same!) },
    { name: `ip -batch, plain: ${count(plainObjects)}`, spread: spread(plain!) },
    { name: 'C, the same messages blindly', spread: spread(kernel!) },
    { name: 'node -e 0', spread: spread(empty) },
  ]
  const { enis, addresses, lie = 'scattered' } = furniture
  const what = `${count(addresses)} ${lie} ${addresses === 1 ? 'address' : 'addresses'} on ${enis} ${enis === 1 ? 'ENI' : 'ENIs'}`
  return {
    ...{ item: 'cold', what: `exec → READY from nothing, ${what}`, unit: 'ms', ours: spread(own!) },
    ...judgedBy(furniture, yardsticks),
  }
}

/**
 * What a person would put there for neighbours is two rules an address; the program needs a few rules for all of them, and
 * is measured by what it replaces. Scattered addresses leave nothing to save: there the objects are the same.
 */
function judgedBy(
  { addresses, lie, enis }: Furniture,
  yardsticks: Row['yardsticks'],
): Pick<Row, 'yardsticks' | 'goal'> {
  const [same, plain, ...rest] = yardsticks as [Row['yardsticks'][0], Row['yardsticks'][0], ...Row['yardsticks']]
  if (enis < 2) return { yardsticks: rest.slice(1) }
  if (addresses < 3_000) return { yardsticks }
  return lie === 'contiguous'
    ? { yardsticks: [plain, same, ...rest], goal: { ratio: 0.2 } }
    : { yardsticks, goal: { ratio: 1 } }
}

const count = (n: number): string => n.toLocaleString('en')

/** The daemon, and an empty program, in turn. */
export function readyTimes(namespace: Namespace, config: string | undefined, tries: number): Promise<ReadyTimes> {
  const task: ReadyTask = {
    command: [program, 'run', ...(config === undefined ? [] : ['--config', config])],
    env: { RUNTIME_DIRECTORY: folderOf(namespace.name) },
    socket: join(folderOf(namespace.name), 'notify'),
    tries,
  }
  return runProgram(namespace, 'ready-process', task)
}

/** ms from exec to the end of a program that has to succeed. */
async function timed(namespace: Namespace, file: string, args: readonly string[]): Promise<number> {
  const start = performance.now()
  const child = namespace.spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: exit status ${code}`)
  return performance.now() - start
}

/** The next try is to find what the first one found. */
async function expectNothing(namespace: Namespace): Promise<void> {
  const left = [
    ...(await namespace.ip('-4 rule show')).split('\n').filter((line) => line.includes('proto 213')),
    ...(await namespace.ip('-6 rule show')).split('\n').filter((line) => line.includes('proto 213')),
    await namespace.ip('link show group 20000'),
  ].join('\n')
  if (left.trim() !== '') throw new Error(`a try left behind: ${left.slice(0, 300)}`)
}
