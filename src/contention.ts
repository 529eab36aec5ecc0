/**
 * Repairs of one object that somebody keeps undoing. Each repair fills a bucket that leaks with time; past a burst every
 * further repair waits twice as long as the one before. Pure: the clock comes in as a value, in ms.
 */
interface Fight {
  label: Label
  level: number
  at: number
  /** Repairs since the last quiet time. */
  repairs: number
  allowedAt: number
}

/** For people: the command that puts the object back, and what was heard of the other party last. */
export interface Label {
  readonly object: string
  readonly by: string
}

/** Repairs at once before any wait: an operator's script may flush a table a few times; a fight has no end. */
const burst = 20
/** ms in which one repair leaks away: at once within the burst, slowly above it, so that a fight that goes on gets slow. */
const leak = { withinBurst: 100, aboveBurst: 1_000 }
/** Repairs above the burst that are remembered: the wait is at its longest there. */
const deepest = 10
/** ms; the longest wait, so that healing is never later than this once the other has stopped. */
const longestWait = 800
/** ms without a repair after which an object counts as quiet again. */
const quiet = 10_000
/** Repairs of one object, with no quiet time between, that are reported as a fight. */
const reportedFrom = 5

/** The level after `elapsed` ms. */
function leaked(level: number, elapsed: number): number {
  const above = Math.max(0, level - burst)
  const slow = Math.min(elapsed, above * leak.aboveBurst)
  return Math.max(0, level - slow / leak.aboveBurst - (elapsed - slow) / leak.withinBurst)
}

export class Contention {
  readonly #fights = new Map<string, Fight>()

  /** Notes that the object was put right. */
  repaired(key: string, label: Label, now: number): void {
    const last = this.#fights.get(key)
    const fight = last && now - last.at < quiet ? last : { label, level: 0, at: now, repairs: 0, allowedAt: now }
    fight.label = label
    fight.level = Math.min(burst + deepest, leaked(fight.level, now - fight.at) + 1)
    fight.at = now
    fight.repairs += 1
    const excess = Math.ceil(fight.level) - burst
    fight.allowedAt = excess > 0 ? now + Math.min(longestWait, 2 ** excess) : now
    this.#fights.set(key, fight)
  }

  /** Has nothing been put right of late? Everything may be repaired, then. */
  get isPeaceful(): boolean {
    return this.#fights.size === 0
  }

  /** May the object be repaired now? */
  allows(key: string, now: number): boolean {
    return now >= (this.#fights.get(key)?.allowedAt ?? 0)
  }

  /** When the next object that has to wait may be repaired; undefined where none waits. */
  nextAllowed(now: number): number | undefined {
    const waits = [...this.#fights.values()].map(({ allowedAt }) => allowedAt).filter((at) => at > now)
    return waits.length === 0 ? undefined : Math.min(...waits)
  }

  /** The objects that are being fought over, with the repairs so far. Forgets those that are quiet. */
  contested(now: number): (Label & { readonly repairs: number })[] {
    for (const [key, { at }] of this.#fights) {
      if (now - at >= quiet) {
        this.#fights.delete(key)
      }
    }
    return [...this.#fights.values()]
      .filter(({ repairs }) => repairs > reportedFrom)
      .map(({ label, repairs }) => ({ ...label, repairs }))
  }
}
