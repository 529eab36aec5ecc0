/** ms that an event which can wait is gathered with others. */
const leisure = 250
/** ms; the longest pause between two passes that found nothing to do. */
const longestPause = 50

/**
 * Decides when the next pass runs. The first event of a burst is acted on at once. Passes that find nothing to do are
 * followed by pauses that double, so that a flood of events that do not concern us costs little; a pass that changed
 * something ends them.
 */
export class Waker {
  readonly #run: () => void
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined
  #dueAt = Number.POSITIVE_INFINITY
  #lastPass = Number.NEGATIVE_INFINITY
  #idlePasses = 0
  #stopped = false

  constructor(run: () => void) {
    this.#run = run
  }

  wake(urgency: 'now' | 'soon'): void {
    this.wakeIn(urgency === 'soon' ? leisure : 0)
  }

  /**
   * As `wake`, but a pass that may run now runs before this returns: another turn of the event loop takes a daemon that has
   * slept 20 µs. Not to be called within a pass.
   */
  act(urgency: 'now' | 'soon'): void {
    if (urgency === 'now' && !this.#stopped && performance.now() >= this.#lastPass + this.#pause()) {
      this.#fire()
    } else {
      this.wake(urgency)
    }
  }

  /** Runs a pass in `delay` ms, or earlier if one is due earlier. Never earlier than the pause after the last allows. */
  wakeIn(delay: number): void {
    const now = performance.now()
    const dueAt = Math.max(now + delay, this.#lastPass + this.#pause())
    if (this.#stopped || dueAt >= this.#dueAt) {
      return
    }
    this.#cancel()
    this.#dueAt = dueAt
    if (dueAt <= now) {
      this.#immediate = setImmediate(() => this.#fire())
    } else {
      this.#timer = setTimeout(() => this.#fire(), dueAt - now)
    }
  }

  /** Notes the end of a pass, and whether it had anything to do. */
  passed(busy: boolean): void {
    const idleBefore = this.#isQuiet() ? 0 : this.#idlePasses
    this.#idlePasses = busy ? 0 : idleBefore + 1
    this.#lastPass = performance.now()
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  #pause(): number {
    return this.#idlePasses === 0 || this.#isQuiet() ? 0 : Math.min(longestPause, 2 ** (this.#idlePasses - 1))
  }

  /** A quiet second forgets the pauses. */
  #isQuiet = (): boolean => performance.now() - this.#lastPass > 1_000

  #fire(): void {
    this.#cancel()
    this.#run()
  }

  #cancel(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
    this.#timer = undefined
    this.#immediate = undefined
    this.#dueAt = Number.POSITIVE_INFINITY
  }
}
