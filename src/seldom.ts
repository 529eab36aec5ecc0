/** Of one processor's time, at most, for what nobody waits for. */
const share = 1 / 8_000
/** ms; it is done as often as this, whatever it takes. */
const longest = 600_000

/** Paces what is done again and again and nobody waits for: the longer it took, the longer it waits, so that it stays cheap. */
export class Seldom {
  #pause = 0
  #dueAt = Number.NEGATIVE_INFINITY

  get isDue(): boolean {
    return performance.now() >= this.#dueAt
  }

  /** ms from one time to the next, as what was done last allows. */
  get pause(): number {
    return this.#pause
  }

  /** Notes that it was done and has just ended; `started` in ms of performance.now(). */
  done(started: number): void {
    this.#pause = Math.min(longest, (performance.now() - started) / share)
    this.#dueAt = started + this.#pause
  }
}
