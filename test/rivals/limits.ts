import { expect } from 'vitest'
import { expectUnharmed } from './bench.ts'
import { type Row, spread } from './row.ts'

/** The promise beside any rival: at most 2 packets an ENI, healed in 10 ms (median) and never later than a second. */
export function expectHealed(rows: readonly Row[], most = 2): void {
  for (const row of rows) {
    expectUnharmed(row)
    for (const { eni, lost } of row.pings) {
      expect.soft(lost, `lost on ${eni}: ${row.action}`).toBeLessThanOrEqual(most * row.times)
    }
  }
  const { p50, worst } = spread(rows.flatMap(({ healed }) => healed))
  expect.soft(p50, 'ms to heal, p50').toBeLessThanOrEqual(10)
  expect.soft(worst, 'ms to heal, worst').toBeLessThanOrEqual(1000)
}
