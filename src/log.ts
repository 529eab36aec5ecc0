import { Writable } from 'node:stream'
import pino, { type Logger } from 'pino'
import { paint, wantsColour } from './terminal.ts'

export type Log = Logger

/** Lines for people on a terminal, one JSON object a line otherwise. Writes at once: the last line before a crash counts. */
export function createLog(level: string, output: NodeJS.WriteStream = process.stdout): Log {
  const destination = output.isTTY ? humanLines(output) : pino.destination({ fd: 1, sync: true })
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination)
}

interface Line {
  readonly level: number
  readonly time: string
  readonly msg: string
  readonly cause?: string
  readonly remedy?: string
}

const humanLines = (output: NodeJS.WriteStream): Writable =>
  new Writable({
    write(chunk: Buffer, _encoding, done) {
      output.write(`${formatLine(JSON.parse(chunk.toString()), wantsColour(output))}\n`)
      done()
    },
  })

/** `TIME MESSAGE  # CAUSE`, the remedy on a line of its own. */
export function formatLine(line: Line, colour: boolean): string {
  const { dim, red, yellow } = paint(colour)
  const mark = line.level >= 50 ? red : line.level >= 40 ? yellow : (text: string) => text
  const cause = line.cause ? dim(`  # ${line.cause}`) : ''
  const remedy = line.remedy ? `\n${' '.repeat(13)}${dim(`to mend it: ${line.remedy}`)}` : ''
  return `${dim(line.time.slice(11, 23))} ${mark(line.msg)}${cause}${remedy}`
}
