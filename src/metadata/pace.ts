/** Requests that may be sent without a pause: an instance with 15 ENIs asks some 180 questions at its start. */
const burst = 100
/** ms to the next request beyond them: 20 a second, of the 1,024 packets a second that the service answers. */
const interval = 50

/** Bounds the rate of requests, whatever goes wrong elsewhere. Pure: the clock comes in as a value, in ms. */
export class Pace {
  /** When the bucket would be full again. */
  #fullAt = Number.NEGATIVE_INFINITY

  /** Takes one request; returns the ms that it has to wait. */
  take(now: number): number {
    this.#fullAt = Math.max(this.#fullAt, now) + interval
    return Math.max(0, this.#fullAt - now - burst * interval)
  }
}
