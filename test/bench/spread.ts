/** What many measurements of one thing came to. */
export interface Spread {
  readonly n: number
  readonly min: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
  /** Where the median, and the 99th percentile, of all possible measurements lie with 95 % confidence; null: no bound. */
  readonly median: Interval
  readonly tail: Interval
  /** Tries that never came to their end. */
  readonly failed: number
}

export type Interval = readonly [low: number | null, high: number | null]

export function spread(values: readonly (number | null)[]): Spread {
  const sorted = values.filter((value) => value !== null && !Number.isNaN(value)).sort((a, b) => a! - b!) as number[]
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return {
    ...{ n: sorted.length, min: at(0), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) },
    ...{ median: interval(sorted, 0.5), tail: interval(sorted, 0.99) },
    failed: values.length - sorted.length,
  }
}

/**
 * Bounds of a quantile by the ranks of the measurements, whatever their distribution: the number of them below it is
 * binomial. One measurement alone stands for itself.
 */
function interval(sorted: readonly number[], share: number): Interval {
  const n = sorted.length
  if (n === 1) {
    return [sorted[0]!, sorted[0]!]
  }
  const margin = 1.96 * Math.sqrt(n * share * (1 - share))
  const low = Math.max(Math.floor(n * share - margin), 0)
  const high = Math.ceil(n * share + margin) - 1
  // Is it unlikely enough that all of them lie on one side?
  const bounded = (chance: number) => chance ** n <= 0.05
  return [
    low > 0 || bounded(1 - share) ? (sorted[low] ?? null) : null,
    high < n ? (sorted[high] ?? null) : bounded(share) ? (sorted[n - 1] ?? null) : null,
  ]
}
