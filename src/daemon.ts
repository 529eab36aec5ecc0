import { prove } from './assess.ts'
import { Audit } from './audit.ts'
import { cleanup } from './cleanup.ts'
import type { Config } from './config/schema.ts'
import { settingsOf } from './config/settings.ts'
import { Contention } from './contention.ts'
import type { DaemonReport } from './instance/report.ts'
import type { Hint, Kernel } from './kernel/port.ts'
import type { Log } from './log.ts'
import { type Problem, problems } from './policy/health.ts'
import type { WrongOutcome } from './policy/outcome.ts'
import { urgencyOf } from './policy/relevance.ts'
import type { Settings } from './policy/settings.ts'
import type { Tables } from './policy/tables.ts'
import { type PassOutcome, reconcile } from './reconcile.ts'
import { type Change, formatChange } from './state/change.ts'
import { linkNamer } from './state/snapshot.ts'
import { Waker } from './waker.ts'

/** ms between two looks at a kernel that reports nothing. */
const slowInterval = 60_000
/** ms before the first retry of what the kernel refuses; doubles up to the longest. */
const retry = { first: 1, longest: 1_000 }

/** Watches the kernel of its network namespace and keeps it in the desired state, until it is stopped. */
export class Daemon {
  readonly #kernel: Kernel
  readonly #log: Log
  readonly #version: string
  readonly #audit: Audit
  readonly #contention = new Contention()
  readonly #waker = new Waker(() => this.#pass())
  readonly #since = new Date()
  #config: Config
  #settings: Settings
  #tables: Tables = new Map()
  #enis: ReadonlySet<number> = new Set()
  #outcome: PassOutcome | undefined
  #wrong: readonly WrongOutcome[] = []
  #problems: readonly Problem[] = []
  #hint = 'start'
  #proofDue = true
  #ready = false
  #passes = 0
  #changes = 0
  #retries = 0
  #lastChange: { at: Date; change: Change; command: string } | undefined
  #interval: NodeJS.Timeout | undefined

  constructor(options: { kernel: Kernel; config: Config; log: Log; version: string }) {
    this.#kernel = options.kernel
    this.#config = options.config
    this.#settings = settingsOf(options.config)
    this.#log = options.log
    this.#version = options.version
    this.#audit = new Audit(options.log)
  }

