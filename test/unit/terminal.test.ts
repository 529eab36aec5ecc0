import { afterEach, describe, expect, test, vi } from 'vitest'
import { columns, paint, wantsColour } from '../../src/terminal.ts'

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
