import type { Log } from '../log.ts'
import { type EniFacts, type Knowledge, numbersOf } from '../policy/knowledge.ts'
import { formatPrefix } from '../state/prefix.ts'
import type { MetadataClient, MetadataFailure } from './client.ts'
import type { Leaf, LeafValue } from './documents.ts'
import { type Facts, learn, vanish } from './facts.ts'
import { Broken, Reader } from './reader.ts'
import { type Question, type Refresh, refreshOf } from './schedule.ts'
import { Service } from './service.ts'
import { type Moment, Subject } from './subject.ts'
import type { Watched } from './watched.ts'

export interface SourceOptions {
  readonly client: MetadataClient
  readonly log: Log
  /** Is called whenever something new is known. */
  readonly onNews: (what: string) => void
  /** ms from one look at whole documents to the next. */
  readonly refresh: Refresh
  /** Silence of the service is an error. */
  readonly required: boolean
  /** What was learned before from another endpoint. */
  readonly known?: Pick<Knowledge, 'enis' | 'primaryMac'>
  /** Is told how a question failed. */
  readonly onFailure?: (reason: MetadataFailure) => void
  /** Is called when everything that was due has been asked, or could not be. */
  readonly onWalked?: () => void
  /** A number from 0 to 1. */
  readonly chance?: () => number
}

/**
 * Learns from the metadata service what it tells of the links that are there, and keeps it while they live. Asks only
 * while something is unknown, and at long intervals; one question at a time, but for an ENI that waits for the answers.
 */
export class MetadataSource {
  readonly #options: SourceOptions
  readonly #chance: () => number
  readonly #subjects = new Map<string, Subject>()
  readonly #service: Service
  readonly #reader: Reader
  #facts: Facts = new Map()
  #primaryMac: string | undefined
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined
  #walking = false
  #stopped = false

