import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { createLog, formatLine, outputOf } from '../../src/log.ts'

const time = '2026-01-02T03:04:05.678Z'

describe('formatLine', () => {
  test.each([
    { name: 'time and message', line: {}, text: '03:04:05.678 hello' },
    { name: 'the cause behind them', line: { cause: 'why' }, text: '03:04:05.678 hello  # why' },
    {
      name: 'the remedy on a line of its own',
      line: { remedy: 'do it' },
      text: '03:04:05.678 hello\n             to mend it: do it',
    },
  ])('prints $name', ({ line, text }) => {
    expect(formatLine({ level: 30, time, msg: 'hello', ...line }, false)).toBe(text)
  })

  test.each([
    { level: 30, colour: 'none', codes: '' },
    { level: 40, colour: 'yellow', codes: '\u001b[33m' },
    { level: 50, colour: 'red', codes: '\u001b[31m' },
  ])('level $level has the colour $colour', ({ level, codes }) => {
    const line = formatLine({ level, time, msg: 'hello' }, true)
    expect(line).toContain(`${codes}hello`)
    expect(stripVTControlCharacters(line)).toBe('03:04:05.678 hello')
  })
})

test('a log on a terminal writes a line for people at once', () => {
  const written: string[] = []
  const terminal = { isTTY: true, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream
  const log = createLog('warn', outputOf(terminal))
  log.info('not this')
  log.error({ cause: 'why' }, 'hello')
  expect(written.map((line) => stripVTControlCharacters(line).slice(13))).toEqual(['hello  # why\n'])
})
