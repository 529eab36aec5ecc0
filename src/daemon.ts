import { Audit, type Circumstances } from './audit.ts'
import { cleanup } from './cleanup.ts'
import type { Config } from './config/schema.ts'
import { settingsOf } from './config/settings.ts'
import { Contention } from './contention.ts'
import { Health } from './health.ts'
import { knowledgeReport } from './instance/knowledge-report.ts'
import type { DaemonReport } from './instance/report.ts'
import type { Hint, Kernel } from './kernel/port.ts'
import type { Log } from './log.ts'
import { look } from './look.ts'
import type { Informant } from './metadata/informant.ts'
import type { Family } from './metrics/family.ts'
import { presentFamilies } from './metrics/present.ts'
import { type MetadataError, type PassCause, Tally } from './metrics/tally.ts'
import type { Desired } from './policy/desired.ts'
import { noMetadata } from './policy/knowledge.ts'
import { type EventSketch, type Urgency, urgencyOf } from './policy/relevance.ts'
import { inTableBand, type Settings } from './policy/settings.ts'
import { type Memory, noMemory, type PassOutcome, reconcile } from './reconcile.ts'
import { rehearse } from './rehearsal.ts'
import { Rhythm } from './rhythm.ts'
import { type Change, formatChange, takesAway } from './state/change.ts'
import { linkNamer, type Snapshot } from './state/snapshot.ts'
import { inventoryOf, statusLine } from './status-line.ts'

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
   * Is called when nothing is to be expected for a while: after the start, and after looks at intervals that find nothing.
   * Tells whether memory was given back.
   */
  readonly onQuiet?: () => boolean
  /** What tells of the metadata; without it, the metadata is off. */
  readonly informant?: (onFailure: (reason: MetadataError) => void) => Informant
}

