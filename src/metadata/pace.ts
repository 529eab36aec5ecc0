/** Requests that may be sent without a pause: an instance with 15 ENIs asks some 130 questions at its start. */
const burst = 100
/**
 * ms to the next request beyond them: 40 a second. Each takes six packets, and the service answers 1,024 packets a second.
 * A bare ENI that waits while every other question is answered 401 needs 27.
 */
const interval = 25

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
