/** An interval (ms of CLOCK_MONOTONIC) in which something of ours was wrong. */
export interface Outage {
  readonly from: number
  readonly to: number
}

interface Sample {
  /** ms; when the listing was complete. */
  readonly at: number
  readonly good: boolean
  readonly world: string
}

/**
 * Makes outages out of samples. An outage begins with the last sample that was good; where links, addresses or main's
 * routes change in the midst of it, it begins anew there: only from then on can what they call for be in place. Times are
 * upper bounds, too long by up to two periods of sampling.
 */
export class Recorder {
  readonly outages: Outage[] = []
  #last: Sample | undefined
  #badFrom: number | undefined

  note(sample: Sample): void {
    const last = this.#last ?? sample
    if (!last.good && sample.world !== last.world) {
      this.#badFrom = last.at
    }
    if (!sample.good) {
      this.#badFrom ??= last.at
    } else if (this.#badFrom !== undefined) {
      this.outages.push({ from: this.#badFrom, to: sample.at })
      this.#badFrom = undefined
    }
    this.#last = sample
  }

  /** When the state became good for good; undefined where it is not. */
  get goodSince(): number | undefined {
    return this.#badFrom === undefined ? (this.outages.at(-1)?.to ?? Number.NEGATIVE_INFINITY) : undefined
  }

  /** The longest outage, counted from when healing became possible; those that ended before do not count. */
  longest(possibleAt = Number.NEGATIVE_INFINITY): number {
    const lengths = this.outages
      .filter(({ to }) => to > possibleAt)
      .map(({ from, to }) => to - Math.max(from, possibleAt))
    return Math.max(0, ...lengths)
  }
}
