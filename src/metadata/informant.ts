import type { Config } from '../config/schema.ts'
import { whoConfigures } from '../instance/configurators.ts'
import type { Log } from '../log.ts'
import { isTouched, looksAfter } from '../policy/addressing.ts'
import type { Desired } from '../policy/desired.ts'
import { type Knowledge, noMetadata } from '../policy/knowledge.ts'
import { recollect } from '../policy/recollection.ts'
import type { EventSketch } from '../policy/relevance.ts'
import type { Settings } from '../policy/settings.ts'
import type { Link } from '../state/link.ts'
import type { Snapshot } from '../state/snapshot.ts'
import { Adoption } from './adoption.ts'
import type { MetadataFailure } from './client.ts'
import type { MetadataSource } from './source.ts'
import { bareOf, watchedLinks } from './watched.ts'

/**
 * ms that a pass may wait for what is asked about a bare link that has just come. The answers take some ms where the
 * documents are there; on EC2 they come seconds after the link.
 */
const promptness = 20

export interface InformantOptions {
  readonly config: Config
  readonly log: Log
  /** Is told how a question to the service failed, for the metrics. */
  readonly onFailure: (reason: MetadataFailure) => void
}

/**
 * What the daemon knows from the metadata service, and the beginning and end of asking for it. HTTP and the schemas are
 * loaded after the daemon has made its first pass: nothing of that pass waits for them.
 */
export class Informant {
  readonly #log: Log
  readonly #onFailure: InformantOptions['onFailure']
  #config: Config['metadata']
  #source: Promise<MetadataSource> | undefined
  #onNews: (what: string) => void = () => {}
  #knowledge: Knowledge = noMetadata
  readonly #adoption = new Adoption(whoConfigures)
  #reconsideration: NodeJS.Timeout | undefined
  /** MACs, by ifindex, of links that are looked after and have been up. */
  #raised: ReadonlyMap<number, string> = new Map()
  /** What the last look at the links depended on: most passes change nothing of it. */
  #seen: readonly unknown[] = []
  /** What the last pass saw, or the look at a link that came after it. */
  #sight: Sight | undefined
  /** ms of performance.now() until which the next pass may wait; past as soon as there is news, none after the pass. */
  #awaitedUntil: number | undefined

  constructor({ config, log, onFailure }: InformantOptions) {
    this.#log = log
    this.#onFailure = onFailure
    this.#config = config.metadata
    this.#knowledge = config.metadata.mode === 'off' ? noMetadata : { ...noMetadata, expected: true, untold: true }
  }

  get knowledge(): Knowledge {
    return this.#knowledge
  }

  /** Calls back whenever there is more to know. */
  onNews(callback: (what: string) => void): void {
    this.#onNews = callback
  }

  /** May the event be of a link that this does not know, and that waits for what is told of it? */
  isNewcomer({ kind, linkIndex }: EventSketch): boolean {
    const { settings, snapshot } = this.#sight ?? {}
    const isKnown = () => snapshot?.links.some(({ index }) => index === linkIndex)
    return kind === 'link' && settings?.addressing === 'imds' && !isKnown()
  }

  /** Shows links that have come before a pass has dealt with them: the bare ones among them are asked about at once. */
  introduce(snapshot: Snapshot, desired: Desired, settings: Settings): void {
    const known = this.#sight
    if (!known) {
      return
    }
    const isNew = ({ index }: Link) => !known.snapshot.links.some((link) => link.index === index)
    if (bareOf(snapshot, desired.enis, settings).some(isNew)) {
      this.#awaitedUntil ??= performance.now() + promptness
      this.#look({ snapshot, desired, settings, adopted: known.adopted })
    }
  }

