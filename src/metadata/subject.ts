import { hasAddresses } from '../policy/knowledge.ts'
import { type Leaf, leafNames } from './documents.ts'
import { emptyFacts, type Facts, isShrunk, isWhole, unknownLeaves } from './facts.ts'
import { afterAbsence, confirmation, nextRefresh, refreshLeaves, settling, urgentFor } from './schedule.ts'
import type { Watched } from './watched.ts'

/** ms after which a link that is no ENI by itself is asked about no more. */
const curiosity = 120_000

/** ms to the looks at the lists after an address has come that they lack; the service lags behind the VPC by seconds. */
const doubtDelays = [0, 10_000, 60_000] as const
/** ms between two such looks at least. */
const shortestDoubt = 10_000

/** `arriving`: documents are missing; `settling`: a second look for what came last; `quiet`: only refreshed. */
type Stage = 'arriving' | 'settling' | 'quiet'

/** What is to be asked about one link, and when. Pure: clock (ms) and chance (0 to 1) come in as values. */
export class Subject {
  watched: Watched
  /** The listing of MACs has it. */
  listed = false
  dueAt: number
  #stage: Stage = 'arriving'
  #since: number
  #attempts = 0
  #rounds = 0
  /** Documents to ask for before all others: all of them at a reload, those to be confirmed. */
  #queue: readonly Leaf[] = []
  #answered = new Set<Leaf>()
  /** Times that the lists were read again for the sake of one address, and when they are, or were, last. */
  #doubts = 0
  #doubtedAt = Number.NEGATIVE_INFINITY

  constructor(watched: Watched, now: number) {
    this.watched = watched
    this.dueAt = now
    this.#since = now
  }

  /** Documents of it are missing and waited for. */
  get arriving(): boolean {
    return this.#stage === 'arriving'
  }

  /** Does an ENI wait for what is asked about it? */
  isUrgent(facts: Facts, now: number): boolean {
    const told = facts.get(this.watched.mac)
    return this.watched.bare && !(told && hasAddresses(told)) && now - this.#since < urgentFor
  }

  /** The link as it is now; one that became bare is asked about at once. */
  update(watched: Watched, now: number): void {
    if (watched.bare && !this.watched.bare && this.arriving) {
      this.dueAt = now
    }
    if (watched.unlisted.join() !== this.watched.unlisted.join()) {
      this.#doubts = 0
    }
    this.watched = watched
    this.#doubt(now)
  }

  /** The kernel has an address that no document lists: the lists are read again, now, after a while and once more. */
  #doubt(now: number): void {
    const delay = doubtDelays[this.#doubts]
    if (this.watched.unlisted.length === 0 || this.arriving || this.#queue.length > 0 || delay === undefined) {
      return
    }
    this.#queue = ['local-ipv4s', 'ipv6s', 'ipv4-prefix', 'ipv6-prefix']
    // Addresses that come and go without end are no reason to ask without end.
    this.dueAt = Math.max(now + delay, this.#doubtedAt + shortestDoubt)
    this.#doubtedAt = this.dueAt
    this.#doubts++
  }

  /** Everything is to be read again. */
  reload(now: number): void {
    this.#queue = this.listed ? leafNames : []
    this.#answered.clear()
    this.#since = now
    this.#attempts = 0
    this.dueAt = now
  }

  /** What is left to ask in this visit: one that a failure of the service broke off goes on where it was. */
  leaves(facts: Facts, primaryMac: string | undefined): readonly Leaf[] {
    return this.#agenda(facts, primaryMac).filter((leaf) => !this.#answered.has(leaf))
  }

  #agenda(facts: Facts, primaryMac: string | undefined): readonly Leaf[] {
    const told = facts.get(this.watched.mac)
    if (this.#queue.length > 0) {
      return this.#queue
    }
    if (this.#stage !== 'quiet') {
      const unknown = unknownLeaves(told, primaryMac)
      // The lists come piece by piece too; and after a restart this is the second word on what has left them.
      const lists: readonly Leaf[] = this.#stage === 'settling' && this.watched.adopted ? ['local-ipv4s', 'ipv6s'] : []
      return [...new Set([...lists, ...unknown])]
    }
    const hasIpv6 = told?.addresses[6] !== undefined
    const missing = isWhole(told, primaryMac) ? [] : unknownLeaves(told, primaryMac)
    return refreshLeaves(this.#rounds, { adopted: this.watched.adopted, hasIpv6, missing })
  }

  /** A question was answered, with a document or with the word that there is none. */
  answered(leaf: Leaf): void {
    this.#answered.add(leaf)
  }

  /** The MAC is not listed, so there is nothing to ask. */
  absent(facts: Facts, now: number, refresh: number, chance: number): void {
    const waits = this.watched.isEni || now - this.#since < curiosity
    const delay = afterAbsence(this.#attempts++, this.isUrgent(facts, now), refresh, chance)
    this.dueAt = waits ? now + delay : Number.POSITIVE_INFINITY
  }

  /** All questions of one visit were answered; `learned`: with something new. Tells whether the ENI became whole by it. */
  visited(
    facts: Facts,
    primaryMac: string | undefined,
    learned: boolean,
    now: number,
    refresh: number,
    chance: number,
  ) {
    const told = facts.get(this.watched.mac) ?? emptyFacts(this.watched.mac)
    this.#answered.clear()
    this.#queue = []
    const arrived = this.#stage === 'arriving' && isWhole(told, primaryMac)
    const late = now - this.#since >= urgentFor
    if (this.#stage === 'arriving' && !arrived && !(late && told.id !== undefined)) {
      this.#attempts = learned ? 0 : this.#attempts + 1
      this.dueAt = now + afterAbsence(this.#attempts, this.isUrgent(facts, now), refresh, chance)
      return false
    }
    this.#rounds += this.#stage === 'quiet' ? 1 : 0
    this.#stage = arrived ? 'settling' : 'quiet'
    const next = nextRefresh(refresh, chance)
    this.dueAt = now + (arrived ? Math.min(settling, next) : next)
    this.confirm(facts, now)
    this.#doubt(now)
    return arrived
  }

  /** A list that got shorter is read again soon: one word alone takes no address away. */
  confirm(facts: Facts, now: number): void {
    const told = facts.get(this.watched.mac)
    if (told && isShrunk(told) && this.#queue.length === 0) {
      this.#queue = ['local-ipv4s', 'ipv6s']
      this.dueAt = now + confirmation
    }
  }
}
