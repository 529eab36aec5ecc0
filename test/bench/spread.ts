/** What many measurements of one thing came to. */
export interface Spread {
  readonly n: number
  readonly min: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
  /** Tries that never came to their end. */
  readonly failed: number
}

export function spread(values: readonly (number | null)[]): Spread {
  const sorted = values.filter((value) => value !== null && !Number.isNaN(value)).sort((a, b) => a! - b!) as number[]
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return {
    ...{ n: sorted.length, min: at(0), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) },
    failed: values.length - sorted.length,
  }
}
