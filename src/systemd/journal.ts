import { fstatSync } from 'node:fs'
import { loadLibsystemd } from './libsystemd.ts'
import { messageIds } from './message-ids.ts'

/** Priorities of syslog(3) for pino's levels; a repair is more than information: somebody had undone what was right. */
const priority = { debug: 7, info: 6, notice: 5, warning: 4, err: 3 } as const

/** A line of the log, as pino makes it. */
export interface LogRecord {
  readonly level: number
  readonly msg: string
  readonly event?: string
  readonly [field: string]: unknown
}

type Field = readonly [name: string, value: string]

/** Is one of this process's outputs the journal? (systemd.exec(5), $JOURNAL_STREAM: device and inode of the stream) */
export function isJournal(fds: readonly number[], stream = process.env.JOURNAL_STREAM): boolean {
  return (
    stream !== undefined &&
    fds.some((fd) => {
      try {
        const { dev, ino } = fstatSync(fd)
        return stream === `${dev}:${ino}`
      } catch {
        // A closed output is no journal.
        return false
      }
    })
  )
}

/**
 * Where pino writes to: each line becomes a record with fields, or goes `otherwise` where the journal does not take it.
 * Undefined where there is no libsystemd.
 */
export function openJournal(otherwise: (line: string) => void): { write(line: string): void } | undefined {
  const library = loadLibsystemd()
  return (
    library && {
      write: (line) => {
        if (!library.send(fieldsOf(JSON.parse(line)))) {
          otherwise(line)
        }
      },
    }
  )
}

/** The fields of a record: those that journald knows, and every one of ours as `ENI_ROUTED_NAME`. */
export function fieldsOf({ level, msg, time: _, repair, ...record }: LogRecord): Field[] {
  const own: Partial<LogRecord> = { ...record, ...(record.cause ? { cause: withTrigger(record) } : {}) }
  const id = messageIds[own.event ?? '']
  return [
    ['MESSAGE', own.remedy ? `${msg}; to mend it: ${own.remedy}` : msg],
    ['PRIORITY', String(priorityOf(level, repair === true))],
    ['SYSLOG_IDENTIFIER', 'eni-routed'],
    ...(id ? [['MESSAGE_ID', id] as const] : []),
    ...Object.entries(own).flatMap(([name, value]) => ownField(name, value)),
  ]
}

/** Why, and what was seen. */
const withTrigger = ({ cause, trigger }: Partial<LogRecord>): string =>
  trigger === undefined || String(cause).includes(String(trigger)) ? String(cause) : `${cause} (${trigger})`

function priorityOf(level: number, repair: boolean): number {
  if (level >= 50) return priority.err
  if (level >= 40) return priority.warning
  if (level < 30) return priority.debug
  return repair ? priority.notice : priority.info
}

/** `durationUs` → ENI_ROUTED_DURATION_US. An error is its stack; whatever else has parts is left out. */
function ownField(name: string, value: unknown): Field[] {
  const field = `ENI_ROUTED_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`
  if (typeof value === 'object' && value !== null && 'stack' in value) {
    return [['ENI_ROUTED_ERROR', String(value.stack)]]
  }
  return typeof value === 'object' || value === undefined ? [] : [[field, String(value)]]
}