/** Watches the kernel of its network namespace and keeps it in the desired state, until it is stopped. */
export class Daemon {
  readonly #kernel: Kernel
  readonly #log: Log
  readonly #version: string
  readonly #onNews: () => void
  readonly #onAlive: (() => void) | undefined
  readonly #longestSilence: number | undefined
  readonly #onQuiet: () => boolean
  readonly #audit: Audit
  readonly #contention = new Contention()
  readonly #health: Health
  readonly #rhythm = new Rhythm({
    pass: () => this.#pass(),
    lookThoroughly: (what, cause) => this.#lookThoroughly(what, cause),
    warm: () => this.#warm(),
    warmed: () => this.#rest(),
  })
  readonly #since = new Date()
  readonly #tally = new Tally()
  readonly #informant: Informant | undefined
  #config: Config
  #settings: Settings
  #memory: Memory = noMemory
  #enis: ReadonlySet<number> = new Set()
  #hint: Pick<Hint, 'what'> = { what: 'start' }
  #cause: PassCause = 'start'
  #outcome: PassOutcome | undefined
  #judgementDue = true
  #aliveDue = false
  #thorough = true
  #ready = false
  #passes = 0
  #changes = 0
  #failure: string | undefined
  #lastChange: { at: Date; change: Change; command: string } | undefined

  constructor(options: DaemonOptions) {
    this.#kernel = options.kernel
    this.#config = options.config
    this.#informant = options.informant?.((reason) => this.#tally.metadataFailed(reason))
    this.#settings = this.#settingsOf(options.config, [])
    this.#log = options.log
    this.#version = options.version
    this.#onNews = options.onNews ?? (() => {})
    this.#onAlive = options.onAlive
    this.#longestSilence = options.longestSilence
    this.#onQuiet = options.onQuiet ?? (() => false)
    this.#audit = new Audit(options.log)
    this.#health = new Health({
      kernel: options.kernel,
      audit: this.#audit,
      contention: this.#contention,
      onJudged: this.#onNews,
    })
  }

  /** Subscribes first, so that nothing falls between the first look and the first event, and passes once at once. */
  start(): void {
    this.#kernel.watch(
      (event) => this.#urgencyOf(event),
      (hint) => this.#onEvent(hint),
    )
    this.#informant?.onNews((what) => this.#learn(what))
    this.#rhythm.start(this.#longestSilence)
    this.#pass()
  }

  /** Goes on under another configuration; what the old one put under other numbers is taken away once the new stands. */
  reconfigure(config: Config): void {
    const { numbers, include, retired } = this.#settings
    this.#config = config
    this.#informant?.configure(config)
    this.#settings = this.#settingsOf(config, [...retired, { numbers, include }])
    this.#log.level = config.log.level
    this.#lookThoroughly('the configuration was read again', 'configuration')
  }

  /** Ends the watch; leaves the routing in place, for another daemon in any case, or takes it away, as configured. */
  stop({ handOver = false } = {}): void {
    this.#rhythm.stop()
    this.#health.stop()
    this.#informant?.stop()
    try {
      if (this.#config.routing['on-stop'] === 'remove' && !handOver) {
        this.#remove()
      }
    } finally {
      this.#kernel.close()
    }
  }

  report(): DaemonReport {
    return {
      pid: process.pid,
      version: this.#version,
      since: this.#since.toISOString(),
      health: this.#health.verdict,
      passes: this.#passes,
      changes: this.#changes,
      ...(this.#lastChange
        ? {
            lastChange: {
              at: this.#lastChange.at.toISOString(),
              command: this.#lastChange.command,
              cause: this.#lastChange.change.cause,
            },
          }
        : {}),
      contested: this.#contention.contested(performance.now()),
      tables: [...this.#memory.tables].map(([linkIndex, { mac, table }]) => ({ linkIndex, mac, table })),
      knowledge: knowledgeReport(this.#settings.knowledge),
    }
  }

  /** Has a pass been verified? */
  get ready(): boolean {
    return this.#ready
  }

  /** One line for people. */
  statusLine(): string {
    return statusLine({
      health: this.#health.verdict,
      problems: this.#health.problems,
      outcome: this.#outcome,
      failure: this.#failure,
      lastChange: this.#lastChange,
    })
  }

  /** What is counted and what can be told at this moment, for whoever keeps time series. */
  metrics(): Family[] {
    const present = presentFamilies({
      version: this.#version,
      since: this.#since,
      health: this.#health.verdict,
      problems: this.#health.problems,
      contested: this.#contention.contested(performance.now()).length,
      outcome: this.#outcome,
    })
    return [...present, ...this.#tally.families()]
  }

  #settingsOf(config: Config, retired: Settings['retired']): Settings {
    return settingsOf(config, retired, this.#informant?.knowledge ?? noMetadata)
  }

  /** More is known than before: the next pass decides with it. */
  #learn(what: string): void {
    this.#settings = { ...this.#settings, knowledge: this.#informant?.knowledge ?? noMetadata }
    this.#judgementDue = true
    this.#wake({ urgency: 'now', what }, 'metadata')
  }

  #see(snapshot: Snapshot, desired: Desired): void {
    this.#informant?.see(snapshot, desired, this.#settings)
    // What it took from this very snapshot is no news: the pass has decided with it.
    const knowledge = this.#informant?.knowledge ?? noMetadata
    if (knowledge !== this.#settings.knowledge) {
      this.#settings = { ...this.#settings, knowledge }
    }
  }

  /** A route in a table of the band that no ENI has is found by a thorough look alone. */
  #urgencyOf(event: EventSketch): Urgency {
    const { kind, table } = event
    const known = kind !== 'route' || [...this.#memory.tables.values()].some((assignment) => assignment.table === table)
    this.#thorough ||= !known && table !== undefined && inTableBand(this.#settings.numbers, table)
    return urgencyOf(event, this.#enis, this.#settings)
  }

  #lookThoroughly(what: string, cause: PassCause): void {
    this.#thorough = true
    this.#judgementDue = true
    this.#aliveDue ||= cause === 'interval'
    this.#wake({ urgency: 'now', what }, cause)
  }

  #onEvent(hint: Hint): void {
    this.#tally.sighted(hint.sighting, performance.now())
    this.#note(hint, hint.sighting)
    this.#rhythm.act(hint.urgency)
    // Where the pass is yet to come, whoever is meant may have ended by then.
    void hint.what
  }

  #wake(hint: Pick<Hint, 'urgency' | 'what'>, cause: PassCause): void {
    this.#note(hint, cause)
    this.#rhythm.wake(hint.urgency)
  }

  #note(hint: Pick<Hint, 'urgency' | 'what'>, cause: PassCause): void {
    this.#hint = hint
    this.#cause = cause
    this.#judgementDue ||= hint.urgency === 'soon'
  }

  #remove(): void {
    const { knowledge } = this.#settings
    this.#audit.removed(cleanup(this.#kernel, this.#settings, 10), { cause: 'on-stop = "remove"', knowledge })
  }

  #pass(): void {
    const started = performance.now()
    const thorough = this.#thorough
    try {
      const outcome = reconcile({
        kernel: this.#kernel,
        settings: this.#settings,
        memory: this.#memory,
        contention: this.#contention,
        thorough,
        hint: this.#hint,
        now: started,
      })
      // A cheap look would not find again what the kernel did not let go.
      this.#thorough = outcome.refused.some(({ change }) => takesAway(change))
      this.#forgetRetired(outcome, thorough)
      this.#conclude(outcome, started)
    } catch (error) {
      this.#failed(error as Error)
    }
  }

  /** The kernel could not be read: it was changing too fast, or the socket failed. Told once, tried until it works. */
  #failed(error: Error): void {
    if (error.message !== this.#failure) {
      this.#log.error({ event: 'failed', err: error }, `the pass failed and is tried again: ${error.message}`)
    }
    this.#failure = error.message
    this.#tally.failed()
    this.#onNews()
    this.#rhythm.failed()
  }

  #conclude(outcome: PassOutcome, started: number): void {
    const { snapshot, desired, applied } = outcome
    const now = performance.now()
    this.#passes++
    this.#outcome = outcome
    this.#memory = outcome.memory
    this.#enis = new Set(desired.enis.map(({ eni }) => eni.link.index))
    this.#tally.passed(outcome, { cause: this.#cause, duration: now - started, now })
    const last = applied.findLast(({ result }) => result.done && !result.already)
    if (last) {
      this.#changes += applied.filter(({ result }) => result.done && !result.already).length
      this.#lastChange = {
        at: new Date(),
        change: last.change,
        command: formatChange(last.change, linkNamer(snapshot)),
      }
    }
    this.#failure = undefined
    this.#rhythm.passed(outcome, last !== undefined, this.#contention.nextAllowed(now))
    this.#health.note(outcome, this.#settings, this.#judgement(outcome, last !== undefined))
    this.#judgementDue = false
    const becameReady = outcome.verified && !this.#ready
    this.#ready ||= outcome.verified
    // Who waits for the routing does not wait for its records: thousands of them take longer than the routing itself.
    this.#onNews()
    this.#record(outcome, { durationUs: Math.round((now - started) * 1000), now })
    if (becameReady) {
      this.#tellReady(outcome)
    }
    this.#see(snapshot, desired)
    this.#proveAlive()
    if (this.#cause === 'interval' && outcome.verified && !last) {
      this.#rest()
    }
  }

  #record(outcome: PassOutcome, times: Pick<Circumstances, 'durationUs' | 'now'>): void {
    const { knowledge } = this.#settings
    this.#audit.pass(outcome, { pass: this.#passes, hint: this.#hint.what, knowledge, ...times })
  }

  /** Earlier numbers are forgotten, and what has them is foreign, once a whole look at everything finds nothing to do. */
  #forgetRetired({ snapshot, applied, verified }: PassOutcome, thorough: boolean): void {
    if (thorough && verified && applied.length === 0 && !snapshot.torn) {
      this.#settings = { ...this.#settings, retired: [] }
    }
  }

  /** A look at intervals that finds everything as it was is judged at once: that saves a quiet machine a wake-up. */
  #judgement({ verified }: PassOutcome, changed: boolean): 'now' | 'soon' | undefined {
    if (changed || (this.#judgementDue && !(this.#cause === 'interval' && verified))) return 'soon'
    return this.#judgementDue ? 'now' : undefined
  }

  /** The kernel has just answered; does it reach us, too? */
  #proveAlive(): void {
    if (this.#aliveDue && this.#onAlive && this.#kernel.echo(this.#onAlive)) {
      this.#aliveDue = false
    }
  }

  #tellReady(outcome: PassOutcome): void {
    const what = outcome.desired.active ? '' : ', nothing to do until a second one is attached'
    this.#log.info({ event: 'ready' }, `ready: ${inventoryOf(outcome)}${what}`)
    this.#rhythm.warmUp()
  }

  /** What a look needs of the memory that was given back, it has again before the next event. */
  #rest(): void {
    try {
      if (this.#onQuiet()) {
        this.#warm()
      }
    } catch (error) {
      this.#log.debug({ event: 'memory', err: error }, `memory was not given back: ${String(error)}`)
    }
  }

  #warm(): void {
    try {
      const [kernel, settings] = [this.#kernel, this.#settings]
      rehearse(look({ kernel, settings, tables: this.#memory.tables, thorough: false }), kernel, settings)
    } catch {
      // The next pass tells.
    }
  }
}
