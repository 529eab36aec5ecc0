import type { Family, Labels, Sample } from './family.ts'

/** A number for each combination of labels that only grows. */
export class Counter {
  readonly #name: string
  readonly #help: string
  readonly #samples = new Map<string, Sample>()

  /** `from`: label sets that stand at 0 from the start; Prometheus sees no increase in a series that is new. */
  constructor(name: string, help: string, from: readonly Labels[] = []) {
    this.#name = name
    this.#help = help
    for (const labels of from) {
      this.add(labels, 0)
    }
  }

  /** The labels of one counter always come in the same order. */
  add(labels: Labels, by = 1): void {
    const key = Object.values(labels).join('\0')
    this.#samples.set(key, { labels, value: (this.#samples.get(key)?.value ?? 0) + by })
  }

  family(): Family {
    return { name: this.#name, type: 'counter', help: this.#help, samples: [...this.#samples.values()] }
  }
}