  /** ms that the next pass may wait: what is about to be told might come into it. */
  get patience(): number {
    return Math.max(0, (this.#awaitedUntil ?? 0) - performance.now())
  }

  /** Tells what the last pass saw: links come and go. */
  see(snapshot: Snapshot, desired: Desired, settings: Settings): void {
    if (this.#config.mode === 'off') {
      return
    }
    this.#recollect(snapshot, settings)
    this.#awaitedUntil = undefined
    this.#look({ snapshot, desired, settings, adopted: this.#knowledge.adopted })
  }

  #look(sight: Sight): void {
    this.#sight = sight
    this.#reconsider()
    this.#source ??= this.#open()
    const { snapshot, desired, settings } = sight
    const { links, addresses } = snapshot
    const { knowledge, addressing, include, exclude } = settings
    const seen = [links, addresses, knowledge, addressing, include, exclude, this.#source]
    if (seen.every((part, i) => part === this.#seen[i])) {
      return
    }
    this.#seen = seen
    const watched = watchedLinks(snapshot, desired, settings)
    const surroundings = () => addresses.map(({ linkIndex, address }) => `${linkIndex} ${address}`).join()
    void this.#source.then((source) => source.see(watched, surroundings))
  }

  /** Goes on under another configuration, and reads everything again. What is known stays. */
  configure({ metadata }: Config): void {
    const same = (Object.keys(metadata) as (keyof typeof metadata)[]).every(
      (key) => metadata[key] === this.#config[key],
    )
    this.#config = metadata
    if (same) {
      void this.#source?.then((source) => source.reload())
      return
    }
    this.stop()
    this.#source = undefined
    this.#sight = undefined
    this.#knowledge = { ...this.#knowledge, expected: metadata.mode !== 'off', troubles: [] }
  }

  stop(): void {
    clearTimeout(this.#reconsideration)
    void this.#source?.then((source) => source.stop())
  }

  /** The first pass decided with what the rules show of an earlier run: that is known from now on, until more is told. */
  #recollect(snapshot: Snapshot, settings: Settings): void {
    const { untold, ...knowledge } = this.#knowledge
    if (untold && !snapshot.torn) {
      this.#knowledge = { ...knowledge, enis: recollect(settings, snapshot) }
    }
  }

  /** Tells of it where it changes what may be done. */
  #reconsider(): void {
    if (this.#considerAdoption()) {
      this.#onNews('bare ENIs were adopted, are up, or are gone')
    }
  }

  /**
   * Looks for bare ENIs that nobody else configures, among those that the last pass saw; again after a while where that is
   * not decided. Tells whether it changed what is known.
   */
  #considerAdoption(): boolean {
    clearTimeout(this.#reconsideration)
    if (!this.#sight) {
      return false
    }
    const { snapshot, desired, settings } = this.#sight
    const ours = keptLinks(this.#sight)
    const kept = ours.filter((link) => !isTouched(link, snapshot, settings) || whoConfigures(link) !== 'somebody')
    const bare = bareOf(snapshot, desired.enis, settings).filter((link) => !ours.includes(link))
    const lacking = kept.filter((link) => desired.addressing.lacking.includes(link))
    const { granted, lookAgainIn } = this.#adoption.consider(
      { links: snapshot.links, bare, kept: lacking },
      (mac) => this.#knowledge.enis.get(mac),
      performance.now(),
    )
    if (lookAgainIn !== undefined) {
      this.#reconsideration = setTimeout(() => this.#reconsider(), Math.ceil(lookAgainIn))
    }
    this.#tell(
      ours.filter((link) => !kept.includes(link)),
      granted.filter((link) => bare.includes(link)),
    )
    return this.#keep([...new Set([...kept, ...granted])], granted)
  }

  #tell(ceded: readonly Link[], adopted: readonly Link[]): void {
    for (const { name, mac } of ceded) {
      if (this.#knowledge.adopted.has(mac)) {
        this.#log.info(
          { event: 'ceded', interface: name },
          `${name} is configured by somebody else now, and left to him`,
        )
      }
    }
    for (const { name } of adopted.filter(({ mac }) => !this.#knowledge.adopted.has(mac))) {
      this.#log.info({ event: 'bare', interface: name }, `${name} is bare, and nobody else configures it`)
    }
  }

  /** Remembers which links this program looks after, which of them have been up, and which may be given addresses. */
  #keep(links: readonly Link[], granted: readonly Link[]): boolean {
    const before = this.#raised
    this.#raised = new Map(
      links.filter(({ index, mac, up }) => up || before.get(index) === mac).map(({ index, mac }) => [index, mac]),
    )
    const now = {
      adopted: new Set(links.map(({ mac }) => mac)),
      due: new Set(granted.map(({ mac }) => mac)),
      raised: new Set(this.#raised.keys()),
    }
    const { adopted, due, raised } = this.#knowledge
    const same = sameMembers(adopted, now.adopted) && sameMembers(due, now.due) && sameMembers(raised, now.raised)
    if (!same) {
      this.#knowledge = { ...this.#knowledge, ...now }
    }
    return !same
  }

  async #open(): Promise<MetadataSource> {
    const { openSource } = await import('./open.ts')
    const source = openSource(this.#config, this.#log, {
      known: this.#knowledge,
      onFailure: this.#onFailure,
      onNews: (what) => {
        const { untold: _, ...knowledge } = this.#knowledge
        this.#knowledge = { ...knowledge, ...source.knowledge }
        this.#awaitedUntil = 0
        // The pass that decides with the news is to know at once whom nobody else configures.
        this.#considerAdoption()
        this.#onNews(what)
      },
    })
    return source
  }
}

/** What a look saw, and whom this program looked after at the last pass: nothing that was granted since has been done. */
interface Sight {
  readonly snapshot: Snapshot
  readonly desired: Desired
  readonly settings: Settings
  readonly adopted: ReadonlySet<string>
}

/**
 * Links that were adopted, and those that an earlier run of this program gave addresses: they stay adopted when
 * somebody takes the last address away.
 */
const keptLinks = ({ snapshot, desired: { enis }, settings, adopted }: Sight): Link[] =>
  snapshot.links.filter(
    (link) =>
      adopted.has(link.mac) ||
      enis.some(({ eni }) => eni.managed && eni.link.index === link.index && looksAfter(link, snapshot, settings)),
  )

const sameMembers = <T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean =>
  a.size === b.size && [...a].every((member) => b.has(member))
