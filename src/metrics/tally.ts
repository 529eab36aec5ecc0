import { type Applied, isDone, isUnknown } from '../applied.ts'
import type { Sighting } from '../kernel/port.ts'
import type { PassOutcome } from '../reconcile.ts'
import { actionOf } from '../state/change.ts'
import { Counter } from './counter.ts'
import type { Family } from './family.ts'
import { Histogram } from './histogram.ts'

/** s; a repair takes some ms, what has to wait for an address or for a retry up to a second. */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** What led to a pass: an event of the kernel, or the daemon itself. */
export type PassCause = Sighting | 'start' | 'interval' | 'second look' | 'configuration' | 'metadata'

/**
 * How a request for metadata failed: no answer in time, no service there, access refused (403), an answer that is no
 * document, any other status.
 */
export type MetadataError = 'timeout' | 'unreachable' | 'refused' | 'malformed' | 'status'
const metadataErrors: readonly MetadataError[] = ['timeout', 'unreachable', 'refused', 'malformed', 'status']

/** What a pass was, beside its outcome. */
export interface PassRecord {
  readonly cause: PassCause
  /** ms */
  readonly duration: number
  /** When it ended, in ms of a monotonic clock. */
  readonly now: number
  /** Nothing was taken as kept: everything was read from the kernel. */
  readonly thorough: boolean
}

/** Counts what the daemon does. Cheap enough for every event: nothing is formatted before somebody reads. */
export class Tally {
  readonly #passes = new Counter(
    'eni_routed_passes',
    'Looks at the kernel: verified, with changes left pending, or failed since the kernel could not be read.',
    (['verified', 'pending', 'failed'] as const).map((result) => ({ result })),
  )
  readonly #passDuration = new Histogram('eni_routed_pass_duration_seconds', 'How long passes took.', bounds)
  readonly #changes = new Counter(
    'eni_routed_changes',
    'Changes sent to the kernel. already: it was in that state; refused: it will be tried again; unknown: no answer came.',
  )
  readonly #repairs = new Counter(
    'eni_routed_repairs',
    'Objects put back that somebody had taken or changed, by what told of it.',
  )
  readonly #toVerified = new Histogram(
    'eni_routed_event_to_verified_seconds',
    'From the first event that called for changes to the pass that made them and verified them.',
    bounds,
  )
  readonly #overflows = new Counter(
    'eni_routed_overflows',
    'Times that events of the kernel were lost, so that everything was read again.',
    [{}],
  )
  readonly #metadataErrors = new Counter(
    'eni_routed_metadata_errors',
    'Requests to the instance metadata service that failed.',
    metadataErrors.map((reason) => ({ reason })),
  )
  /** ms of the clock of `sighted`; the first event that no verified pass has answered yet. */
  #waitingSince: number | undefined
  #changedSince = false
  #lastVerified: number | undefined
  #lastThorough: number | undefined

  /** An event of the kernel came; `now` in ms of a monotonic clock. */
  sighted(sighting: Sighting, now: number): void {
    this.#waitingSince ??= now
    if (sighting === 'events lost') {
      this.#overflows.add({})
    }
  }

  /** A pass ended; by the clock of `sighted`. */
  passed(outcome: PassOutcome, { cause, duration, now, thorough }: PassRecord): void {
    const { applied, verified } = outcome
    this.#passes.add({ result: verified ? 'verified' : 'pending' })
    this.#passDuration.observe(duration / 1000)
    for (const entry of applied) {
      this.#applied(entry, cause)
    }
    this.#changedSince ||= applied.some(isDone)
    if (thorough) {
      this.#lastThorough = Date.now()
    }
    if (verified) {
      this.#lastVerified = Date.now()
      this.#verified(now)
    }
  }

  failed(): void {
    this.#passes.add({ result: 'failed' })
  }

  metadataFailed(reason: MetadataError): void {
    this.#metadataErrors.add({ reason })
  }

  families(): Family[] {
    return [
      this.#passes.family(),
      this.#passDuration.family(),
      moment(
        'eni_routed_last_verified_pass_timestamp_seconds',
        'When the kernel was last seen to hold all that it should.',
        this.#lastVerified,
      ),
      moment(
        'eni_routed_last_thorough_pass_timestamp_seconds',
        'When everything was last read from the kernel; between such passes its events tell what changes.',
        this.#lastThorough,
      ),
      this.#changes.family(),
      this.#repairs.family(),
      this.#toVerified.family(),
      this.#overflows.family(),
      this.#metadataErrors.family(),
    ]
  }

  #applied(entry: Applied, cause: PassCause): void {
    const { change, repair } = entry
    this.#changes.add({ action: actionOf(change), object: change.kind, result: wordOf(entry) })
    if (repair && isDone(entry)) {
      this.#repairs.add({ object: change.kind, cause })
    }
  }

  /** What was found to be right at once took no time that anybody waited for. */
  #verified(now: number): void {
    if (this.#waitingSince !== undefined && this.#changedSince) {
      this.#toVerified.observe((now - this.#waitingSince) / 1000)
    }
    this.#waitingSince = undefined
    this.#changedSince = false
  }
}

function wordOf(entry: Applied): string {
  const { result } = entry
  if (result.done) return result.already ? 'already' : 'done'
  return isUnknown(entry) ? 'unknown' : 'refused'
}

/** `at` in ms. */
const moment = (name: string, help: string, at: number | undefined): Family => ({
  ...{ name, type: 'gauge', help },
  samples: at === undefined ? [] : [{ labels: {}, value: at / 1000 }],
})
