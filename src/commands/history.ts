import { exit } from '../exit.ts'
import { demandJournal, type JournalRecord, readJournal } from '../systemd/read-journal.ts'
import { columns, paint, wantsColour } from '../terminal.ts'
import { print, printJson } from './output.ts'
import type { CommonOptions } from './session.ts'

interface HistoryOptions extends CommonOptions {
  readonly since?: string
}

/** Events of the log that tell what became of the routing, and what was wrong with it. */
const events = ['change', 'refused', 'adopted', 'vanished', 'problem', 'resolved', 'failed', 'removed']

/** Shows the audit that the daemon wrote to the journal. */
export async function history({ json, since }: HistoryOptions, words: readonly string[]): Promise<number> {
  const [subject] = words
  const matches = [...events.map((event) => `ENI_ROUTED_EVENT=${event}`), ...(subject ? [matchOf(subject)] : [])]
  const entries: HistoryEntry[] = []
  for await (const record of readJournal({ matches, ...(since === undefined ? {} : { since }) })) {
    entries.push(...entriesOf(record))
  }
  if (entries.length === 0) {
    demandJournal()
  }
  if (json) {
    printJson(entries)
  } else {
    printTable(entries)
  }
  if (entries.length === 0) {
    process.stderr.write(`nothing is recorded${subject ? ` of ${subject}` : ''}\n`)
  }
  return exit.ok
}

/** The interface by its name, its MAC or its ENI's id. */
function matchOf(subject: string): string {
  if (/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(subject)) return `ENI_ROUTED_MAC=${subject.toLowerCase()}`
  return `${/^eni-[0-9a-f]+$/.test(subject) ? 'ENI_ROUTED_ENI' : 'ENI_ROUTED_INTERFACE'}=${subject}`
}

/** One row. Names are those of the journal's fields, without ENI_ROUTED_. */
export interface HistoryEntry {
  /** ISO 8601. */
  readonly time: string
  readonly event: string
  readonly interface?: string
  readonly mac?: string
  readonly eni?: string
  readonly action?: string
  readonly object?: string
  readonly command?: string
  readonly cause?: string
  readonly result?: string
  readonly errno?: string
  readonly pass?: number
  readonly message: string
}

/** A record of several objects becomes a row for each. */
export function entriesOf(record: JournalRecord): HistoryEntry[] {
  const field = (name: string) => record[`ENI_ROUTED_${name}`]
  const known = (name: string) => {
    const value = field(name.toUpperCase())
    return value === undefined ? {} : { [name]: value }
  }
  const time = new Date(Number(record._SOURCE_REALTIME_TIMESTAMP ?? record.__REALTIME_TIMESTAMP) / 1000).toISOString()
  const names = ['interface', 'mac', 'eni', 'action', 'object', 'cause', 'result', 'errno']
  const pass = field('PASS')
  const common = {
    time,
    event: field('EVENT') ?? '',
    ...Object.assign({}, ...names.map(known)),
    ...(pass === undefined ? {} : { pass: Number(pass) }),
    message: record.MESSAGE ?? '',
  }
  const commands = field('COMMAND')?.split('\n')
  return commands ? commands.map((command) => ({ ...common, command })) : [common]
}

const deeds: Readonly<Record<string, string>> = {
  adopted: 'found standing',
  vanished: 'gone by itself',
  refused: 'refused',
  problem: 'problem',
  resolved: 'resolved',
  failed: 'failed',
  removed: 'removed all',
}

function printTable(entries: readonly HistoryEntry[]): void {
  const { bold, dim, red, yellow } = paint(wantsColour(process.stdout))
  const marks: Readonly<Record<string, (text: string) => string>> = { refused: yellow, problem: red, failed: red }
  const rows = entries.map((entry) => [
    dim(localTime(entry.time)),
    entry.interface ?? '-',
    (marks[entry.event] ?? String)(deeds[entry.event] ?? entry.action ?? ''),
    `${entry.command ?? entry.message}${entry.errno ? `: ${entry.errno}` : ''}${entry.cause ? dim(`  # ${entry.cause}`) : ''}`,
  ])
  for (const line of entries.length > 0 ? columns([['TIME', 'INTERFACE', 'WHAT', 'COMMAND'].map(bold), ...rows]) : []) {
    print(line)
  }
}

/** `2026-01-02 03:04:05.678`, in the time zone of the reader, as journalctl shows it. */
function localTime(time: string): string {
  const at = new Date(time)
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 23).replace('T', ' ')
}
