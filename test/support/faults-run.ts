import type { VpcOptions } from '../../src/lab/vpc.ts'
import { type Resources, Stage } from './faults-stage.ts'
import { without } from './judge-listing.ts'

/** One thing that happens, and what has to be there in the end. */
export interface Step {
  /** Resolves, where that is not when it happens, to the moment (CLOCK_MONOTONIC, ms) at which healing becomes possible. */
  // biome-ignore lint/suspicious/noConfusingVoidType: most steps have nothing to tell
  act(stage: Stage, attempt: number): Promise<number | void>
  /** What of ours should be there afterwards; as before the fault, where it is not said. */
  expected?(stage: Stage): readonly string[]
  /** Foreign lines that have to go, since they stand in the place of ours. */
  readonly gone?: readonly string[]
}

export interface Fault {
  /** Reads as a sentence. */
  readonly name: string
  readonly steps: readonly Step[]
  /** Times to try: in the tests, and in `npm run faults`. */
  readonly tries: { readonly ci: number; readonly full: number }
  readonly vpc?: VpcOptions
  prepare?(stage: Stage): Promise<void>
  /** Nothing of ours is expected to suffer. */
  readonly harmless?: true
  /** Leaves the daemon in a state of its own. */
  readonly alone?: true
  /** Counts every try's resources; the first fifty warm up. */
  readonly leaks?: true
}

export interface FaultResult {
  readonly name: string
  readonly tries: number
  readonly healed: number
  /** ms to heal, one a try: that of its slowest step. Ascending. */
  readonly times: readonly number[]
  /** Objects of ours that were missing, or too many, when patience ended. */
  readonly lost: readonly string[]
  readonly foreign: readonly string[]
  /** Tries in which nothing happened to ours although it should have. */
  readonly idle: number
  readonly resources: readonly Resources[]
}

/**
 * A stage that faults have one after the other, where a second for each is too much: what is healed leaves no trace. A
 * fault that needs a VPC or a daemon of its own does not get it, and after one that was not healed there is a new one.
 */
export class SharedStage {
  #stage: Stage | undefined

  async take(fault: Fault): Promise<Stage> {
    if (needsOwn(fault)) {
      return Stage.open(fault.vpc)
    }
    const stage = this.#stage ?? (await Stage.open())
    this.#stage = undefined
    return stage
  }

  async giveBack(fault: Fault, stage: Stage, healed: boolean): Promise<void> {
    if (healed && !needsOwn(fault)) {
      this.#stage = stage
    } else {
      await stage.close()
    }
  }

  async close(): Promise<void> {
    await this.#stage?.close()
  }
}

const needsOwn = ({ vpc, prepare, leaks, alone }: Fault): boolean =>
  [vpc, prepare, leaks, alone].some((need) => need !== undefined)

/** Tries a fault again and again, until a try is not healed; on a stage of its own, or on the shared one. */
export async function tryFault(fault: Fault, tries: number, shared: SharedStage): Promise<FaultResult> {
  const stage = await shared.take(fault)
  const done: Try[] = []
  const resources: Resources[] = []
  const healed = () => done.length > 0 && done.every(({ lost, foreign }) => lost.length + foreign.length === 0)
  try {
    await fault.prepare?.(stage)
    do {
      done.push(await tryOnce(fault, stage, done.length))
      if (fault.leaks) resources.push(stage.resources())
    } while (done.length < tries && healed())
  } finally {
    await shared.giveBack(fault, stage, healed() && done.length === tries)
  }
  return {
    name: fault.name,
    tries: done.length,
    healed: done.filter(({ lost }) => lost.length === 0).length,
    times: done.map(({ ms }) => ms).sort((a, b) => a - b),
    lost: done.flatMap(({ lost }) => lost),
    foreign: done.flatMap(({ foreign }) => foreign),
    idle: done.filter(({ happened }) => !happened).length,
    resources,
  }
}

interface Try {
  readonly ms: number
  readonly lost: readonly string[]
  readonly foreign: readonly string[]
  readonly happened: boolean
}

async function tryOnce({ steps, harmless }: Fault, stage: Stage, attempt: number): Promise<Try> {
  const changesBefore = stage.changes
  let [ms, bad] = [0, 0]
  const lost: string[] = []
  for (const [index, step] of steps.entries()) {
    const { judge } = stage
    await judge.watch({ ours: step.expected?.(stage) ?? stage.golden(), gone: step.gone ?? [] })
    const possibleAt = (await step.act(stage, attempt)) ?? undefined
    const verdict = await judge.verdict({ possibleAt })
    ms = Math.max(ms, verdict.ms)
    bad += verdict.bad
    const where = steps.length > 1 ? `step ${index + 1}: ` : ''
    lost.push(...verdict.missing.map((line) => `${where}missing: ${line}`))
    lost.push(...verdict.surplus.map((line) => `${where}too many: ${line}`))
  }
  const foreign = without(stage.planted, (await stage.judge.look()).foreign)
  // What is healed between two looks of the judge shows in the log alone, which a busy machine reads later.
  const happened = bad > 0 || harmless === true || (await stage.changesMore(changesBefore))
  return { ms, lost, foreign, happened }
}

export const median = (ascending: readonly number[]): number => ascending[Math.floor((ascending.length - 1) / 2)] ?? 0
