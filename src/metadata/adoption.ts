import type { Verdict } from '../instance/configurators.ts'
import { type EniFacts, hasAddresses } from '../policy/knowledge.ts'
import type { Link } from '../state/link.ts'

/**
 * ms that a link is bare before this program takes it up, by what is said of it. Where all who are there have said that they
 * leave it alone, nothing is to be waited for. Those who act without a word do so within 50 ms; a unit that udev starts takes
 * some more. The others are taken not to configure it after a while in which they have not said that they do.
 */
const patience: Readonly<Record<Verdict, number>> = {
  nobody: 0,
  untold: 150,
  silent: 3_000,
  undecided: 10_000,
  somebody: Number.POSITIVE_INFINITY,
}
/**
 * ms that an address is lacking, or that a link is bare which had not just come: who took its addresses away may be about to
 * configure it, and has said so by then.
 */
const grace = 150
/** ms to the next question: soon after the link has come, since managers decide within ms, and then ever more seldom. */
const again = { first: 2, longest: 100, ofSomebody: 1_000 }

export interface Considered {
  /** Links that may be given their addresses now. */
  readonly granted: readonly Link[]
  /** ms after which others may be. */
  readonly lookAgainIn?: number
}

/** Links that lack addresses, among all that are there. */
export interface Needy {
  readonly links: readonly Link[]
  readonly bare: readonly Link[]
  /** Those that this program looks after: nobody else does, as was just asked. */
  readonly kept: readonly Link[]
}

interface Since {
  readonly at: number
  /** The link had just come. */
  readonly isNew: boolean
}

/** Decides which links get addresses from this program. Pure but for `whoConfigures`; the clock comes in as a value, in ms. */
export class Adoption {
  readonly #whoConfigures: (link: Link) => Verdict
  #needySince = new Map<number, Since>()
  /** Ifindexes of all links at the last look; none before the first. */
  #present: ReadonlySet<number> | undefined

  constructor(whoConfigures: (link: Link) => Verdict) {
    this.#whoConfigures = whoConfigures
  }

  /** `factsOf`: what the metadata tells of a MAC. */
  consider({ links, bare, kept }: Needy, factsOf: (mac: string) => EniFacts | undefined, now: number): Considered {
    const needy = [...bare, ...kept]
    const isNew = ({ index }: Link) => this.#present?.has(index) === false
    const since = (link: Link) => this.#needySince.get(link.index) ?? { at: now, isNew: isNew(link) }
    this.#needySince = new Map(needy.map((link) => [link.index, since(link)]))
    this.#present = new Set(links.map(({ index }) => index))
    const ready = needy.filter(({ mac }) => isReady(factsOf(mac)))
    const waits = new Map(ready.map((link) => [link, this.#wait(link, kept.includes(link), now)]))
    const granted = ready.filter((link) => waits.get(link) === 0)
    const others = [...waits.values()].filter((wait) => wait > 0)
    return { granted, ...(others.length > 0 ? { lookAgainIn: Math.min(...others) } : {}) }
  }

  /** ms that the link has to wait. Somebody who configures it may let go of it, and no event tells. */
  #wait(link: Link, isKept: boolean, now: number): number {
    const { at, isNew } = this.#needySince.get(link.index) as Since
    const age = now - at
    const shortest = isKept || !isNew ? grace : 0
    if (isKept || age < shortest) {
      return Math.max(0, shortest - age)
    }
    const verdict = this.#whoConfigures(link)
    const rest = patience[verdict] - age
    if (rest <= 0 || verdict === 'untold') {
      return Math.max(0, rest)
    }
    const pause = Math.max(again.first, age / 2)
    return verdict === 'somebody' ? again.ofSomebody : Math.min(rest, again.longest, pause)
  }
}

const isReady = (facts: EniFacts | undefined): boolean => facts !== undefined && hasAddresses(facts)
