import type { Log } from './log.ts'
import type { Problem } from './policy/health.ts'
import type { Applied, PassOutcome } from './reconcile.ts'
import { actionOf, type Change, changeKey, formatChange } from './state/change.ts'
import { linkNamer } from './state/snapshot.ts'

/** ms that the kernel may refuse a change before it is told: an address is announced before it can be used. */
const refusalPatience = 300

/** Writes down what the daemon does: one record for one change, and none where nothing changed. */
export class Audit {
  readonly #log: Log
  readonly #refusedSince = new Map<string, { at: number; told: boolean }>()
  #problems = new Map<string, Problem>()

  constructor(log: Log) {
    this.#log = log
  }

  /** Records a pass: its changes, refusals that last, and how long it took (µs). `hint` is the event that led to it. */
  pass(outcome: PassOutcome, circumstances: { pass: number; hint: string; durationUs: number; now: number }): void {
    const { pass, hint, durationUs, now } = circumstances
    const linkName = linkNamer(outcome.snapshot)
    const taken = outcome.applied.filter(({ result }) => result.done && !result.already)
    for (const { change, repair } of taken) {
      const cause = repair ? `restored (${hint}): ${change.cause}` : change.cause
      const command = formatChange(change, linkName)
      this.#log.info({ event: 'change', ...fieldsOf(change, linkName), command, cause, pass, result: 'done' }, command)
    }
    this.#tellRefusals(outcome.refused, linkName, pass, now)
    if (taken.length > 0) {
      const summary = `${taken.length} ${taken.length === 1 ? 'change' : 'changes'} in ${(durationUs / 1000).toFixed(1)} ms, ${outcome.verified ? 'verified' : 'more is pending'}`
      this.#log.info({ event: 'pass', pass, changes: taken.length, verified: outcome.verified, durationUs }, summary)
    }
  }

  /** Records problems that are new, and those that are gone. */
  problems(problems: readonly Problem[]): void {
    const present = new Map(problems.map((problem) => [problem.problem, problem]))
    for (const [text, { severity, remedy }] of present) {
      if (!this.#problems.has(text)) {
        this.#log[severity === 'error' ? 'error' : 'warn']({ event: 'problem', remedy }, text)
      }
    }
    for (const text of this.#problems.keys()) {
      if (!present.has(text)) {
        this.#log.info({ event: 'resolved' }, `no longer: ${text}`)
      }
    }
    this.#problems = present
  }

  #tellRefusals(refused: readonly Applied[], linkName: (index: number) => string, pass: number, now: number): void {
    const present = new Map(refused.map((entry) => [changeKey(entry.change), entry]))
    for (const key of [...this.#refusedSince.keys()].filter((key) => !present.has(key))) {
      this.#refusedSince.delete(key)
    }
    for (const [key, { change, result }] of present) {
      const since = this.#refusedSince.get(key) ?? { at: now, told: false }
      this.#refusedSince.set(key, since)
      if (!since.told && !result.done && now - since.at >= refusalPatience) {
        since.told = true
        const command = formatChange(change, linkName)
        const { code, message } = result
        this.#log.warn(
          {
            event: 'refused',
            ...fieldsOf(change, linkName),
            command,
            cause: change.cause,
            pass,
            result: 'refused',
            errno: code,
          },
          `refused: ${command}: ${code}${message ? ` (${message})` : ''}`,
        )
      }
    }
  }
}

function fieldsOf(change: Change, linkName: (index: number) => string) {
  return { action: actionOf(change), object: change.kind, ...subject(change, linkName) }
}

function subject(change: Change, linkName: (index: number) => string) {
  switch (change.kind) {
    case 'link':
      return { interface: change.link.name, mac: change.link.mac, group: change.group }
    case 'route': {
      const { oif } = change.route.nexthops[0] ?? {}
      return { ...(oif === undefined ? {} : { interface: linkName(oif) }), table: change.route.table }
    }
    case 'rule':
      return {
        ...(change.rule.oif ? { interface: change.rule.oif } : {}),
        ...(change.rule.source ? { address: change.rule.source.address } : {}),
        table: change.rule.table,
      }
  }
}
