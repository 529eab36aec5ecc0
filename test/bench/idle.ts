import { setTimeout as sleep } from 'node:timers/promises'
import { memory, processorTime } from './process-figures.ts'
import { reactionOf } from './reaction.ts'
import { daemon, floor, furnish } from './reactors.ts'
import type { Row } from './row.ts'
import { spread } from './spread.ts'
import { Stage } from './stage.ts'

/** Daemons, and as many floors, that nothing happens to until the end of the run. */
const sleepers = 5
/** ms from the start of a daemon until it counts as idle: it looks twice and gives memory back first. */
const settle = 5_000

/** What lies idle from its creation on, while other items are measured, and is woken in the end. */
export class Idlers {
  readonly #seconds: number
  readonly #ours: { readonly stage: Stage; readonly pid: number; readonly before: number }[] = []
  readonly #floors: Stage[] = []
  #since = 0

  private constructor(seconds: number) {
    this.#seconds = seconds
  }

  static async begin(seconds: number): Promise<Idlers> {
    const idlers = new Idlers(seconds)
    const daemons = []
    for (let i = 0; i < sleepers; i++) {
      const stage = await Stage.create({ enis: 2, addresses: 2 })
      daemons.push({ stage, pid: (await daemon(stage.namespace)).process.pid as number })
      const beside = await Stage.create({ enis: 2, addresses: 2 })
      await furnish(beside.namespace)
      await floor(beside.namespace)
      idlers.#floors.push(beside)
    }
    await sleep(settle)
    idlers.#since = performance.now()
    idlers.#ours.push(...daemons.map((one) => ({ ...one, before: processorTime(one.pid) })))
    return idlers
  }

  /** Waits for the rest of the time, and measures: each is woken once, then again and again. */
  async end(): Promise<Row[]> {
    await sleep(Math.max(0, this.#seconds * 1_000 - (performance.now() - this.#since)))
    const elapsed = performance.now() - this.#since
    const shares = this.#ours.map(({ pid, before }) => ((processorTime(pid) - before) / 1e6 / elapsed) * 100)
    const held = this.#ours.map(({ pid }) => memory(pid))
    const first: (number | null)[] = []
    const floorFirst: (number | null)[] = []
    const again: (number | null)[] = []
    for (const [i, { stage }] of this.#ours.entries()) {
      first.push(...(await reactionOf(stage, 1)))
      floorFirst.push(...(await reactionOf(this.#floors[i]!, 1)))
    }
    for (const { stage } of this.#ours) again.push(...(await reactionOf(stage, 20)))
    const idle = `${Math.round(elapsed / 1_000)} idle s`
    return [
      {
        ...{ item: 'idle', what: `address → rule, the first event after ${idle}`, unit: 'ms', ours: spread(first) },
        yardsticks: [
          { name: 'C floor after the same time', spread: spread(floorFirst) },
          { name: 'ours, the events after it', spread: spread(again) },
        ],
      },
      {
        ...{ item: 'idle', what: `processor, ${idle}`, unit: '% of a core', ours: spread(shares), yardsticks: [] },
        goal: { value: 0.02 },
      },
      {
        ...{ item: 'idle', what: `RSS, after ${idle}`, unit: 'MB', yardsticks: [], goal: { value: 50 } },
        ours: spread(held.map(({ rss }) => rss)),
      },
      {
        ...{ item: 'idle', what: `anonymous memory, after ${idle}`, unit: 'MB', yardsticks: [], goal: { value: 12 } },
        ours: spread(held.map(({ anonymous }) => anonymous)),
      },
    ]
  }

  async destroy(): Promise<void> {
    for (const { stage } of this.#ours) await stage.destroy()
    for (const stage of this.#floors) await stage.destroy()
  }
}
