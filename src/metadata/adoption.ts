import type { Verdict } from '../instance/configurators.ts'
import { type EniFacts, hasAddresses } from '../policy/knowledge.ts'
import type { Link } from '../state/link.ts'

/**
 * ms that a link is bare before this program takes it up: others that react to a new link do so within 50 ms, and udev
 * renames it within 130 ms. On EC2 its documents come seconds later anyway. And ms that an address is lacking: who took it
 * away may be about to configure the link, and has said so by then.
 */
const grace = 150
/** ms after which a network manager that has not said whether it configures the link is taken not to. */
const indecision = 10_000
/** ms after which one that never speaks of links that it leaves alone is taken to leave this one alone. */
const silence = 3_000
/** ms to the next question to it. */
const again = 100

export interface Considered {
  /** Links that may be given their addresses now. */
  readonly granted: readonly Link[]
  /** ms after which others may be. */
  readonly lookAgainIn?: number
}

/** Links that lack addresses. */
export interface Needy {
  readonly bare: readonly Link[]
  /** Those that this program looks after: nobody else does, as was just asked. */
  readonly kept: readonly Link[]
}

/** Decides which links get addresses from this program. Pure but for `whoConfigures`; the clock comes in as a value, in ms. */
export class Adoption {
  readonly #whoConfigures: (link: Link) => Verdict
  #needySince = new Map<number, number>()

  constructor(whoConfigures: (link: Link) => Verdict) {
    this.#whoConfigures = whoConfigures
  }

  /** `factsOf`: what the metadata tells of a MAC. */
  consider({ bare, kept }: Needy, factsOf: (mac: string) => EniFacts | undefined, now: number): Considered {
    const needy = [...bare, ...kept]
    this.#needySince = new Map(needy.map(({ index }) => [index, this.#needySince.get(index) ?? now]))
    const ready = needy.filter(({ mac }) => isReady(factsOf(mac)))
    const waits = new Map(ready.map((link) => [link, this.#wait(link, kept.includes(link), now)]))
    const granted = ready.filter((link) => waits.get(link) === 0)
    const others = [...waits.values()].filter((wait) => wait > 0)
    return { granted, ...(others.length > 0 ? { lookAgainIn: Math.min(...others) } : {}) }
  }

  /** ms that the link has to wait. Somebody who configures it may let go of it, and no event tells. */
  #wait(link: Link, isKept: boolean, now: number): number {
    const age = now - (this.#needySince.get(link.index) ?? now)
    if (age < grace) {
      return grace - age
    }
    const verdict = isKept ? 'nobody' : this.#whoConfigures(link)
    switch (verdict) {
      case 'nobody':
        return 0
      case 'somebody':
        return 1_000
      default:
        return age >= (verdict === 'silent' ? silence : indecision) ? 0 : again
    }
  }
}

const isReady = (facts: EniFacts | undefined): boolean => facts !== undefined && hasAddresses(facts)
