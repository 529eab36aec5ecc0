import { afterEach, describe, expect, test, vi } from 'vitest'
import { columns, fold, foldText, paint, wantsColour, widthOf } from '../../src/terminal.ts'

afterEach(() => vi.unstubAllEnvs())

describe('wantsColour', () => {
  test.each([
    { name: 'a terminal', isTTY: true, env: {}, colour: true },
    { name: 'a pipe', isTTY: false, env: {}, colour: false },
    { name: 'a terminal with NO_COLOR', isTTY: true, env: { NO_COLOR: '1' }, colour: false },
    { name: 'a terminal with an empty NO_COLOR', isTTY: true, env: { NO_COLOR: '' }, colour: true },
    { name: 'a dumb terminal', isTTY: true, env: { TERM: 'dumb' }, colour: false },
  ])('$name: $colour', ({ isTTY, env, colour }) => {
    for (const [key, value] of Object.entries({ NO_COLOR: '', TERM: 'xterm', ...env })) vi.stubEnv(key, value)
    expect(wantsColour({ isTTY })).toBe(colour)
  })
})

test('paint colours, or changes nothing', () => {
  expect(paint(true).red('x')).toBe('\u001b[31mx\u001b[39m')
  expect(paint(false).red('x')).toBe('x')
})

test('columns are aligned by what is visible, and nothing trails', () => {
  const { green } = paint(true)
  expect(columns([['a', green('in sync'), 'x'], ['long', 'b'], []])).toEqual([
    `a     ${green('in sync')}  x`,
    'long  b',
    '',
  ])
})

test('columns of nothing are nothing', () => {
  expect(columns([])).toEqual([])
})

describe('the width of', () => {
  test.each([
    { name: 'a terminal', stream: { isTTY: true, columns: 120 }, env: '', width: 120 },
    { name: 'a terminal that does not know it', stream: { isTTY: true, columns: 0 }, env: '', width: 80 },
    { name: 'a terminal with COLUMNS', stream: { isTTY: true, columns: 120 }, env: '60', width: 60 },
    { name: 'a terminal with COLUMNS that are none', stream: { isTTY: true, columns: 120 }, env: 'x', width: 120 },
    { name: 'a file', stream: {}, env: '60', width: undefined },
  ])('$name: $width', ({ stream, env, width }) => {
    vi.stubEnv('COLUMNS', env)
    expect(widthOf(stream)).toBe(width)
  })
})

test('a text is folded behind what stands in front of it', () => {
  const text = 'one two three four five six seven eight nine'
  expect(foldText(text, 40, 'front: ')).toEqual(['front: one two three four five six seven', '       eight nine'])
  expect(foldText(text, 40, 'front: ', 2)).toEqual(['front: one two three four five six seven', '  eight nine'])
  expect(foldText(text, undefined, 'front: ')).toEqual([`front: ${text}`])
})

describe('fold', () => {
  const words = 'one two three four five six seven eight nine ten'.split(' ')
  test('breaks between words, and indents what follows', () => {
    expect(fold(words, 40, 3)).toEqual(['one two three four five six seven eight', '   nine ten'])
    expect(fold(words, undefined, 3)).toEqual([words.join(' ')])
    expect(fold([], 40, 3)).toEqual([])
  })

  test('never cuts a word, and holds a line of 40 at least', () => {
    const long = 'x'.repeat(50)
    expect(fold(['a', long, 'b'], 40, 1)).toEqual(['a', ` ${long}`, ' b'])
    expect(fold(words, 5, 3)).toEqual(fold(words, 40, 3))
  })

  test('counts what is visible', () => {
    const { red } = paint(true)
    expect(fold([red('a'.repeat(20)), red('b'.repeat(19))], 40, 0)).toHaveLength(1)
    expect(fold([red('a'.repeat(20)), red('b'.repeat(20))], 40, 0)).toHaveLength(2)
  })
})
