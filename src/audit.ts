import { type Applied, isDone, isUnknown } from './applied.ts'
import type { Log } from './log.ts'
import { type Desired, nothingDesired } from './policy/desired.ts'
import type { Problem } from './policy/health.ts'
import { between } from './policy/kept.ts'
import type { Knowledge } from './policy/knowledge.ts'
import type { PassOutcome } from './reconcile.ts'
import { type ChangeRecord, recorder } from './record.ts'
import { opposite, standing } from './standing.ts'
import { type Change, changeKey, objectKey, takesAway } from './state/change.ts'
import type { Snapshot } from './state/snapshot.ts'

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

type Settled = Pick<PassOutcome, 'snapshot' | 'desired'>
const emptySnapshot: Snapshot = { links: [], addresses: [], rules: [], routes: [], tables: [], torn: false }

type Describe = (change: Change) => ChangeRecord

/** Writes down what the daemon does: one record for one change, and none where nothing changed. */
export class Audit {
  readonly #log: Log
  readonly #refusedSince = new Map<string, { at: number; told: boolean }>()
  #problems = new Map<string, Problem>()
  /** Seen and desired by the last pass that left nothing pending. */
  #settled: Settled = { snapshot: emptySnapshot, desired: nothingDesired }
  /** Taken away by passes since then. */
  readonly #removed = new Set<string>()
  /** Objects made so far, until it is told what stood before; undefined afterwards. */
  #made: Set<string> | undefined = new Set()

  constructor(log: Log) {
    this.#log = log
  }

  /** Records a pass: its changes, refusals that last, and how long it took. */
  pass(outcome: PassOutcome, circumstances: Circumstances): void {
    const { pass, hint, durationUs, now, knowledge } = circumstances
    const taken = outcome.applied.filter(isDone)
    const told = outcome.applied.filter(isTold)
    if (told.length > 0 || outcome.refused.length > 0) {
      const describe = recorder(outcome.snapshot, [this.#settled.desired, outcome.desired], knowledge)
      for (const entry of told) {
        const { change, repair } = entry
        const cause = repair ? `restored (${hint}): ${change.cause}` : change.cause
        this.#tell(entry, cause, describe, { trigger: hint, ...(repair && { repair }), pass, durationUs })
        ;(takesAway(change) ? this.#removed : this.#made)?.add(objectKey(change))
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
      this.#tellVanished(outcome, taken.length > 0, knowledge)
      this.#tellAdopted(outcome, knowledge)
      this.#settled = outcome
      this.#removed.clear()
    }
  }

  /** Records that everything was taken away, `cause` being why. */
  removed(
    { snapshot, applied, left }: Pick<PassOutcome, 'snapshot' | 'applied'> & { readonly left: readonly Change[] },
    { cause, knowledge }: { cause: string; knowledge: Knowledge },
  ): void {
    const describe = recorder(snapshot, [this.#settled.desired], knowledge)
    for (const entry of applied.filter(isTold)) {
      this.#tell(entry, cause, describe)
    }
    const but = left.length === 0 ? '' : `, but for ${left.length} ${left.length === 1 ? 'object' : 'objects'}`
    this.#log.info({ event: 'removed', changes: applied.length, left: left.length }, `the routing was taken away${but}`)
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

  #tell(entry: Applied, cause: string, describe: Describe, more: object = {}): void {
    const record = describe(entry.change)
    const why = `${cause}${answerWord(entry)}`
    if (isUnknown(entry)) {
      this.#log.warn(
        { event: 'change', ...record, cause: why, ...more, result: 'unknown' },
        `unknown: ${record.command}`,
      )
    } else {
      this.#log.info({ event: 'change', ...record, cause: why, ...more, result: 'done' }, record.command)
    }
  }

  /** What an earlier process left standing is told once, an ENI at a time: the journal has no record of its making here. */
  #tellAdopted({ snapshot, desired }: PassOutcome, knowledge: Knowledge): void {
    const made = this.#made
    this.#made = undefined
    const found = made ? standing(snapshot, desired).filter((change) => !made.has(objectKey(change))) : []
    if (found.length === 0) {
      return
    }
    this.#tellByEni(found.map(recorder(snapshot, [desired], knowledge)), 'adopted', 'found standing: $ of')
  }

  /** The kernel takes routes and groups away with a link, in silence: the journal shall not hold them for standing. */
  #tellVanished({ snapshot, desired }: PassOutcome, changed: boolean, knowledge: Knowledge): void {
    const before = this.#settled
    if (!changed && sizes(before.desired) === sizes(desired)) {
      return
    }
    const rules = between(before.desired.rules, desired.rules)
    const routes = between(before.desired.routes, desired.routes)
    const stays = new Set(standing(snapshot, { ...desired, rules: rules.come, routes: routes.come }).map(objectKey))
    const present = new Set(snapshot.links.map(({ index }) => index))
    const left = { ...before.desired, rules: rules.gone, routes: routes.gone }
    const vanished = standing(before.snapshot, left).filter((change) => {
      const key = objectKey(change)
      return change.kind === 'link' ? !present.has(change.link.index) : !stays.has(key) && !this.#removed.has(key)
    })
    const taken = vanished.map(opposite).filter((change) => change !== undefined)
    if (taken.length > 0) {
      const describe = recorder(before.snapshot, [before.desired], knowledge)
      this.#tellByEni(taken.map(describe), 'vanished', 'the kernel has taken away: $ of')
    }
  }

  /** One record an ENI, with all commands; `$` in the text is the number of objects. */
  #tellByEni(records: readonly ChangeRecord[], event: string, text: string): void {
    const byEni = new Map<string | undefined, ChangeRecord[]>()
    for (const record of records) {
      byEni.set(record.interface, [...(byEni.get(record.interface) ?? []), record])
    }
    for (const [name, own] of byEni) {
      const [{ mac, eni }] = own as [ChangeRecord, ...ChangeRecord[]]
      const whose = { ...(name && { interface: name }), ...(mac && { mac }), ...(eni && { eni }) }
      const command = own.map((record) => record.command).join('\n')
      const objects = `${own.length} ${own.length === 1 ? 'object' : 'objects'}`
      const message = `${text.replace('$', objects)} ${name ?? 'no ENI'}`
      this.#log.info({ event, ...whose, objects: own.length, command }, message)
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

const isTold = (entry: Applied): boolean => isDone(entry) || isUnknown(entry)

/** Said where the kernel's answer was lost, and the change is known, or is not, from what was seen afterwards. */
function answerWord(entry: Applied): string {
  if (isUnknown(entry)) return "; the kernel's answer was lost, and no look could tell whether it is done"
  return entry.result.done && entry.result.unacknowledged ? "; the kernel's answer was lost, and it was found done" : ''
}

/** Differs where something came or went that no change of ours tells of. */
const sizes = ({ enis, groups, routes, rules }: Desired): string =>
  [...enis.map(({ eni }) => eni.link.index), groups.size, routes.length, rules.length].join(' ')
