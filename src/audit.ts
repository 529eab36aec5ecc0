import type { Log } from './log.ts'
import { type Desired, nothingDesired } from './policy/desired.ts'
import type { Problem } from './policy/health.ts'
import type { Knowledge } from './policy/knowledge.ts'
import type { Applied, PassOutcome } from './reconcile.ts'
import { type ChangeRecord, recorder } from './record.ts'
import { standing } from './standing.ts'
import { type Change, changeKey, objectKey } from './state/change.ts'

/** ms that the kernel may refuse a change before it is told: an address is announced before it can be used. */
const refusalPatience = 300

/** What is told with the changes of a pass. */
export interface Circumstances {
  readonly pass: number
  /** The event that led to the pass. */
  readonly hint: string
  readonly durationUs: number
  /** ms of a monotonic clock. */
  readonly now: number
  readonly knowledge: Knowledge
}

type Describe = (change: Change) => ChangeRecord

/** Writes down what the daemon does: one record for one change, and none where nothing changed. */
export class Audit {
  readonly #log: Log
  readonly #refusedSince = new Map<string, { at: number; told: boolean }>()
  #problems = new Map<string, Problem>()
  /** Desired by the last pass that left nothing pending. */
  #settled: Desired = nothingDesired
  /** Objects made so far, until it is told what stood before; undefined afterwards. */
  #made: Set<string> | undefined = new Set()

  constructor(log: Log) {
    this.#log = log
  }

  /** Records a pass: its changes, refusals that last, and how long it took. */
  pass(outcome: PassOutcome, circumstances: Circumstances): void {
    const { pass, hint, durationUs, now, knowledge } = circumstances
    const taken = outcome.applied.filter(isDone)
    if (taken.length > 0 || outcome.refused.length > 0) {
      const describe = recorder(outcome.snapshot, [this.#settled, outcome.desired], knowledge)
      for (const { change, repair } of taken) {
        const cause = repair ? `restored (${hint}): ${change.cause}` : change.cause
        const known = { cause, trigger: hint, ...(repair && { repair }), pass, result: 'done', durationUs }
        this.#tell({ event: 'change', ...describe(change), ...known })
        this.#made?.add(objectKey(change))
      }
      this.#tellRefusals(outcome.refused, describe, { pass, trigger: hint }, now)
    } else {
      this.#refusedSince.clear()
    }
    if (taken.length > 0) {
      const { verified } = outcome
      const summary = `${taken.length} ${taken.length === 1 ? 'change' : 'changes'} in ${(durationUs / 1000).toFixed(1)} ms, ${verified ? 'verified' : 'more is pending'}`
      this.#log.info({ event: 'pass', pass, trigger: hint, changes: taken.length, verified, durationUs }, summary)
    }
    if (outcome.verified) {
      this.#settled = outcome.desired
      this.#tellAdopted(outcome, knowledge)
    }
  }

  /** Records that everything was taken away, `cause` being why. */
  removed(
    { snapshot, applied, left }: Pick<PassOutcome, 'snapshot' | 'applied'> & { readonly left: readonly Change[] },
    { cause, knowledge }: { cause: string; knowledge: Knowledge },
  ): void {
    const describe = recorder(snapshot, [this.#settled], knowledge)
    for (const { change } of applied.filter(isDone)) {
      this.#tell({ event: 'change', ...describe(change), cause, result: 'done' })
    }
    this.#log.info({ event: 'removed', changes: applied.length, left: left.length }, 'the routing was taken away')
  }

  /** Records problems that are new, and those that are gone. */
  problems(problems: readonly Problem[]): void {
    const present = new Map(problems.map((problem) => [problem.problem, problem]))
    for (const [text, { severity, remedy, interface: name }] of present) {
      if (!this.#problems.has(text)) {
        const fields = { event: 'problem', ...(name === undefined ? {} : { interface: name }), remedy }
        this.#log[severity === 'error' ? 'error' : 'warn'](fields, text)
      }
    }
    for (const text of this.#problems.keys()) {
      if (!present.has(text)) {
        this.#log.info({ event: 'resolved' }, `no longer: ${text}`)
      }
    }
    this.#problems = present
  }

  #tell(record: ChangeRecord & Record<string, unknown>): void {
    this.#log.info(record, record.command)
  }

  /** What an earlier process left standing is told once, an ENI at a time: the journal has no record of its making here. */
  #tellAdopted({ snapshot, desired }: PassOutcome, knowledge: Knowledge): void {
    const made = this.#made
    this.#made = undefined
    const found = made ? standing(snapshot, desired).filter((change) => !made.has(objectKey(change))) : []
    if (found.length === 0) {
      return
    }
    const describe = recorder(snapshot, [desired], knowledge)
    const byEni = new Map<string | undefined, ChangeRecord[]>()
    for (const record of found.map(describe)) {
      byEni.set(record.interface, [...(byEni.get(record.interface) ?? []), record])
    }
    for (const [name, records] of byEni) {
      const [{ mac, eni }] = records as [ChangeRecord]
      const whose = { ...(name && { interface: name }), ...(mac && { mac }), ...(eni && { eni }) }
      const command = records.map((record) => record.command).join('\n')
      const text = `found standing: ${records.length} ${records.length === 1 ? 'object' : 'objects'} of ${name ?? 'no ENI'}`
      this.#log.info({ event: 'adopted', ...whose, objects: records.length, command }, text)
    }
  }

  #tellRefusals(refused: readonly Applied[], describe: Describe, where: object, now: number): void {
    const present = new Map(refused.map((entry) => [changeKey(entry.change), entry]))
    for (const key of [...this.#refusedSince.keys()].filter((key) => !present.has(key))) {
      this.#refusedSince.delete(key)
    }
    for (const [key, { change, result }] of present) {
      const since = this.#refusedSince.get(key) ?? { at: now, told: false }
      this.#refusedSince.set(key, since)
      if (!since.told && !result.done && now - since.at >= refusalPatience) {
        since.told = true
        const record = describe(change)
        const { code, message } = result
        this.#log.warn(
          { event: 'refused', ...record, cause: change.cause, ...where, result: 'refused', errno: code },
          `refused: ${record.command}: ${code}${message ? ` (${message})` : ''}`,
        )
      }
    }
  }
}

const isDone = ({ result }: Applied): boolean => result.done && !result.already
