// What the daemon costs, each figure beside its yardstick, in one run on one machine.
//   npm run bench -- [--quick] [--only ITEM] [--json FILE] [--svg FILE]
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { footprints } from './footprint.ts'
import { lookups } from './lookup.ts'
import { machine } from './machine.ts'
import { reactions } from './reaction.ts'
import { formatMachine, formatRow } from './report.ts'
import { judge, type Row } from './row.ts'
import { coldStarts, starts } from './start.ts'
import { plot } from './svg.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
    svg: { type: 'string' },
  },
})
const pick = <T>(full: T, quick: T): T => (values.quick ? quick : full)

const items: Readonly<Record<string, () => Promise<Row[]>>> = {
  reaction: () => reactions({ tries: pick(200, 60), idleMs: pick(60_000, 5_000) }),
  start: () => starts({ tries: pick(30, 10) }),
  cold: () =>
    coldStarts({
      tries: pick(5, 2),
      sizes: pick(
        [
          [2, 2],
          [15, 100],
          [60, 3_000],
        ],
        [
          [2, 2],
          [15, 300],
        ],
      ),
    }),
  lookup: () => lookups({ counts: pick([100, 1_000, 3_000], [100, 1_000]), rounds: pick(40, 10) }),
  footprint: () =>
    footprints({
      idleSeconds: pick(120, 20),
      churnSeconds: pick(20, 5),
      attachments: pick(1_000, 50),
      routes: pick(100_000, 10_000),
    }),
}

const chosen = Object.keys(items).filter((name) => values.only === undefined || name === values.only)
if (chosen.length === 0) {
  console.error(`--only ${values.only}: no such item; there are ${Object.keys(items).join(', ')}`)
  process.exit(64)
}
const here = machine()
console.log(formatMachine(here))
const rows: Row[] = []
for (const name of chosen) {
  console.log(`\n… ${name}`)
  const found = await items[name]!()
  rows.push(...found)
  console.log(found.map(formatRow).join('\n'))
}
const notMeasured = [
  'amazon-ec2-net-utils (it needs systemd and an instance metadata service)',
  'the first answered packet',
  'a pass that has nothing to do',
  'lookups in IPv6',
  'contiguous addresses',
  'memory by cgroup',
]
console.log(`\nnot measured: ${notMeasured.join('; ')}`)
const missed = rows.filter((row) => judge(row).met === false).length
console.log(`${rows.length} measurements; goals met: ${rows.filter((row) => judge(row).met).length}, missed: ${missed}`)
if (values.json) {
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine: here, rows: rows.map((row) => ({ ...row, ...judge(row) })) }, undefined, 2)}\n`,
  )
}
if (values.svg) {
  writeFileSync(values.svg, plot(rows, here))
}
