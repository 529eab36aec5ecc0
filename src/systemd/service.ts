import type { ServiceManager } from './notify.ts'

/** ms that the start may take until the service counts as started all the same, with its status telling what is wrong. */
const startPatience = 1_000
/** ms; for a moment in which thousands of objects may have to be made or taken away. */
const longWork = 60_000

/** The daemon, as far as the service manager is told of it. */
export interface Subject {
  /** Has a pass been verified? */
  readonly ready: boolean
  statusLine(): string
}

/**
 * Tells the service manager how the daemon fares. Ready is told after the first verified pass. Where the kernel does not
 * allow one it is told a second after the start, so that a boot does not wait for what may never come: the status is then
 * honest about it.
 */
export class Service {
  readonly #manager: ServiceManager
  readonly #subject: Subject
  #told = false
  #patience: NodeJS.Timeout | undefined
  /** A configuration that was turned down: what is in the file is not what holds. */
  #complaint: string | undefined

  constructor(manager: ServiceManager, subject: Subject) {
    this.#manager = manager
    this.#subject = subject
  }

  starting(): void {
    this.#manager.extend(longWork)
    this.#patience = setTimeout(() => this.#ready(), startPatience)
  }

  /** Something may have changed. */
  news(): void {
    if (this.#told) {
      this.#manager.status(this.#line())
    } else if (this.#subject.ready) {
      this.#ready()
    }
  }

  /** The configuration is read again; `reloaded` has to follow. */
  reloading(): void {
    this.#manager.reloading()
    this.#told = false
  }

  /** The next news ends the reload; where the configuration was turned down, that happens at once. */
  reloaded(complaint?: string): void {
    this.#complaint = complaint
    if (complaint !== undefined) {
      this.#ready()
    }
  }

  stopping(): void {
    clearTimeout(this.#patience)
    this.#manager.stopping()
    this.#manager.extend(longWork)
  }

  #ready(): void {
    clearTimeout(this.#patience)
    this.#told = true
    this.#manager.ready(this.#line())
  }

  #line(): string {
    const line = this.#subject.statusLine()
    return this.#complaint === undefined ? line : `${line}; the configuration was not taken over: ${this.#complaint}`
  }
}
