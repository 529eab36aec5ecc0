import { describe, expect, test } from 'vitest'
import { parseOptions, UsageError } from '../../bench/options.ts'
import { judge, type Row } from '../../bench/row.ts'
import { spread } from '../../bench/spread.ts'

const around = (middle: number, width: number, n: number) =>
  spread(Array.from({ length: n }, (_, i) => middle + width * (i / Math.max(1, n - 1) - 0.5)))
const row = (ours: number, width: number, n: number, goal: Row['goal']): Row => ({
  ...{ item: 'test', what: 'test', unit: 'ms', ours: around(ours, width, n), ...(goal && { goal }) },
  yardsticks: [{ name: 'yardstick', spread: around(1, width / ours, n) }],
})

describe('a goal', () => {
  test.each([
    { name: 'far below the limit is met', of: row(1.2, 0.1, 50, { ratio: 1.5 }), goal: 'met' },
    { name: 'far above it is missed', of: row(2, 0.1, 50, { ratio: 1.5 }), goal: 'missed' },
    { name: 'near it, measured coarsely, is not judged', of: row(1.45, 2, 20, { ratio: 1.5 }), goal: 'not judged' },
    { name: 'of the tail needs many tries', of: row(1, 0.1, 200, { ratio99: 3 }), goal: 'not judged' },
    { name: 'of the tail is met with enough of them', of: row(1, 0.1, 400, { ratio99: 3 }), goal: 'met' },
    { name: 'of which a part is missed is missed', of: row(2, 0.1, 400, { ratio: 1.5, ratio99: 3 }), goal: 'missed' },
    { name: 'of a value that was taken once is judged by it', of: row(40, 0, 1, { value: 50 }), goal: 'met' },
    { name: 'that there is none of is not told of', of: row(1, 0, 20, undefined), goal: undefined },
  ])('$name', ({ of, goal }) => {
    expect(judge(of).goal).toBe(goal)
  })

  test('is not judged by fewer than five tries', () => {
    expect(judge(row(1, 0.1, 4, { ratio: 1.5 })).goal).toBe('not judged')
  })
})

test('tries that failed are counted, and are no measurement', () => {
  expect(spread([1, null, 3, Number.NaN, 2])).toMatchObject({ n: 3, min: 1, p50: 2, max: 3, failed: 2 })
})

describe('options', () => {
  const parse = (...args: string[]) => parseOptions(args, ['cold', 'idle'])
  test('a full run lies idle for ten minutes, a quick one is short', () => {
    expect(parse()).toMatchObject({ quick: false, idleSeconds: 600, only: undefined })
    expect(parse('--quick', '--only', 'idle,cold')).toMatchObject({ idleSeconds: 20, only: ['idle', 'cold'] })
  })
  test.each(['--only cald', '--idle long', '--idle 0', '--fast', 'cold'])('%s is refused', (line) => {
    expect(() => parse(...line.split(' '))).toThrow(UsageError)
  })
})
