import type { Family } from './family.ts'

/** Counts durations (s) by upper bounds. */
export class Histogram {
  readonly #name: string
  readonly #help: string
  readonly #bounds: readonly number[]
  /** Observations up to each bound and above the one before; the last is above all of them. */
  readonly #counts: number[]
  #sum = 0

  /** `bounds` ascend; the one at infinity is added. */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name
    this.#help = help
    this.#bounds = bounds
    this.#counts = Array<number>(bounds.length + 1).fill(0)
  }

  observe(value: number): void {
    const at = this.#bounds.findIndex((bound) => value <= bound)
    const bucket = at === -1 ? this.#bounds.length : at
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#sum += value
  }

  family(): Family {
    let count = 0
    const buckets = this.#counts.map((more, i) => {
      count += more
      return { suffix: '_bucket', labels: { le: String(this.#bounds[i] ?? '+Inf') }, value: count } as const
    })
    const samples = [
      ...buckets,
      { suffix: '_sum', labels: {}, value: this.#sum } as const,
      { suffix: '_count', labels: {}, value: count } as const,
    ]
    return { name: this.#name, type: 'histogram', help: this.#help, samples }
  }
}
