import { writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import type { Reporter, TestCase } from 'vitest/node'
import { markdownTable, type Row } from './row.ts'

/** Prints the table of what every rival did, and writes it to the file that RIVALS_TABLE names. */
export default class RivalsReporter implements Reporter {
  readonly #rows: Row[] = []

  onTestCaseResult(test: TestCase): void {
    const { rows = [] } = test.meta() as { rows?: readonly Row[] }
    this.#rows.push(...rows)
  }

  onTestRunEnd(): void {
    const [load] = loadavg() as [number]
    const table = `Load average at the end: ${load.toFixed(1)} on ${cpus().length} processors.\n\n${markdownTable(this.#rows)}`
    process.stdout.write(`\n${table}\n`)
    if (process.env.RIVALS_TABLE) {
      writeFileSync(process.env.RIVALS_TABLE, `${table}\n`)
    }
    if (process.env.RIVALS_JSON) {
      writeFileSync(process.env.RIVALS_JSON, JSON.stringify(this.#rows, null, 1))
    }
  }
}
