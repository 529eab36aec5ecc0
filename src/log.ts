import { fstatSync } from 'node:fs'
import pino, { type DestinationStream, type Logger } from 'pino'
import { paint, wantsColour } from './terminal.ts'

export type Log = Logger

/**
 * Records with fields where the output is the journal, lines for people on a terminal, one JSON object a line otherwise.
 * Writes at once: the last line before a crash counts.
 */
export async function openLog(level: string): Promise<Log> {
  const journal = process.env.JOURNAL_STREAM ? await import('./systemd/journal.ts') : undefined
  if (!journal?.isJournal([1, 2])) {
    return createLog(level, mayBeTerminal(1) ? outputOf(process.stdout) : jsonLines())
  }
  const lines = jsonLines()
  const stream = await journal.openJournal((line) => lines.write(line))
  const log = createLog(level, stream ?? lines)
  if (!stream) {
    log.warn(
      { event: 'journal' },
      'libsystemd.so.0 is not there: the journal gets lines without fields; install libsystemd0',
    )
  }
  return log
}

/** Lines of JSON, or for people where `output` is a terminal. */
export const outputOf = (output: NodeJS.WriteStream): DestinationStream =>
  output.isTTY ? humanLines(output) : jsonLines()

export const createLog = (level: string, destination: DestinationStream): Log =>
  pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination)

/** Major number of /dev/null and its like (Linux, admin-guide/devices.txt). */
const memoryDevices = 1

/** Tells what is none without Node's stream for it, which takes 3 ms to load. */
function mayBeTerminal(fd: number): boolean {
  try {
    const file = fstatSync(fd)
    return file.isCharacterDevice() && file.rdev >> 8 !== memoryDevices
  } catch {
    // A closed output is none.
    return false
  }
}

const jsonLines = (): DestinationStream => pino.destination({ dest: 1, sync: true })

interface Line {
  readonly level: number
  readonly time: string
  readonly msg: string
  readonly cause?: string
  readonly remedy?: string
}

const humanLines = (output: NodeJS.WriteStream): DestinationStream => ({
  write: (line) => output.write(`${formatLine(JSON.parse(line), wantsColour(output))}\n`),
})

/** `TIME MESSAGE  # CAUSE`, the remedy on a line of its own. */
export function formatLine(line: Line, colour: boolean): string {
  const { dim, red, yellow } = paint(colour)
  const mark = line.level >= 50 ? red : line.level >= 40 ? yellow : (text: string) => text
  const cause = line.cause ? dim(`  # ${line.cause}`) : ''
  const remedy = line.remedy ? `\n${' '.repeat(13)}${dim(`to mend it: ${line.remedy}`)}` : ''
  return `${dim(line.time.slice(11, 23))} ${mark(line.msg)}${cause}${remedy}`
}