  /** Subscribes first, so that nothing falls between the first look and the first event, and passes once at once. */
  start(): void {
    this.#kernel.watch(
      (event) => urgencyOf(event, this.#enis, this.#settings),
      (hint) => this.#onHint(hint),
    )
    this.#interval = setInterval(() => {
      this.#onHint({ urgency: 'now', what: 'a look at intervals' })
      this.#proofDue = true
    }, slowInterval)
    this.#pass()
  }

  /** Goes on under another configuration; what the old one put under other numbers is taken away once the new stands. */
  reconfigure(config: Config): void {
    const { numbers, retired } = this.#settings
    this.#config = config
    this.#settings = settingsOf(config, [...retired, numbers])
    this.#log.level = config.log.level
    this.#proofDue = true
    this.#onHint({ urgency: 'now', what: 'the configuration was read again' })
  }

  /** Ends the watch; leaves the routing in place or takes it away, as configured. */
  stop(): void {
    this.#waker.stop()
    clearInterval(this.#interval)
    if (this.#config.routing['on-stop'] === 'remove') {
      const { applied, left, snapshot } = cleanup(this.#kernel, this.#settings, 10)
      const name = linkNamer(snapshot)
      for (const { change } of applied) {
        const command = formatChange(change, name)
        this.#log.info(
          { event: 'change', action: change.op, object: change.kind, command, cause: 'on-stop = "remove"' },
          command,
        )
      }
      this.#log.info({ event: 'removed', changes: applied.length, left: left.length }, 'the routing was taken away')
    }
    this.#kernel.close()
  }

  report(): DaemonReport {
    const contested = this.#contention.contested(performance.now())
    return {
      pid: process.pid,
      version: this.#version,
      since: this.#since.toISOString(),
      health: this.#health(),
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
      contested: [...contested].map(([object, repairs]) => ({ object, repairs })),
      tables: [...this.#tables].map(([linkIndex, { mac, table }]) => ({ linkIndex, mac, table })),
    }
  }

  #onHint({ urgency, what }: Hint): void {
    this.#hint = what
    this.#proofDue ||= urgency === 'soon'
    this.#waker.wake(urgency)
  }

  #pass(): void {
    const started = performance.now()
    try {
      const outcome = reconcile({
        kernel: this.#kernel,
        settings: this.#settings,
        tables: this.#tables,
        contention: this.#contention,
        now: started,
      })
      this.#conclude(outcome, started)
      this.#retryLater(outcome)
    } catch (error) {
      this.#log.error(
        { event: 'failed', err: error },
        `the pass failed and is tried again: ${(error as Error).message}`,
      )
      this.#waker.passed(false)
      this.#waker.wakeIn(retry.longest)
    }
  }

  #conclude(outcome: PassOutcome, started: number): void {
    const { snapshot, desired, applied } = outcome
    const now = performance.now()
    this.#passes++
    this.#outcome = outcome
    this.#tables = desired.tables
    this.#enis = new Set(desired.enis.map(({ eni }) => eni.link.index))
    this.#settings = outcome.verified ? { ...this.#settings, retired: [] } : this.#settings
    const durationUs = Math.round((now - started) * 1000)
    this.#audit.pass(outcome, { pass: this.#passes, hint: this.#hint, durationUs, now })
    const last = applied.findLast(({ result }) => result.done && !result.already)
    if (last) {
      this.#changes += applied.filter(({ result }) => result.done && !result.already).length
      this.#lastChange = {
        at: new Date(),
        change: last.change,
        command: formatChange(last.change, linkNamer(snapshot)),
      }
      this.#proofDue = true
    }
    this.#waker.passed(last !== undefined)
    if (this.#proofDue) {
      this.#prove(outcome)
    }
    this.#tellHealth(outcome)
  }

  /** Asks the kernel by which way packets would leave now. */
  #prove({ snapshot, desired }: PassOutcome): void {
    this.#proofDue = false
    this.#wrong = prove(this.#kernel, snapshot, desired, this.#settings)
  }

  #tellHealth({ snapshot, desired, verified }: PassOutcome): void {
    const evidence = { snapshot, desired, outcomes: this.#wrong, refusals: [] }
    this.#problems = [...problems(evidence, this.#settings), ...this.#contestedProblems()]
    this.#audit.problems(this.#problems)
    if (verified && !this.#ready) {
      this.#ready = true
      const addresses = desired.enis.flatMap(({ routing }) => routing.flatMap((part) => part.addresses))
      const what = desired.active
        ? `${desired.enis.length} ENIs, ${addresses.length} addresses`
        : `${desired.enis.length} ENI, nothing to do until a second one is attached`
      this.#log.info({ event: 'ready', health: this.#health() }, `ready: ${what}`)
    }
  }

  #contestedProblems(): Problem[] {
    return [...this.#contention.contested(performance.now()).keys()].map((object) => ({
      severity: 'warning',
      problem: `contested: somebody keeps undoing "${object}"`,
      remedy: 'find out who, with: ip monitor rule route; it is put back ever more slowly until that ends',
    }))
  }

  /** Refused and withheld changes are tried again in time, also where no event tells that they have become possible. */
  #retryLater({ refused, withheld, verified }: PassOutcome): void {
    this.#retries = verified ? 0 : this.#retries + 1
    if (refused.length > 0 || (!verified && withheld.length === 0)) {
      this.#waker.wakeIn(Math.min(retry.longest, retry.first * 2 ** this.#retries))
    }
    const allowed = this.#contention.nextAllowed(performance.now())
    if (withheld.length > 0) {
      this.#waker.wakeIn(Math.max(1, (allowed ?? 0) - performance.now()))
    }
  }

  #health(): DaemonReport['health'] {
    if (!this.#outcome) return 'starting'
    if (this.#problems.some(({ severity }) => severity === 'error')) return 'degraded'
    if (!this.#outcome.verified) return 'repairing'
    return this.#outcome.desired.active ? 'in sync' : 'single'
  }
}
