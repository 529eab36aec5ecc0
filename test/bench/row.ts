import type { Spread } from './spread.ts'

/** One line of the report: what was measured, beside its yardstick. */
export interface Row {
  readonly item: string
  readonly what: string
  readonly unit: 'ms' | 'µs' | 'MB' | '% of a core'
  readonly ours: Spread
  readonly yardsticks: readonly { readonly name: string; readonly spread: Spread }[]
  /** The largest ratio to the first yardstick, or the largest value, that is aimed at. */
  readonly goal?: { readonly ratio?: number; readonly ratio99?: number; readonly value?: number }
}

export interface Verdict {
  readonly ratio: number | undefined
  readonly ratio99: number | undefined
  /** undefined: no goal, or nothing to compare with. */
  readonly met: boolean | undefined
}

export function judge({ ours, yardsticks, goal }: Row): Verdict {
  const yardstick = yardsticks[0]?.spread
  const ratio = yardstick && ours.p50 / yardstick.p50
  const ratio99 = yardstick && ours.p99 / yardstick.p99
  const checks = [
    goal?.ratio !== undefined && ratio !== undefined ? ratio <= goal.ratio : undefined,
    goal?.ratio99 !== undefined && ratio99 !== undefined ? ratio99 <= goal.ratio99 : undefined,
    goal?.value !== undefined ? ours.p50 <= goal.value : undefined,
  ].filter((check) => check !== undefined)
  return { ratio, ratio99, met: checks.length === 0 ? undefined : checks.every(Boolean) }
}
