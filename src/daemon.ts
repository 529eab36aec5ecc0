import { Account } from './account.ts'
import { isDone } from './applied.ts'
import { Audit } from './audit.ts'
import { cleanup } from './cleanup.ts'
import type { Config } from './config/schema.ts'
import { Contention } from './contention.ts'
import { Guidance, type Informing } from './guidance.ts'
import { Health } from './health.ts'
import type { Hint, Kernel } from './kernel/port.ts'
import { Leisure } from './leisure.ts'
import type { Log } from './log.ts'
import { look } from './look.ts'
import { type MetadataError, type PassCause, Tally } from './metrics/tally.ts'
import { type EventSketch, isStray, type Urgency, urgencyOf } from './policy/relevance.ts'
import { type Memory, noMemory, type PassOutcome, reconcile } from './reconcile.ts'
import { Rhythm } from './rhythm.ts'
import { takesAway } from './state/change.ts'
import { inventoryOf } from './status-line.ts'

export interface DaemonOptions {
  readonly kernel: Kernel
  readonly config: Config
  readonly log: Log
  readonly version: string
  /** Is called after every pass and every judgement: what the daemon tells of itself may have changed. */
  readonly onNews?: () => void
  /** Is called at least every `longestSilence` ms as long as passes succeed and events of the kernel are heard. */
  readonly onAlive?: () => void
  readonly longestSilence?: number
  /**
   * Is called when nothing is to be expected for a while, to give memory back: after the start, and after looks at
   * intervals that find nothing. `look` brings back what the next event needs.
   */
  readonly onQuiet?: (look: () => void) => void
  /** Runs `pass`, which no event asks for: a look at intervals. */
  readonly atIntervals?: (pass: () => void) => void
  /** What tells of the metadata; without it, the metadata is off. */
  readonly informant?: (onFailure: (reason: MetadataError) => void) => Informing
}

