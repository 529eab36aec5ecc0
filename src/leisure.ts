import type { Kernel } from './kernel/port.ts'
import type { Log } from './log.ts'
import { look } from './look.ts'
import type { Settings } from './policy/settings.ts'
import type { Tables } from './policy/tables.ts'
import { rehearse } from './rehearsal.ts'

export interface LeisureOptions {
  readonly kernel: Kernel
  readonly log: Log
  /** What a pass would decide by now. */
  readonly present: () => { readonly settings: Settings; readonly tables: Tables }
  /** Gives memory back, if that is worth while; calls `look` for all that has to be there again at once. */
  readonly tidy: (look: () => void) => void
}

/** What the daemon does for itself while nothing happens. It must never harm a pass: what fails is left. */
export class Leisure {
  readonly #options: LeisureOptions

  constructor(options: LeisureOptions) {
    this.#options = options
  }

  /** Goes through a look and an address that never came. */
  rehearse(): void {
    const { kernel, present } = this.#options
    try {
      const { settings, tables } = present()
      rehearse(look({ kernel, settings, tables, thorough: false }), kernel, settings)
    } catch {
      // The next pass tells.
    }
  }

  tidy(): void {
    const { log, tidy } = this.#options
    try {
      tidy(() => this.rehearse())
    } catch (error) {
      log.debug({ event: 'memory', err: error }, `memory was not given back: ${String(error)}`)
    }
  }
}
