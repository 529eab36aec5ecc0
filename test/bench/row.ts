import type { Interval, Spread } from './spread.ts'

/** One line of the report: what was measured, beside its yardsticks. */
export interface Row {
  readonly item: string
  readonly what: string
  readonly unit: 'ms' | 'µs' | 'MB' | '% of a core'
  readonly ours: Spread
  readonly yardsticks: readonly Yardstick[]
  readonly goal?: Goal
}

export interface Yardstick {
  readonly name: string
  readonly spread: Spread
}

/** What is aimed at: the largest ratio to the first yardstick of the medians or of the 99th percentiles, or the largest value. */
export interface Goal {
  readonly ratio?: number
  readonly ratio99?: number
  readonly value?: number
}

/** `not judged`: measured too coarsely to tell. */
export type Judgement = 'met' | 'missed' | 'not judged'

export interface Verdict {
  /** Of the medians, to the first yardstick. */
  readonly ratio: number | undefined
  readonly ratio99: number | undefined
  /** Where it lies with 95 % confidence, or a little more. */
  readonly ratioWithin: Interval | undefined
  readonly ratio99Within: Interval | undefined
  /** undefined: no goal, or nothing to compare with. */
  readonly goal: Judgement | undefined
}

export function judge({ ours, yardsticks, goal }: Row): Verdict {
  const yardstick = yardsticks[0]?.spread
  const ratioWithin = yardstick && quotient(ours.median, yardstick.median)
  const ratio99Within = yardstick && quotient(ours.tail, yardstick.tail)
  return {
    ratio: yardstick && ours.p50 / yardstick.p50,
    ratio99: yardstick && ours.p99 / yardstick.p99,
    ...{ ratioWithin, ratio99Within },
    goal: worst([
      within(ratioWithin, goal?.ratio),
      within(ratio99Within, goal?.ratio99),
      within(ours.median, goal?.value),
    ]),
  }
}

function quotient([low, high]: Interval, [under, over]: Interval): Interval {
  return [low === null || over === null ? null : low / over, high === null || under === null ? null : high / under]
}

function within(interval: Interval | undefined, limit: number | undefined): Judgement | undefined {
  if (!interval || limit === undefined) {
    return undefined
  }
  const [low, high] = interval
  if (high !== null && high <= limit) return 'met'
  return low !== null && low > limit ? 'missed' : 'not judged'
}

function worst(parts: readonly (Judgement | undefined)[]): Judgement | undefined {
  return (['missed', 'not judged', 'met'] as const).find((judgement) => parts.includes(judgement))
}
