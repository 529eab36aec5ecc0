import type { Log } from '../log.ts'
import { type EniFacts, type Knowledge, numbersOf, type Trouble } from '../policy/knowledge.ts'
import { formatPrefix } from '../state/prefix.ts'
import type { Answer, Failure, MetadataClient } from './client.ts'
import {
  type Leaf,
  type LeafValue,
  leaves,
  macsDocument,
  primaryMacDocument,
  type Read,
  read,
  type Schema,
} from './documents.ts'
import { type Facts, learn } from './facts.ts'
import { afterFailure, afterSilence } from './schedule.ts'
import { Subject } from './subject.ts'
import type { Watched } from './watched.ts'

const interfaces = 'network/interfaces/macs/'
/** Failures in a row from which on a person is told, where the metadata is required. */
const patience = 3

export interface SourceOptions {
  readonly client: MetadataClient
  readonly log: Log
  /** Is called whenever something new is known. */
  readonly onNews: (what: string) => void
  /** ms from one look at whole documents to the next. */
  readonly refresh: number
  /** Silence of the service is an error. */
  readonly required: boolean
  /** What was learned before from another endpoint. */
  readonly known?: Pick<Knowledge, 'enis' | 'primaryMac'>
  /** Is told how a question failed. */
  readonly onFailure?: (reason: Failure | 'refused') => void
  /** Is called when everything that was due has been asked, or could not be. */
  readonly onWalked?: () => void
  /** A number from 0 to 1. */
  readonly chance?: () => number
}

/**
 * Learns from the metadata service what it tells of the links that are there, and keeps it while they live. Asks only
 * while something is unknown, and at long intervals; one question at a time.
 */
export class MetadataSource {
  readonly #options: SourceOptions
  readonly #chance: () => number
  readonly #subjects = new Map<string, Subject>()
  readonly #troubles = new Map<string, Trouble>()
  #facts: Facts = new Map()
  #primaryMac: string | undefined
  #refused = false
  /** Walks in a row that ended with a failure, and those that found nobody. */
  #failures = 0
  #silences = 0
  #resumeAt = 0
  #surroundings = ''
  #timer: NodeJS.Timeout | undefined
  #walking = false
  #stopped = false

  constructor(options: SourceOptions) {
    this.#options = options
    this.#chance = options.chance ?? Math.random
    this.#facts = options.known?.enis ?? new Map()
    this.#primaryMac = options.known?.primaryMac
  }

