import type { Config } from './config/schema.ts'
import { settingsOf } from './config/settings.ts'
import type { Look } from './look.ts'
import type { Informant } from './metadata/informant.ts'
import { type Knowledge, noMetadata } from './policy/knowledge.ts'
import type { EventSketch } from './policy/relevance.ts'
import type { Settings } from './policy/settings.ts'

/** What of the informant is used. */
export type Informing = Pick<Informant, keyof Informant>

/** What the passes decide by: the configuration, and what the metadata tells. */
export class Guidance {
  readonly #informant: Informing | undefined
  #config: Config
  #settings: Settings

  /** `informant`: what tells of the metadata; without it, the metadata is off. */
  constructor(config: Config, informant: Informing | undefined) {
    this.#informant = informant
    this.#config = config
    this.#settings = settingsOf(config, [], this.#knowledge)
  }

  get config(): Config {
    return this.#config
  }

  get settings(): Settings {
    return this.#settings
  }

  /** What the configuration before put under other numbers stays ours until `forgetRetired`. */
  reconfigure(config: Config): void {
    const { numbers, include, retired } = this.#settings
    this.#config = config
    this.#informant?.configure(config)
    this.#settings = settingsOf(config, [...retired, { numbers, include }], this.#knowledge)
  }

  forgetRetired(): void {
    if (this.#settings.retired.length > 0) {
      this.#settings = { ...this.#settings, retired: [] }
    }
  }

  /** Shows the informant what a pass has seen. What it takes from that very snapshot is no news: the pass has decided with it. */
  see({ snapshot, desired }: Look): void {
    this.#informant?.see(snapshot, desired, this.#settings)
    this.learn()
  }

  /** Might the metadata be asked about the link of this event before a pass deals with it? */
  isNewcomer(event: EventSketch): boolean {
    return this.#informant?.isNewcomer(event) === true
  }

  /** Shows the informant what has come before a pass deals with it. */
  introduce({ snapshot, desired }: Look): void {
    this.#informant?.introduce(snapshot, desired, this.#settings)
  }

  /** ms that a pass for what has come may wait for more to decide by. */
  get patience(): number {
    return this.#informant?.patience ?? 0
  }

  /** The settings are the same object as long as nothing has changed. */
  learn(): void {
    const knowledge = this.#knowledge
    if (knowledge !== this.#settings.knowledge) {
      this.#settings = { ...this.#settings, knowledge }
    }
  }

  /** `learned` is called whenever there is more to learn, and told what. */
  onNews(learned: (what: string) => void): void {
    this.#informant?.onNews(learned)
  }

  stop(): void {
    this.#informant?.stop()
  }

  get #knowledge(): Knowledge {
    return this.#informant?.knowledge ?? noMetadata
  }
}
