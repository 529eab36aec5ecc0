import { isDone } from './applied.ts'
import type { Contention } from './contention.ts'
import type { Health } from './health.ts'
import { knowledgeReport } from './instance/knowledge-report.ts'
import type { DaemonReport } from './instance/report.ts'
import type { Family } from './metrics/family.ts'
import { presentFamilies } from './metrics/present.ts'
import type { PassRecord, Tally } from './metrics/tally.ts'
import type { Knowledge } from './policy/knowledge.ts'
import type { PassOutcome } from './reconcile.ts'
import { type Change, formatChange } from './state/change.ts'
import { linkNamer } from './state/snapshot.ts'
import { statusLine } from './status-line.ts'

export interface AccountOptions {
  readonly version: string
  readonly tally: Tally
  readonly health: Health
  readonly contention: Contention
  /** What is known at this moment. */
  readonly knowledge: () => Knowledge
}

/** What the daemon tells of itself: to `status`, to the service manager, and to whoever keeps time series. */
export class Account {
  readonly tally: Tally
  readonly #options: AccountOptions
  readonly #since = new Date()
  #outcome: PassOutcome | undefined
  #ready = false
  #passes = 0
  #changes = 0
  #failure: string | undefined
  #lastChange: { at: Date; change: Change; command: string } | undefined

  constructor(options: AccountOptions) {
    this.#options = options
    this.tally = options.tally
  }

  /** Notes a pass. */
  passed(outcome: PassOutcome, record: PassRecord): void {
    const made = outcome.applied.filter(isDone)
    const last = made.at(-1)
    this.#passes++
    this.#changes += made.length
    this.#outcome = outcome
    this.#ready ||= outcome.verified
    this.#failure = undefined
    if (last) {
      const command = formatChange(last.change, linkNamer(outcome.snapshot))
      this.#lastChange = { at: new Date(), change: last.change, command }
    }
    this.tally.passed(outcome, record)
  }

  /** Notes a pass that could not read the kernel. Tells whether that is news. */
  failed({ message }: Error): boolean {
    const isNew = message !== this.#failure
    this.#failure = message
    this.tally.failed()
    return isNew
  }

  /** Has a pass been verified? */
  get ready(): boolean {
    return this.#ready
  }

  /** How many there were. */
  get passes(): number {
    return this.#passes
  }

  report(): DaemonReport {
    const { version, health, contention, knowledge } = this.#options
    const last = this.#lastChange
    return {
      pid: process.pid,
      version,
      since: this.#since.toISOString(),
      health: health.verdict,
      passes: this.#passes,
      changes: this.#changes,
      ...(last ? { lastChange: { at: last.at.toISOString(), command: last.command, cause: last.change.cause } } : {}),
      contested: contention.contested(performance.now()),
      tables: [...(this.#outcome?.memory.tables ?? [])].map(([linkIndex, { mac, table }]) => ({
        linkIndex,
        mac,
        table,
      })),
      knowledge: knowledgeReport(knowledge()),
    }
  }

  /** One line for people. */
  statusLine(): string {
    const { verdict, problems } = this.#options.health
    const [outcome, failure, lastChange] = [this.#outcome, this.#failure, this.#lastChange]
    return statusLine({ health: verdict, problems, outcome, failure, lastChange })
  }

  /** What is counted and what can be told at this moment. */
  metrics(): Family[] {
    const { version, health, contention } = this.#options
    const present = presentFamilies({
      version,
      since: this.#since,
      health: health.verdict,
      problems: health.problems,
      contested: contention.contested(performance.now()).length,
      outcome: this.#outcome,
    })
    return [...present, ...this.tally.families()]
  }
}