  /** What is known now, but for what this program itself has decided. */
  get knowledge(): Omit<Knowledge, 'adopted'> {
    return {
      expected: !this.#refused,
      ...(this.#primaryMac ? { primaryMac: this.#primaryMac } : {}),
      enis: this.#facts,
      troubles: [...this.#troubles.values()],
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
    if (this.#silences > 0 && this.#surroundings !== surroundings()) {
      this.#surroundings = surroundings()
      this.#silences = 0
      this.#resumeAt = now
    }
    this.#plan()
  }

  /** Reads everything again, at once. */
  reload(): void {
    const now = performance.now()
    for (const subject of this.#subjects.values()) {
      subject.reload(now)
    }
    this.#resumeAt = now
    this.#plan()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
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
    for (const key of [...this.#troubles.keys()].filter((key) => key.startsWith(mac))) {
      this.#troubles.delete(key)
    }
  }

  #plan(): void {
    clearTimeout(this.#timer)
    const due = Math.min(...[...this.#subjects.values()].map(({ dueAt }) => dueAt))
    if (!this.#walking && !this.#stopped && due !== Number.POSITIVE_INFINITY) {
      const delay = Math.max(0, due - performance.now(), this.#resumeAt - performance.now())
      this.#timer = setTimeout(() => void this.#walk(), delay)
    }
  }

  /** One walk over all that is due. It never rejects: a promise that nobody awaits would end the daemon. */
  async #walk(): Promise<void> {
    this.#walking = true
    try {
      await this.#ask()
      this.#succeeded()
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
    const due = [...this.#subjects.values()].filter(({ dueAt }) => dueAt <= performance.now())
    if (due.some(({ arriving }) => arriving)) {
      this.#primaryMac ??= await this.#document('mac', primaryMacDocument)
    }
    if (due.some(({ listed }) => !listed)) {
      const macs = new Set(await this.#document(interfaces, macsDocument))
      for (const subject of due) {
        subject.listed ||= macs.has(subject.watched.mac)
      }
    }
    for (const subject of due) {
      if (subject.listed) {
        await this.#visit(subject)
      } else {
        subject.absent(this.#facts, performance.now(), this.#options.refresh, this.#chance())
      }
    }
  }

  /** @throws {Broken} */
  async #visit(subject: Subject): Promise<void> {
    const learned: Leaf[] = []
    try {
      await this.#askLeaves(subject, learned)
    } finally {
      this.#announce(subject, learned.splice(0))
    }
  }

  async #askLeaves(subject: Subject, news: Leaf[]): Promise<void> {
    const { mac } = subject.watched
    let learned = false
    for (const leaf of subject.leaves(this.#facts, this.#primaryMac)) {
      const value = await this.#document<LeafValue>(`${interfaces}${mac}/${leaf}`, leaves[leaf])
      if (this.#stopped || this.#subjects.get(mac) !== subject) {
        return
      }
      subject.answered(leaf)
      if (value !== undefined && this.#learn(mac, leaf, value)) {
        learned = true
        news.push(leaf)
      }
      // A bare ENI goes up with the first news, and its table's number is chosen then.
      if (leaf === 'network-card') {
        this.#announce(subject, news.splice(0))
      }
      // Both lists of addresses are absent: the documents are not there yet.
      if (leaf === 'ipv6s' && !this.#hasAddresses(mac)) {
        break
      }
    }
    this.#conclude(subject, learned)
  }

  #announce({ watched: { name } }: Subject, leaves: readonly Leaf[]): void {
    if (leaves.length > 0 && !this.#stopped) {
      this.#options.onNews(`the metadata told ${leaves.join(', ')} of ${name}`)
    }
  }

  #conclude(subject: Subject, learned: boolean): void {
    const { refresh } = this.#options
    if (subject.visited(this.#facts, this.#primaryMac, learned, performance.now(), refresh, this.#chance())) {
      this.#tell(subject)
    }
  }

  #hasAddresses(mac: string): boolean {
    const facts = this.#facts.get(mac)
    return facts !== undefined && Object.keys(facts.addresses).length > 0
  }

  /** Was it new? */
  #learn(mac: string, leaf: Leaf, value: LeafValue): boolean {
    const before = JSON.stringify([...this.#facts])
    this.#facts = learn(this.#facts, mac, leaf, value)
    const isNew = JSON.stringify([...this.#facts]) !== before
    for (const other of isNew ? this.#subjects.values() : []) {
      other.confirm(this.#facts, performance.now())
    }
    return isNew
  }

  /** A document that is there and valid; undefined where it is absent or malformed. @throws {Broken} */
  async #document<T>(path: string, schema: Schema<T>): Promise<T | undefined> {
    const answer = await this.#options.client.get(path)
    if (answer.kind === 'failed' || answer.kind === 'refused') {
      throw new Broken(answer)
    }
    this.#failures = 0
    return answer.kind === 'absent' ? undefined : this.#understood(path, read(schema, answer.body))
  }

  #understood<T>(path: string, document: Read<T>): T | undefined {
    const key = path.startsWith(interfaces) ? path.slice(interfaces.length) : path
    if ('value' in document) {
      this.#troubles.delete(key)
      return document.value
    }
    this.#options.onFailure?.('malformed')
    if (!this.#troubles.has(key)) {
      this.#troubles.set(key, {
        severity: 'warning',
        problem: `the metadata document ${path} is malformed and ignored: ${document.problem}`,
        remedy: 'what was known stays; it is read again from time to time, and at once by: systemctl reload eni-routed',
      })
      this.#options.onNews(`the metadata document ${path} is malformed`)
    }
    return undefined
  }

  #succeeded(): void {
    if (this.#refused || this.#troubles.has('service')) {
      this.#options.log.info({ event: 'metadata' }, 'the metadata service answers again')
      this.#troubles.delete('service')
      this.#refused = false
      this.#options.onNews('the metadata service answers again')
    }
    this.#silences = 0
  }

  #broken(error: unknown): void {
    const now = performance.now()
    if (this.#stopped) {
      return
    }
    if (!(error instanceof Broken)) {
      this.#options.log.error({ event: 'metadata', err: error }, `reading the metadata failed: ${String(error)}`)
      this.#resumeAt = now + this.#options.refresh
      return
    }
    const { answer } = error
    this.#options.onFailure?.(answer.kind === 'refused' ? 'refused' : answer.reason)
    const { refresh } = this.#options
    if (answer.kind === 'refused') {
      this.#tellRefused()
      this.#resumeAt = now + refresh
    } else if (answer.kind === 'failed' && answer.reason === 'unreachable') {
      this.#resumeAt = now + afterSilence(this.#silences++, refresh, this.#chance())
      this.#tellFailing(answer.problem)
    } else if (answer.kind === 'failed') {
      const urgent = [...this.#subjects.values()].some((subject) => subject.isUrgent(this.#facts, now))
      this.#resumeAt = now + afterFailure(this.#failures++, urgent, this.#chance())
      this.#tellFailing(answer.problem)
    }
  }

  #tellRefused(): void {
    const { required, log, onNews } = this.#options
    const problem = 'the metadata service refuses to answer (403): it is turned off, or access is denied'
    if (!this.#refused) {
      this.#refused = true
      log[required ? 'error' : 'info']({ event: 'metadata' }, `${problem}; asked again from time to time`)
      if (required) {
        this.#troubles.set('service', { severity: 'error', problem, remedy })
      }
      onNews('the metadata service refuses to answer')
    }
  }

  /** Where nothing depends on the service, its silence is no news. */
  #tellFailing(problem: string): void {
    const { required, log, onNews } = this.#options
    log.debug({ event: 'metadata', failures: this.#failures, silences: this.#silences }, problem)
    if (required && this.#failures + this.#silences >= patience && !this.#troubles.has('service')) {
      this.#troubles.set('service', {
        severity: 'error',
        problem: `metadata.mode is "required", and the metadata service fails: ${problem}`,
        remedy,
      })
      onNews('the metadata service fails')
    }
  }

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

const remedy =
  'switch it on (aws ec2 modify-instance-metadata-options --http-endpoint enabled), let the host reach it, or set metadata.mode = "auto" or "off"'

type Unusable = Extract<Answer, { kind: 'refused' | 'failed' }>

/** The service gave no answer to go on with. */
class Broken extends Error {
  readonly answer: Unusable

  constructor(answer: Unusable) {
    super('the metadata service fails')
    this.answer = answer
  }
}
