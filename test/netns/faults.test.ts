import { afterAll, describe, expect, test } from 'vitest'
import { faults } from '../support/faults.ts'
import { growth } from '../support/faults-report.ts'
import { median, SharedStage, tryFault } from '../support/faults-run.ts'

/** ms; a fault is healed in some. This is for machines that do much else. */
const patience = 2000

describe.skipIf(process.getuid?.() !== 0)('is healed when', () => {
  const shared = new SharedStage()
  afterAll(() => shared.close())

  test.each(faults)('$name', async (fault) => {
    const result = await tryFault(fault, fault.tries.ci, shared)
    expect(result.lost, 'objects of ours that were missing, or too many').toEqual([])
    expect(result.foreign, "other programs' objects that went").toEqual([])
    expect(result.idle, 'tries in which nothing happened to ours').toBe(0)
    const tried = `ms to heal (of ${result.tries} tries, median ${median(result.times)})`
    expect(result.times.at(-1), tried).toBeLessThan(patience)
    const grown = growth(result, 20)
    // So few cycles say little of memory; `npm run faults` does five hundred.
    expect(grown?.descriptors ?? 0).toBeLessThanOrEqual(0)
    expect(grown?.rss ?? 1).toBeLessThan(1.5)
  })
})
