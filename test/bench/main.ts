// What the daemon costs: see options.ts, or npm run bench -- --help.
import { writeFileSync } from 'node:fs'
import { sweep } from '../../src/lab/cleanup.ts'
import { answers } from './answer.ts'
import { coldStarts } from './cold.ts'
import { footprints } from './footprint.ts'
import { Idlers } from './idle.ts'
import { lookups } from './lookup.ts'
import { load, machine } from './machine.ts'
import { NotHere } from './native.ts'
import { help, type Options, parseOptions, UsageError } from './options.ts'
import { idlePasses } from './pass.ts'
import { reactions } from './reaction.ts'
import { formatMachine, formatRow, markdown } from './report.ts'
import { rivals } from './rival.ts'
import { judge, type Row } from './row.ts'
import type { Furniture } from './stage.ts'
import { starts } from './start.ts'
import { plot } from './svg.ts'

const grid = (enis: readonly number[], addresses: readonly number[]): Furniture[] =>
  enis.flatMap((number) => addresses.map((count) => ({ enis: number, addresses: count })))
const neighbours = (enis: number, addresses: number): Furniture => ({ enis, addresses, lie: 'contiguous' })

/** How much is done of each item in a full run and in a quick one. */
const items = {
  reaction: (quick: boolean) => reactions(quick ? { rounds: 2, parcel: 25 } : { rounds: 10, parcel: 50 }),
  answer: (quick: boolean) => answers(quick ? { rounds: 2, parcel: 20 } : { rounds: 8, parcel: 40 }),
  pass: (quick: boolean) => idlePasses(quick ? { warmUp: 20, passes: 20 } : { warmUp: 200, passes: 200 }),
  start: (quick: boolean) => starts({ tries: quick ? 8 : 40 }),
  cold: (quick: boolean) =>
    coldStarts(
      quick
        ? { tries: 3, furnitures: [...grid([15], [100]), neighbours(15, 1_000)] }
        : {
            tries: 9,
            furnitures: [...grid([1, 15, 60], [1, 100, 3_000]), neighbours(15, 3_000), neighbours(60, 3_000)],
          },
    ),
  lookup: (quick: boolean) =>
    lookups(
      quick
        ? { counts: [100, 1_000], rounds: 10, perRound: 200 }
        : { counts: [1, 100, 1_000, 3_000], rounds: 40, perRound: 500 },
    ),
  footprint: (quick: boolean) =>
    footprints(
      quick
        ? { churnSeconds: 5, attachments: 50, routes: 10_000, settleSeconds: 2, routesSeconds: 5 }
        : { churnSeconds: 20, attachments: 1_000, routes: 100_000, settleSeconds: 65, routesSeconds: 90 },
    ),
  rival: (quick: boolean) => rivals({ tries: quick ? 2 : 12 }),
}
const names = [...Object.keys(items), 'idle'] as (keyof typeof items | 'idle')[]

process.exitCode = await main()

async function main(): Promise<number> {
  let options: Options | undefined
  try {
    options = parseOptions(process.argv.slice(2), names)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`${error.message}; see npm run bench -- --help`)
    return 64
  }
  if (!options) {
    process.stdout.write(help)
    return 0
  }
  if (process.getuid?.() !== 0) {
    console.error('the benchmark builds network namespaces: run it as root, sudo npm run bench')
    return 77
  }
  sweep()
  return run(options)
}

/** The load average when the item began and when it ended. */
type Measured = Row & { readonly load: readonly [number, number] }

async function run({ quick, only, idleSeconds, files }: Options): Promise<number> {
  const here = machine()
  console.log(formatMachine(here))
  const wanted = (name: string) => only?.includes(name) ?? true
  const rows: Measured[] = []
  let failures = 0
  const measure = async (name: string, work: () => Promise<Row[]>) => {
    const before = load()
    console.log(`\n${name} …`)
    try {
      const found = await work()
      const after = load()
      console.log(`${name}, load average ${before} … ${after}\n${found.map(formatRow).join('\n')}`)
      rows.push(...found.map((row) => ({ ...row, load: [before, after] as const })))
      // After each item: a run that is ended early has measured something.
      write(files, rows, here)
    } catch (error) {
      failures += error instanceof NotHere ? 0 : 1
      console.log(`${name} not measured: ${error instanceof NotHere ? error.message : (error as Error).stack}`)
    }
  }
  const idlers = wanted('idle') ? await Idlers.begin(idleSeconds) : undefined
  for (const [name, work] of Object.entries(items)) {
    if (wanted(name)) await measure(name, () => work(quick))
  }
  if (idlers) {
    await measure('idle', () => idlers.end())
    await idlers.destroy()
  }
  console.log(summary(rows))
  return failures === 0 ? 0 : 1
}

function summary(rows: readonly Row[]): string {
  const of = (verdict: string) => rows.filter((row) => judge(row).goal === verdict).length
  return `\n${rows.length} measurements; goals met ${of('met')}, missed ${of('missed')}, not judged ${of('not judged')}`
}

function write(
  { json, svg, markdown: table }: Options['files'],
  rows: readonly Measured[],
  here: ReturnType<typeof machine>,
) {
  const judged = rows.map((row) => ({ ...row, verdict: judge(row) }))
  if (json) writeFileSync(json, `${JSON.stringify({ machine: here, rows: judged }, undefined, 2)}\n`)
  if (svg) writeFileSync(svg, plot(rows, here))
  if (table) writeFileSync(table, `${formatMachine(here)}\n\n${markdown(rows)}\n`)
}
