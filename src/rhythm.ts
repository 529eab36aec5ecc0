import type { PassOutcome } from './reconcile.ts'
import { Seldom } from './seldom.ts'
import { Waker } from './waker.ts'

/** ms between two looks at a kernel that reports nothing. */
const slowInterval = 60_000
/** ms from the last of a few changes to a second, thorough look, and from the first of them where they do not end. */
const confirm = { afterLast: 500, afterFirst: 2_000 }
/** ms from the start's end to the end of what it leads to: a second look, a proof, what threads of V8 are still at. */
const settling = 1_000
/** ms before the first retry of what the kernel refuses; doubles up to the longest. */
const retry = { first: 1, longest: 1_000 }

export interface Beats {
  readonly pass: () => void
  /** No event asks for it. Has to lead to a pass, to a thorough one if it says so. */
  readonly look: (thorough: boolean) => void
  /** Something was changed. Has to lead to a thorough pass. */
  readonly lookAgain: () => void
  /** The start is over, with all that it led to. */
  readonly settled: () => void
}

/** Everything that happens in time: when the next pass runs, what is tried again, and looks that no event asks for. */
export class Rhythm {
  readonly #beats: Beats
  readonly #waker: Waker
  #interval: NodeJS.Timeout | undefined
  #confirmation: NodeJS.Timeout | undefined
  /** When the first and the last change were made that no second look has followed yet. */
  #unconfirmed: { readonly first: number; readonly last: number } | undefined
  readonly #thoroughLooks = new Seldom()
  #settling: NodeJS.Timeout | undefined
  #retries = 0

  constructor(beats: Beats) {
    this.#beats = beats
    this.#waker = new Waker(beats.pass)
  }

  /**
   * Looks at intervals from now on: the one timer of a quiet daemon. `longest`: ms that nobody may wait longer than. The
   * looks are thorough as long as that costs little: the kernel walks every route for them.
   */
  start(longest = slowInterval): void {
    const interval = Math.min(slowInterval, longest)
    this.#interval = setInterval(() => this.#beats.look(this.#thoroughLooks.isDue), interval)
  }

  /** Notes that a thorough look at intervals, begun at `started` (ms of performance.now()), has ended with its judgement. */
  lookedThoroughly(started: number): void {
    this.#thoroughLooks.done(started)
  }

  wake(urgency: 'now' | 'soon'): void {
    this.#waker.wake(urgency)
  }

  /** As `wake`, from a macrotask of its own: a pass that is due runs before this returns. */
  act(urgency: 'now' | 'soon'): void {
    this.#waker.act(urgency)
  }

  /** A pass that is due waits `delay` ms. */
  postpone(delay: number): void {
    this.#waker.wakeIn(delay)
  }

  /**
   * Notes a pass. Refused and withheld changes are tried again in time, also where no event tells that they have become
   * possible; `allowedAt` is when the first withheld one may be.
   */
  passed({ refused, withheld, verified }: PassOutcome, changed: boolean, allowedAt: number | undefined): void {
    this.#waker.passed(changed)
    if (changed) {
      this.#confirmLater(performance.now())
    }
    this.#retries = verified ? 0 : this.#retries + 1
    if (refused.length > 0 || (!verified && withheld.length === 0)) {
      this.#waker.wakeIn(this.#retryDelay())
    }
    if (withheld.length > 0) {
      this.#waker.wakeIn(Math.max(1, (allowedAt ?? 0) - performance.now()))
    }
  }

  /** Notes a pass that could not read the kernel. */
  failed(): void {
    this.#retries++
    this.#waker.passed(false)
    this.#waker.wakeIn(this.#retryDelay())
  }

  /** Notes that the start is over. */
  started(): void {
    this.#settling = setTimeout(this.#beats.settled, settling)
  }

  stop(): void {
    this.#waker.stop()
    clearInterval(this.#interval)
    clearTimeout(this.#confirmation)
    clearTimeout(this.#settling)
  }

  /** Some of what the kernel does in the wake of an event comes a moment after it, and silently. */
  #confirmLater(now: number): void {
    this.#unconfirmed = { first: this.#unconfirmed?.first ?? now, last: now }
    this.#confirmation ??= setTimeout(() => this.#confirm(), confirm.afterLast)
  }

  #confirm(): void {
    const { first, last } = this.#unconfirmed as { first: number; last: number }
    const now = performance.now()
    const left = last + confirm.afterLast - now
    const isLate = now - first >= confirm.afterFirst
    this.#unconfirmed = left > 0 ? { first: isLate ? now : first, last } : undefined
    this.#confirmation = left > 0 ? setTimeout(() => this.#confirm(), left) : undefined
    if (left <= 0 || isLate) {
      this.#beats.lookAgain()
    }
  }

  #retryDelay(): number {
    return Math.min(retry.longest, retry.first * 2 ** this.#retries)
  }
}
