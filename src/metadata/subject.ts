import { type EniFacts, hasAddresses } from '../policy/knowledge.ts'
import { type Leaf, leafNames } from './documents.ts'
import { emptyFacts, type Facts, isListed, isWhole, shrunkLists, unknownLeaves } from './facts.ts'
import {
  absenceConfirmation,
  addressLists,
  afterAbsence,
  confirmation,
  lists,
  nextRefresh,
  type Question,
  type Refresh,
  refreshOf,
  refreshQuestions,
  settling,
  urgentFor,
} from './schedule.ts'
import type { Watched } from './watched.ts'

/** ms after which a link that is no ENI by itself is asked about no more. */
const curiosity = 120_000

/** ms to the looks at the lists after an address has come that they lack; the service lags behind the VPC by seconds. */
const doubtDelays = [0, 10_000, 60_000] as const
/** ms between two such looks at least. */
const shortestDoubt = 10_000

/** What gives a bare ENI its addresses, and its table the number that belongs to it. */
const vital: readonly Question[] = [
  'local-ipv4s',
  'ipv6s',
  'subnet-ipv4-cidr-block',
  'subnet-ipv6-cidr-blocks',
  'device-number',
  'network-card',
]
/** Of this what nearly every ENI has, and the folder, which tells whether the rest is worth asking for. */
const foremost: readonly Question[] = ['local-ipv4s', 'subnet-ipv4-cidr-block', 'device-number', 'folder']
/** ms that the addresses of a bare ENI are held back for its numbers, where the service fails in between. */
const longestHold = 100

/** `arriving`: documents are missing; `settling`: a second look for what came last; `quiet`: only refreshed. */
type Stage = 'arriving' | 'settling' | 'quiet'

/** What is known when something is decided; `now` in ms, `chance` a number from 0 to 1. */
export interface Moment {
  readonly facts: Facts
  readonly primaryMac: string | undefined
  readonly now: number
  readonly chance: number
  readonly refresh: Refresh
}

/** What is to be asked about one link, and when. Pure: clock and chance come in as values. */
export class Subject {
  watched: Watched
  /** The service knows it: the listing of MACs has it, or one of its documents was there. */
  listed = false
  dueAt: number
  #stage: Stage = 'arriving'
  #since: number
  #attempts = 0
  #rounds = 0
  /** Questions to ask before all others: everything at a reload, what is to be confirmed. */
  #queue: readonly Question[] = []
  /** This visit's: answered, and those with a document. A visit that a failure broke off goes on where it was. */
  #answered = new Set<Question>()
  #given = new Set<Leaf>()
  /** Visits that were whole, since it was listed. */
  #visits = 0
  /** The names in its folder; undefined where none was told, or what it told was not true. */
  #named: ReadonlySet<string> | undefined
  /** Lists that the latest folder lacks, though they were there. */
  #vanishing: ReadonlySet<Leaf> = new Set()
  #confirmations = 0
  /** What was learned and not told yet, and since when. */
  #news: Leaf[] = []
  #heldSince: number | undefined
  #learned = false
  /** The addresses of a bare ENI were told. */
  #told = false
  /** Times that the lists were read again for the sake of one address, and when they are, or were, last. */
  #doubts = 0
  #guessed = false
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
  isUrgent(now: number): boolean {
    return this.watched.bare && this.arriving && !this.#told && now - this.#since < urgentFor
  }

  /**
   * What to ask at the first look at a bare ENI, at once: its documents may be there, and the listing would be one more
   * question before them.
   */
  guess(now: number): readonly Question[] {
    const worthIt = !this.listed && !this.#guessed && this.isUrgent(now)
    this.#guessed ||= worthIt
    return worthIt ? foremost : []
  }

