import type { Verdict } from '../instance/configurators.ts'
import { type EniFacts, hasAddresses } from '../policy/knowledge.ts'
import type { Link } from '../state/link.ts'

/**
 * ms that a link is bare before this program takes it up: others that react to a new link do so within 50 ms, and udev
 * renames it within 130 ms. On EC2 its documents come seconds later anyway.
 */
const grace = 150
/** ms after which a network manager that has not said whether it configures the link is taken not to. */
const indecision = 10_000
/** ms to the next question to it. */
const again = 100

export interface Considered {
  /** Links to adopt. */
  readonly adopted: readonly Link[]
  /** ms after which others may be. */
  readonly lookAgainIn?: number
}

/** Decides which bare ENIs nobody else configures. Pure but for `whoConfigures`; the clock comes in as a value, in ms. */
export class Adoption {
  readonly #whoConfigures: (link: Link) => Verdict
  #bareSince = new Map<number, number>()

  constructor(whoConfigures: (link: Link) => Verdict) {
    this.#whoConfigures = whoConfigures
  }

  /** `bare`: the links that are bare now; `factsOf`: what the metadata tells of a MAC. */
  consider(bare: readonly Link[], factsOf: (mac: string) => EniFacts | undefined, now: number): Considered {
    this.#bareSince = new Map(bare.map(({ index }) => [index, this.#bareSince.get(index) ?? now]))
    const ready = bare.filter(({ mac }) => isReady(factsOf(mac)))
    const waits = new Map(ready.map((link) => [link, this.#wait(link, now)]))
    const adopted = ready.filter((link) => waits.get(link) === 0)
    const others = [...waits.values()].filter((wait) => wait > 0)
    return { adopted, ...(others.length > 0 ? { lookAgainIn: Math.min(...others) } : {}) }
  }

  /** ms that the link has to wait. Somebody who configures it may let go of it, and no event tells. */
  #wait(link: Link, now: number): number {
    const age = now - (this.#bareSince.get(link.index) ?? now)
    if (age < grace) {
      return grace - age
    }
    const verdict = this.#whoConfigures(link)
    if (verdict === 'somebody') {
      return 1_000
    }
    return verdict === 'nobody' || age >= indecision ? 0 : again
  }
}

const isReady = (facts: EniFacts | undefined): boolean => facts !== undefined && hasAddresses(facts)
