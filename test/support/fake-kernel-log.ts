import pino from 'pino'
import type { Log } from '../../src/log.ts'

export interface Entry {
  readonly level: number
  readonly msg: string
  readonly event?: string
  readonly cause?: string
  readonly [field: string]: unknown
}

/** A log that is kept in memory, and its entries. */
export function memoryLog(): { log: Log; entries: Entry[]; messages: (event: string) => string[] } {
  const entries: Entry[] = []
  const write = (line: string) => {
    entries.push(JSON.parse(line))
  }
  return {
    log: pino({ level: 'debug', base: null, timestamp: false }, { write }),
    entries,
    messages: (event) => entries.filter((entry) => entry.event === event).map(({ msg }) => msg),
  }
}