  /** The listing has it: what was absent before may be there now. */
  list(): void {
    if (!this.listed) {
      this.#forgetVisit()
    }
    this.listed = true
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
    this.#queue = ['folder', ...lists]
    // Addresses that come and go without end are no reason to ask without end.
    this.dueAt = Math.max(now + delay, this.#doubtedAt + shortestDoubt)
    this.#doubtedAt = this.dueAt
    this.#doubts++
  }

  /** Everything is to be read again. */
  reload(now: number): void {
    this.#queue = this.listed ? ['folder', ...leafNames] : []
    this.#forgetVisit()
    this.#since = now
    this.#attempts = 0
    this.dueAt = now
  }

  /**
   * What to ask now, at once; nothing where the visit is over. One question after another, but for an ENI that waits: then
   * all that its addresses and number take. A list of addresses that was not there yet is asked for alone.
   */
  next(moment: Moment): readonly Question[] {
    const open = this.#open(moment)
    if (!this.isUrgent(moment.now)) {
      return open.slice(0, 1)
    }
    const first = this.#visits > 0 ? addressLists : this.#answered.size === 0 ? foremost : []
    const waves = [first, [...foremost, ...vital], open]
    const parts = waves.map((wave) => open.filter((question) => wave.includes(question)))
    return parts.find((part) => part.length > 0) ?? []
  }

  #open(moment: Moment): readonly Question[] {
    const agenda = this.#agenda(moment)
    return [...new Set(agenda)].filter((question) => !this.#answered.has(question) && this.#mayBeThere(question))
  }

  #agenda(moment: Moment): readonly Question[] {
    const { facts, primaryMac } = moment
    const told = this.#factsOf(facts)
    const unknown = unknownLeaves(told, primaryMac)
    // A list that was there and is not: its folder tells whether that is meant.
    const missed = lists.some((leaf) => this.#answered.has(leaf) && !this.#given.has(leaf) && isListed(told, leaf))
    const folder: readonly Question[] = missed ? ['folder'] : []
    if (this.#queue.length > 0) {
      return [...this.#queue, ...folder]
    }
    if (this.#stage === 'quiet') {
      const found = this.#answered.has('folder') && this.#named ? unknown : []
      return [...this.#refreshQuestions(told, isWhole(told, primaryMac) ? [] : unknown), ...folder, ...found]
    }
    // Both lists of addresses are absent: the documents are not there yet.
    if (this.arriving && !hasLists(told) && addressLists.every((leaf) => !this.#isOpen(leaf))) {
      return []
    }
    // The lists come piece by piece too; and after a restart this is the second word on what has left them.
    const again = this.#stage === 'settling' && this.watched.adopted ? addressLists : []
    return ['folder', ...again, ...unknown]
  }

  #refreshQuestions(told: EniFacts, missing: readonly Leaf[]): readonly Question[] {
    const named = this.#named
    const changing: readonly Question[] = named ? [...lists.filter((leaf) => named.has(leaf)), 'folder'] : lists
    const eachTime = this.#listsEachTime(told)
    const inTurn = [...changing, ...missing].filter((question) => !eachTime.includes(question))
    return refreshQuestions(this.#rounds, { eachTime, inTurn: [...new Set(inTurn)] })
  }

  /** Where this program gives the ENI its addresses, they are what counts: the folder tells of the first of a family. */
  #listsEachTime(told: EniFacts): readonly Question[] {
    const listed = this.watched.adopted ? addressLists.filter((leaf) => isListed(told, leaf)) : []
    return listed.length === 1 ? [...listed, 'folder'] : listed
  }

  #isOpen = (question: Question): boolean => !this.#answered.has(question) && this.#mayBeThere(question)

  /** What the folder of this visit does not name is not there. */
  #mayBeThere(question: Question): boolean {
    return question === 'folder' || !this.#answered.has('folder') || !this.#named || this.#named.has(question)
  }

  /** A document was read, or there is none (`given` false); `isNew`: it told something new. */
  answered(leaf: Leaf, given: boolean, isNew: boolean, now: number): void {
    this.#answered.add(leaf)
    this.listed ||= given
    if (given) {
      this.#given.add(leaf)
      this.#checkFolder()
    }
    if (isNew) {
      this.#note(leaf, now)
    }
  }

  /** The folder was read. Returns lists that have left it for certain: two folders in a row lack them. */
  folderAnswered(names: ReadonlySet<string> | undefined, facts: Facts, now: number): readonly Leaf[] {
    this.#answered.add('folder')
    this.listed ||= names !== undefined
    this.#named = names
    this.#checkFolder()
    const complete =
      this.#named?.has('interface-id') && this.#named.has('device-number') && addressLists.some((l) => names?.has(l))
    if (!complete) {
      return []
    }
    const told = this.#factsOf(facts)
    const lacking = lists.filter((leaf) => isListed(told, leaf) && !names?.has(leaf))
    const gone = lacking.filter((leaf) => this.#vanishing.has(leaf))
    this.#vanishing = new Set(lacking.filter((leaf) => !gone.includes(leaf)))
    for (const leaf of gone) this.#note(leaf, now)
    return gone
  }

  /** A folder that does not name what is there can't be relied on. */
  #checkFolder(): void {
    if ([...this.#given].some((leaf) => this.#answered.has('folder') && this.#named?.has(leaf) === false)) {
      this.#named = undefined
    }
  }

  #note(leaf: Leaf, now: number): void {
    this.#news.push(leaf)
    this.#heldSince ??= now
    this.#learned = true
  }

  /**
   * What was learned and may be told. A bare ENI goes up with its first news, and its table's number is chosen then: so that
   * is waited for, for a moment. `over`: the visit is over, or broken off.
   */
  takeNews(moment: Moment, over: boolean): readonly Leaf[] {
    const { facts, now } = moment
    const isVitalOpen = this.#open(moment).some((question) => vital.includes(question))
    const held = this.isUrgent(now) ? now - (this.#heldSince ?? now) < longestHold : !over
    if (this.#news.length === 0 || (isVitalOpen && held)) {
      return []
    }
    this.#told ||= hasAddresses(this.#factsOf(facts))
    this.#heldSince = undefined
    return this.#news.splice(0)
  }

  /** Has the listing lacked it for so long that what an earlier run was told of it can't be true any more? */
  isDisowned(now: number): boolean {
    return !this.listed && this.#attempts > 1 && now - this.#since >= absenceConfirmation
  }

  /** The MAC is not listed, so there is nothing to ask. */
  absent({ now, chance, refresh }: Moment): void {
    this.#forgetVisit()
    const waits = this.watched.isEni || now - this.#since < curiosity
    const delay = afterAbsence(this.#attempts++, this.isUrgent(now), refreshOf(refresh, 1), chance)
    this.dueAt = waits ? now + delay : Number.POSITIVE_INFINITY
  }

  /** All questions of one visit were answered. Tells whether the ENI became whole by it. */
  visited(moment: Moment): boolean {
    const { facts, primaryMac, now, chance } = moment
    const told = this.#factsOf(facts)
    const learned = this.#learned
    this.#forgetVisit()
    this.#queue = []
    this.#visits++
    const refresh = refreshOf(moment.refresh, this.#listsEachTime(told).length)
    const arrived = this.arriving && isWhole(told, primaryMac)
    const late = now - this.#since >= urgentFor
    if (this.arriving && !arrived && !(late && told.id !== undefined)) {
      this.#attempts = learned ? 0 : this.#attempts + 1
      this.dueAt = now + afterAbsence(this.#attempts, this.isUrgent(now), refresh, chance)
      return false
    }
    this.#rounds += this.#stage === 'quiet' ? 1 : 0
    this.#stage = arrived ? 'settling' : 'quiet'
    const next = nextRefresh(refresh, chance)
    this.dueAt = now + (arrived ? Math.min(settling, next) : next)
    this.confirm(moment)
    this.#confirmAbsence(now)
    this.#doubt(now)
    return arrived
  }

  #forgetVisit(): void {
    this.#answered.clear()
    this.#given.clear()
    this.#learned = false
  }

  /** A list that got shorter is read again soon: one word alone takes no address away. */
  confirm({ facts, now, refresh }: Moment): void {
    const shrunk = shrunkLists(this.#factsOf(facts))
    if (shrunk.length === 0) {
      this.#confirmations = 0
    } else if (this.#queue.length === 0) {
      this.#queue = shrunk
      this.dueAt = now + confirmation(this.#confirmations++, refreshOf(refresh, 1))
    }
  }

  #confirmAbsence(now: number): void {
    if (this.#vanishing.size > 0 && this.#queue.length === 0) {
      this.#queue = ['folder']
      this.dueAt = Math.min(this.dueAt, now + absenceConfirmation)
    }
  }

  #factsOf = (facts: Facts): EniFacts => facts.get(this.watched.mac) ?? emptyFacts(this.watched.mac)
}

const hasLists = ({ addresses }: EniFacts): boolean => Object.keys(addresses).length > 0
