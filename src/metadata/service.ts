import type { Log } from '../log.ts'
import type { Trouble } from '../policy/knowledge.ts'
import type { Answer } from './client.ts'
import { afterFailure, afterSilence, deadline } from './schedule.ts'

/** Answers that are none. */
export type Unusable = Extract<Answer, { kind: 'refused' | 'failed' }>

/** ms without a failure after which it is well. */
const convalescence = 60_000
/** Failures in a row from which on a person is told, where the metadata is required. */
const patience = 3
const remedy =
  'switch it on (aws ec2 modify-instance-metadata-options --http-endpoint enabled), let the host reach it, or set metadata.mode = "auto" or "off"'

export interface ServiceOptions {
  readonly log: Log
  /** ms; the longest pause. */
  readonly refresh: number
  /** Silence is an error. */
  readonly required: boolean
}

/** The service as it behaves at present: when it may be asked again, and what a person should know of it. */
export class Service {
  readonly #options: ServiceOptions
  /** ms of a monotonic clock. */
  resumeAt = 0
  trouble: Trouble | undefined
  /** It says that it is off. */
  refused = false
  /** Failures in a row, and times in a row that nobody was there. */
  #failures = 0
  #silences = 0
  /** Answers in a row that did not come in time. */
  #timeouts = 0
  #failedAt = Number.NEGATIVE_INFINITY
  #surroundings = ''

  constructor(options: ServiceOptions) {
    this.#options = options
  }

  /** A question was answered. */
  answered(): void {
    this.#failures = 0
    this.#silences = 0
    this.#timeouts = 0
  }

  /** ms that an answer is waited for; `urgent`: so does an ENI. */
  deadline = (urgent: boolean): number => deadline(this.#timeouts, urgent)

  /** May it be asked more than is needed? */
  isWell = (now: number): boolean => now - this.#failedAt >= convalescence

  /** All questions were answered. Tells whether that is news. */
  recovered(): boolean {
    const news = this.refused || this.trouble !== undefined
    if (news) {
      this.#options.log.info({ event: 'metadata' }, 'the metadata service answers again')
    }
    this.refused = false
    this.trouble = undefined
    return news
  }

  /** A question was not. Tells whether that is news; `urgent`: an ENI waits for the answer. */
  failed(answer: Unusable, urgent: boolean, now: number, chance: number): boolean {
    const { refresh } = this.#options
    this.#failedAt = now
    if (answer.kind === 'refused') {
      this.resumeAt = now + refresh
      return this.#refuse()
    }
    this.#timeouts += answer.reason === 'timeout' ? 1 : 0
    this.resumeAt =
      now +
      (answer.reason === 'unreachable'
        ? afterSilence(this.#silences++, urgent, refresh, chance)
        : afterFailure(this.#failures++, urgent, chance))
    return this.#complain(answer.problem)
  }

  /** Where nobody was there, other addresses of the host may reach it. */
  stir(surroundings: () => string, now: number): void {
    if (this.#silences > 0 && this.#surroundings !== surroundings()) {
      this.#surroundings = surroundings()
      this.#silences = 0
      this.resumeAt = now
    }
  }

  #refuse(): boolean {
    const { required, log } = this.#options
    const problem = 'the metadata service refuses to answer (403): it is turned off, or access is denied'
    const news = !this.refused
    if (news) {
      log[required ? 'error' : 'info']({ event: 'metadata' }, `${problem}; asked again from time to time`)
    }
    this.refused = true
    this.trouble = required ? { severity: 'error', problem, remedy } : undefined
    return news
  }

  /** Where nothing depends on the service, its silence is no news. */
  #complain(why: string): boolean {
    const { required, log } = this.#options
    log.debug({ event: 'metadata', failures: this.#failures, silences: this.#silences }, why)
    if (!required || this.trouble || this.#failures + this.#silences < patience) {
      return false
    }
    const problem = `metadata.mode is "required", and the metadata service fails: ${why}`
    this.trouble = { severity: 'error', problem, remedy }
    return true
  }
}