  constructor(options: SourceOptions) {
    this.#options = options
    this.#chance = options.chance ?? Math.random
    this.#service = new Service({ ...options, refresh: refreshOf(options.refresh, 1) })
    this.#reader = new Reader({
      client: options.client,
      deadline: () => this.#service.deadline(this.#isUrgent(performance.now())),
      onAnswer: () => this.#service.answered(),
      onFailure: options.onFailure ?? (() => {}),
      onMalformed: (path) => options.onNews(`the metadata document ${path} is malformed`),
    })
    this.#facts = options.known?.enis ?? new Map()
    this.#primaryMac = options.known?.primaryMac
  }

  /** What is known now, but for what this program itself has decided. */
  get knowledge(): Omit<Knowledge, 'untold' | 'adopted' | 'due' | 'raised'> {
    return {
      expected: !this.#service.refused,
      ...(this.#primaryMac ? { primaryMac: this.#primaryMac } : {}),
      enis: this.#facts,
      troubles: [...(this.#service.trouble ? [this.#service.trouble] : []), ...this.#reader.troubles],
    }
  }

  /**
   * The links that there are. What was learned of one that is gone is forgotten. `surroundings` tells apart states in
   * which the service may be within reach, e.g. the host's addresses: a change of it ends the wait for one that was not.
   */
  see(watched: readonly Watched[], surroundings: () => string): void {
    const now = performance.now()
    const present = new Set(watched.map(({ mac }) => mac))
    const gone = [...this.#subjects.keys()].filter((known) => !present.has(known))
    for (const mac of gone) {
      this.#forget(mac)
    }
    if (gone.length > 0) {
      this.#options.onNews('links that the metadata told of are gone')
    }
    for (const link of watched) {
      this.#watch(link, now)
    }
    this.#service.stir(surroundings, now)
    this.#plan()
  }

  /** Reads everything again, at once. */
  reload(): void {
    const now = performance.now()
    for (const subject of this.#subjects.values()) {
      subject.reload(now)
    }
    this.#service.resumeAt = now
    this.#plan()
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
    this.#options.client.close()
  }

  #watch(link: Watched, now: number): void {
    const known = this.#subjects.get(link.mac)
    if (known?.watched.linkIndex === link.linkIndex) {
      known.update(link, now)
      return
    }
    if (known) {
      this.#forget(link.mac)
    }
    this.#subjects.set(link.mac, new Subject(link, now))
  }

  /** The same MAC may come back as another device of the instance. */
  #forget(mac: string): void {
    this.#subjects.delete(mac)
    this.#facts = new Map([...this.#facts].filter(([other]) => other !== mac))
    this.#reader.forget(mac)
  }

  #cancel(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
  }

  #plan(): void {
    this.#cancel()
    const due = Math.min(...[...this.#subjects.values()].map(({ dueAt }) => dueAt))
    if (!this.#walking && !this.#stopped && due !== Number.POSITIVE_INFINITY) {
      const delay = Math.max(due, this.#service.resumeAt) - performance.now()
      const walk = () => void this.#walk()
      // A timer takes a millisecond at least.
      if (delay > 0) this.#timer = setTimeout(walk, delay)
      else this.#immediate = setImmediate(walk)
    }
  }

  /** One walk over all that is due. It never rejects: a promise that nobody awaits would end the daemon. */
  async #walk(): Promise<void> {
    this.#walking = true
    try {
      await this.#ask()
      if (this.#service.recovered()) {
        this.#options.onNews('the metadata service answers again')
      }
    } catch (error) {
      this.#broken(error)
    } finally {
      this.#walking = false
      this.#plan()
      this.#options.onWalked?.()
    }
  }

  /** @throws {Broken} where the service fails: the rest can wait */
  async #ask(): Promise<void> {
    const now = performance.now()
    const waiting = (subject: Subject) => Number(!subject.isUrgent(now))
    const due = [...this.#subjects.values()].filter(({ dueAt }) => dueAt <= now).sort((a, b) => waiting(a) - waiting(b))
    if (due.some(({ arriving }) => arriving)) {
      this.#primaryMac ??= await this.#reader.primaryMac()
    }
    for (const subject of this.#service.isWell(now) ? due : []) {
      await this.#askAll(subject, subject.guess(now))
      await this.#announce(subject, false)
    }
    if (due.some(({ listed }) => !listed)) {
      const macs = new Set(await this.#reader.macs())
      for (const subject of due.filter(({ watched: { mac } }) => macs.has(mac))) {
        subject.list()
      }
    }
    for (const subject of due) {
      if (subject.listed) {
        await this.#visit(subject)
      } else {
        subject.absent(this.#moment())
        this.#disown(subject)
      }
    }
  }

  /** What was known before anything was told is given up where the service, which answers, does not know the ENI. */
  #disown(subject: Subject): void {
    const { mac, name } = subject.watched
    const facts = this.#facts.get(mac)
    if (facts && facts.id === undefined && subject.isDisowned(performance.now())) {
      this.#facts = new Map([...this.#facts].filter(([other]) => other !== mac))
      this.#options.onNews(`the metadata does not know ${name}`)
    }
  }

  #moment(): Moment {
    const { refresh } = this.#options
    return {
      facts: this.#facts,
      primaryMac: this.#primaryMac,
      now: performance.now(),
      chance: this.#chance(),
      refresh,
    }
  }

  /** @throws {Broken} */
  async #visit(subject: Subject): Promise<void> {
    try {
      for (let wave = subject.next(this.#moment()); wave.length > 0; wave = subject.next(this.#moment())) {
        await this.#askAll(subject, wave)
        if (this.#isGone(subject)) {
          return
        }
        await this.#announce(subject, false)
      }
    } finally {
      await this.#announce(subject, true)
    }
    if (subject.visited(this.#moment())) {
      this.#tell(subject)
    }
  }

  /** Every answer counts, whatever becomes of the other questions. @throws {Broken} */
  async #askAll(subject: Subject, wave: readonly Question[]): Promise<void> {
    const outcomes = await Promise.allSettled(wave.map((question) => this.#askOne(subject, question)))
    const failure = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failure) {
      throw failure.reason
    }
  }

  /** @throws {Broken} */
  async #askOne(subject: Subject, question: Question): Promise<void> {
    const { mac } = subject.watched
    if (question === 'folder') {
      const names = await this.#reader.folder(mac)
      const gone = this.#isGone(subject) ? [] : subject.folderAnswered(names, this.#facts, performance.now())
      for (const leaf of gone) this.#facts = vanish(this.#facts, mac, leaf)
      return
    }
    const value = await this.#reader.leaf(mac, question)
    if (!this.#isGone(subject)) {
      const isNew = value !== undefined && this.#learn(subject, question, value)
      subject.answered(question, value !== undefined, isNew, performance.now())
    }
  }

  /** The link went while its documents were asked for. */
  #isGone(subject: Subject): boolean {
    return this.#stopped || this.#subjects.get(subject.watched.mac) !== subject
  }

  /** Resolves when whoever is told has had a turn to act: nothing that is asked for later is waited for. */
  async #announce(subject: Subject, over: boolean): Promise<void> {
    const leaves = this.#isGone(subject) ? [] : subject.takeNews(this.#moment(), over)
    if (leaves.length > 0) {
      this.#options.onNews(`the metadata told ${leaves.join(', ')} of ${subject.watched.name}`)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Was it new? */
  #learn(subject: Subject, leaf: Leaf, value: LeafValue): boolean {
    const before = JSON.stringify([...this.#facts])
    this.#facts = learn(this.#facts, subject.watched.mac, leaf, value)
    const isNew = JSON.stringify([...this.#facts]) !== before
    for (const other of isNew ? this.#subjects.values() : []) {
      if (other !== subject) other.confirm(this.#moment())
    }
    return isNew
  }

  #broken(error: unknown): void {
    const now = performance.now()
    if (this.#stopped) {
      return
    }
    if (!(error instanceof Broken)) {
      this.#options.log.error({ event: 'metadata', err: error }, `reading the metadata failed: ${String(error)}`)
      this.#service.resumeAt = now + refreshOf(this.#options.refresh, 1)
      return
    }
    if (this.#service.failed(error.answer, this.#isUrgent(now), now, this.#chance())) {
      this.#options.onNews(error.message)
    }
  }

  /** Does an ENI wait for an answer? */
  #isUrgent = (now: number): boolean => [...this.#subjects.values()].some((subject) => subject.isUrgent(now))

  #tell({ watched: { mac, name } }: Subject): void {
    const { id, subnets } = this.#facts.get(mac) as EniFacts
    const numbers = numbersOf(this.knowledge, mac)
    const text = [
      `${name} is ${id}`,
      numbers ? `device ${numbers.device} of network card ${numbers.card}` : '',
      `in ${subnets.map(formatPrefix).join(', ')}`,
    ]
    this.#options.log.info(
      { event: 'metadata', interface: name, mac, eni: id, ...numbers },
      text.filter((part) => part !== '').join(', '),
    )
  }
}
