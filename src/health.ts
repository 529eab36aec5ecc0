import { prove } from './assess.ts'
import type { Audit } from './audit.ts'
import type { Contention, Label } from './contention.ts'
import type { Kernel } from './kernel/port.ts'
import { type Finding, findings, type Problem } from './policy/health.ts'
import type { Settings } from './policy/settings.ts'
import { type PassOutcome, refusalsOf } from './reconcile.ts'

/** The daemon's state in one word: `single` has fewer than two ENIs and nothing to do. */
export type Verdict = 'starting' | 'single' | 'in sync' | 'repairing' | 'degraded'

/**
 * ms from a change to its judgement: an address comes before its router, and what mends itself in a moment is no problem
 * that anybody should read about.
 */
const settle = 500
/** ms after which a wrong way is asked for once more: the first answer may fall between a disturbance and its repair. */
const confirmation = 200
/** ms to the next judgement while objects are contested, so that the end of a fight is noticed. */
const whileContested = 5_000

/** Judges at leisure what the passes left behind, and tells the audit of problems that came and went. */
export class Health {
  readonly #kernel: Kernel
  readonly #audit: Audit
  readonly #contention: Contention
  readonly #onJudged: () => void
  #outcome: PassOutcome | undefined
  #settings: Settings | undefined
  #problems: readonly Problem[] = []
  /** Wrong ways that the last judgement saw. */
  #suspected: ReadonlySet<string> = new Set()
  /** When each problem was seen first, ms. */
  #since: ReadonlyMap<string, number> = new Map()
  #timer: NodeJS.Timeout | undefined
  #dueAt = Number.POSITIVE_INFINITY

  constructor(options: { kernel: Kernel; audit: Audit; contention: Contention; onJudged?: () => void }) {
    this.#kernel = options.kernel
    this.#audit = options.audit
    this.#contention = options.contention
    this.#onJudged = options.onJudged ?? (() => {})
  }

  get verdict(): Verdict {
    if (!this.#outcome) return 'starting'
    if (this.#problems.some(({ severity }) => severity === 'error')) return 'degraded'
    if (!this.#outcome.verified) return 'repairing'
    return this.#outcome.desired.active ? 'in sync' : 'single'
  }

  /** Those of the last judgement. */
  get problems(): readonly Problem[] {
    return this.#problems
  }

  /** Takes the outcome of a pass; `due` asks for a judgement, soon, or at once where nothing has to settle. */
  note(outcome: PassOutcome, settings: Settings, due: 'now' | 'soon' | undefined): void {
    this.#outcome = outcome
    this.#settings = settings
    if (due === 'now') {
      this.#attempt()
    } else if (due || outcome.refused.length > 0) {
      this.#judgeIn(settle)
    }
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  /** In `delay` ms, or earlier where that was planned. */
  #judgeIn(delay: number): void {
    const dueAt = performance.now() + delay
    if (dueAt < this.#dueAt) {
      clearTimeout(this.#timer)
      this.#dueAt = dueAt
      this.#timer = setTimeout(() => this.#attempt(), delay)
    }
  }

  /** A judgement that fails since the kernel can't be read just now is made up for; it is no reason to end. */
  #attempt(): void {
    clearTimeout(this.#timer)
    this.#dueAt = Number.POSITIVE_INFINITY
    try {
      this.#judge()
    } catch {
      this.#judgeIn(settle)
    }
  }

  #judge(): void {
    if (!this.#outcome || !this.#settings) {
      return
    }
    const { snapshot, desired, refused } = this.#outcome
    const suspects = prove(this.#kernel, snapshot, desired, this.#settings)
    const outcomes = suspects.filter(({ fate }) => this.#suspected.has(fate))
    this.#suspected = new Set(suspects.map(({ fate }) => fate))
    const contested = this.#contention.contested(performance.now())
    const found = findings({ snapshot, desired, outcomes, refusals: refusalsOf(refused) }, this.#settings)
    this.#problems = [...this.#lasting(found, performance.now()), ...contested.map(contestedProblem)]
    this.#audit.problems(this.#problems)
    this.#onJudged()
    if (outcomes.length < suspects.length) {
      this.#judgeIn(confirmation)
    } else if (contested.length > 0) {
      this.#judgeIn(whileContested)
    }
  }

  /** Those that have lasted long enough; the others are judged again when they have. */
  #lasting(found: readonly Finding[], now: number): Problem[] {
    const since = new Map(found.map(({ problem }) => [problem, this.#since.get(problem) ?? now]))
    this.#since = since
    const rests = found.map((finding) => restOf(finding, since, now)).filter((rest) => rest > 0)
    if (rests.length > 0) {
      this.#judgeIn(Math.ceil(Math.min(...rests)))
    }
    return found.filter((finding) => restOf(finding, since, now) <= 0)
  }
}

/** ms until the problem may be told. */
const restOf = ({ problem, patience = 0 }: Finding, since: ReadonlyMap<string, number>, now: number): number =>
  patience - (now - (since.get(problem) ?? now))

const contestedProblem = ({ object, by }: Label): Problem => ({
  severity: 'warning',
  problem: `contested: somebody keeps undoing "${object}"`,
  // Not in the problem: who was heard of last changes all the time, and would tell it anew.
  remedy: `stop the program that does so (last: ${by}); until then it is put back, ever more slowly`,
})