/** Watches the kernel of its network namespace and keeps it in the desired state, until it is stopped. */
export class Daemon {
  readonly account: Account
  readonly #kernel: Kernel
  readonly #log: Log
  readonly #onNews: () => void
  readonly #onAlive: (() => void) | undefined
  readonly #longestSilence: number | undefined
  readonly #atIntervals: (pass: () => void) => void
  readonly #audit: Audit
  readonly #contention = new Contention()
  readonly #health: Health
  readonly #guidance: Guidance
  readonly #leisure: Leisure
  readonly #rhythm = new Rhythm({
    pass: () => this.#onDue(),
    look: (thorough) => this.#lookAtIntervals(thorough),
    lookAgain: () => this.#lookThoroughly('a second look', 'second look'),
    settled: () => this.#leisure.tidy(),
  })
  #memory: Memory = noMemory
  #enis: ReadonlySet<number> = new Set()
  #hint: Pick<Hint, 'what'> = { what: 'start' }
  #cause: PassCause = 'start'
  #judgementDue = true
  #aliveDue = false
  #thorough = true
  /** A link may have come that the metadata is to be asked about. */
  #linkCame = false

  constructor(options: DaemonOptions) {
    const { kernel, log } = options
    const tally = new Tally()
    this.#kernel = kernel
    this.#log = log
    this.#onNews = options.onNews ?? (() => {})
    this.#onAlive = options.onAlive
    this.#longestSilence = options.longestSilence
    this.#atIntervals = options.atIntervals ?? ((pass) => pass())
    this.#audit = new Audit(log)
    this.#health = new Health({
      kernel,
      audit: this.#audit,
      contention: this.#contention,
      onJudged: this.#onNews,
    })
    this.#guidance = new Guidance(
      options.config,
      options.informant?.((reason) => tally.metadataFailed(reason)),
    )
    this.#leisure = new Leisure({
      kernel,
      log,
      present: () => ({ settings: this.#guidance.settings, tables: this.#memory.tables }),
      tidy: options.onQuiet ?? (() => {}),
    })
    this.account = new Account({
      version: options.version,
      tally,
      health: this.#health,
      contention: this.#contention,
      knowledge: () => this.#guidance.settings.knowledge,
    })
  }

  /** Subscribes first, so that nothing falls between the first look and the first event, and passes once at once. */
  start(): void {
    this.#kernel.watch(
      (event) => this.#urgencyOf(event),
      (hint) => this.#onEvent(hint),
    )
    this.#guidance.onNews((what) => this.#learn(what))
    this.#rhythm.start(this.#longestSilence)
    this.#pass()
  }

  /** Goes on under another configuration; what the old one put under other numbers is taken away once the new stands. */
  reconfigure(config: Config): void {
    this.#guidance.reconfigure(config)
    this.#log.level = config.log.level
    this.#lookThoroughly('the configuration was read again', 'configuration')
  }

  /** Ends the watch; leaves the routing in place, for another daemon in any case, or takes it away, as configured. */
  stop({ handOver = false } = {}): void {
    this.#rhythm.stop()
    this.#health.stop()
    this.#guidance.stop()
    try {
      if (this.#guidance.config.routing['on-stop'] === 'remove' && !handOver) {
        this.#remove()
      }
    } finally {
      this.#kernel.close()
    }
  }

  #remove(): void {
    const { settings } = this.#guidance
    const { knowledge } = settings
    const outcome = cleanup(this.#kernel, settings, 10)
    this.#audit.removed(outcome, { cause: 'on-stop = "remove"', knowledge })
    if (outcome.failure) throw outcome.failure
  }

  /** A stray route is found by a thorough look alone. */
  #urgencyOf(event: EventSketch): Urgency {
    const { settings } = this.#guidance
    this.#thorough ||= isStray(event, this.#memory.tables, settings)
    this.#linkCame ||= this.#guidance.isNewcomer(event)
    return urgencyOf(event, this.#enis, settings)
  }

  #onEvent(hint: Hint): void {
    this.account.tally.sighted(hint.sighting, performance.now())
    this.#note(hint, hint.sighting)
    this.#rhythm.act(hint.urgency)
    // Where the pass is yet to come, whoever is meant may have ended by then.
    void hint.what
  }

  /** More is known than before: the next pass decides with it. */
  #learn(what: string): void {
    this.#guidance.learn()
    this.#judgementDue = true
    this.#wake(what, 'metadata')
  }

  #lookAtIntervals(thorough: boolean): void {
    this.#aliveDue = true
    if (thorough) this.#lookThoroughly('a look at intervals', 'interval')
    else this.#wake('a look at intervals', 'interval')
  }

  #lookThoroughly(what: string, cause: PassCause): void {
    this.#thorough = true
    this.#judgementDue = true
    this.#wake(what, cause)
  }

  #wake(what: string, cause: PassCause): void {
    this.#note({ urgency: 'now', what }, cause)
    this.#rhythm.wake('now')
  }

  #note(hint: Pick<Hint, 'urgency' | 'what'>, cause: PassCause): void {
    this.#hint = hint
    this.#cause = cause
    this.#judgementDue ||= hint.urgency === 'soon'
  }

  #onDue(): void {
    if (this.#cause === 'interval') this.#atIntervals(() => this.#pass())
    else this.#pass()
  }

  #pass(): void {
    const started = performance.now()
    const thorough = this.#thorough
    try {
      if (this.#waits()) return
      const outcome = reconcile({
        kernel: this.#kernel,
        settings: this.#guidance.settings,
        memory: this.#memory,
        contention: this.#contention,
        thorough,
        hint: this.#hint,
        now: started,
      })
      // A cheap look would not find again what the kernel did not let go.
      this.#thorough = outcome.refused.some(({ change }) => takesAway(change))
      this.#conclude(outcome, { started, thorough })
    } catch (error) {
      this.#failed(error as Error)
    }
  }

  /**
   * Are answers about a link that has just come to be in the pass for it? They are asked for first. What else happens meanwhile
   * is acted on at once. @throws {NetlinkError}
   */
  #waits(): boolean {
    const kernel = this.#kernel
    if (this.#linkCame) {
      this.#linkCame = false
      this.#guidance.introduce(
        look({ kernel, settings: this.#guidance.settings, tables: this.#memory.tables, thorough: false }),
      )
    }
    const patience = this.#cause === 'link changed' ? this.#guidance.patience : 0
    if (patience > 0) this.#rhythm.postpone(patience)
    return patience > 0
  }

  /** The kernel could not be read: it was changing too fast, or the socket failed. Told once, tried until it works. */
  #failed(error: Error): void {
    if (this.account.failed(error)) {
      this.#log.error({ event: 'failed', err: error }, `the pass failed and is tried again: ${error.message}`)
    }
    this.#onNews()
    this.#rhythm.failed()
  }

  #conclude(outcome: PassOutcome, { started, thorough }: { started: number; thorough: boolean }): void {
    const { snapshot, desired, applied, verified } = outcome
    const now = performance.now()
    const changed = applied.some(isDone)
    const wasReady = this.account.ready
    // Earlier numbers are forgotten, and what has them is foreign, once a whole look finds nothing to do.
    if (thorough && verified && applied.length === 0 && !snapshot.torn) {
      this.#guidance.forgetRetired()
    }
    this.#memory = outcome.memory
    this.#enis = new Set(desired.enis.map(({ eni }) => eni.link.index))
    this.account.passed(outcome, { cause: this.#cause, duration: now - started, now, thorough })
    this.#rhythm.passed(outcome, changed, this.#contention.nextAllowed(now))
    this.#health.note(outcome, this.#guidance.settings, this.#judgement(verified, changed))
    this.#judgementDue = false
    // Who waits for the routing does not wait for its records: thousands of them take longer than the routing itself.
    this.#onNews()
    this.#record(outcome, now - started)
    if (this.account.ready && !wasReady) {
      this.#tellReady(outcome)
    }
    this.#guidance.see(outcome)
    this.#proveAlive()
    if (this.#cause === 'interval') {
      this.#concludeInterval(verified && !changed, thorough ? started : undefined)
    }
  }

  /** A look at intervals that finds everything as it was is judged at once: that saves a quiet machine a wake-up. */
  #judgement(verified: boolean, changed: boolean): 'now' | 'soon' | undefined {
    if (changed || (this.#judgementDue && !(this.#cause === 'interval' && verified))) return 'soon'
    return this.#judgementDue ? 'now' : undefined
  }

  /** `duration` in ms. */
  #record(outcome: PassOutcome, duration: number): void {
    const { knowledge } = this.#guidance.settings
    const times = { durationUs: Math.round(duration * 1000), now: performance.now() }
    this.#audit.pass(outcome, { pass: this.account.passes, hint: this.#hint.what, knowledge, ...times })
  }

  #tellReady(outcome: PassOutcome): void {
    const what = outcome.desired.active ? '' : ', nothing to do until a second one is attached'
    this.#log.info({ event: 'ready' }, `ready: ${inventoryOf(outcome)}${what}`)
    this.#rhythm.started()
  }

  /** The kernel has just answered; does it reach us, too? */
  #proveAlive(): void {
    if (this.#aliveDue && this.#onAlive && this.#kernel.echo(this.#onAlive)) {
      this.#aliveDue = false
    }
  }

  #concludeInterval(quiet: boolean, thoroughSince: number | undefined): void {
    if (thoroughSince !== undefined) this.#rhythm.lookedThoroughly(thoroughSince)
    if (quiet) this.#leisure.tidy()
  }
}
