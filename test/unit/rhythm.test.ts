import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { PassOutcome } from '../../src/reconcile.ts'
import { Rhythm } from '../../src/rhythm.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

function beating() {
  const beats = { pass: vi.fn(), look: vi.fn<(thorough: boolean) => void>(), lookAgain: vi.fn(), settled: vi.fn() }
  return { beats, rhythm: new Rhythm(beats) }
}

test('a start is over once what it led to is over, too', () => {
  const { beats, rhythm } = beating()
  rhythm.started()
  vi.advanceTimersByTime(999)
  expect(beats.settled).not.toHaveBeenCalled()
  vi.advanceTimersByTime(60_000)
  expect(beats.settled).toHaveBeenCalledOnce()
})

test('a daemon that is stopped before does nothing more', () => {
  const { beats, rhythm } = beating()
  rhythm.started()
  rhythm.stop()
  vi.advanceTimersByTime(60_000)
  expect(beats.settled).not.toHaveBeenCalled()
})

describe('looks at intervals', () => {
  /** Whether each look of half an hour was thorough, where a thorough one takes `cost` ms. */
  const looks = (cost: number, longest?: number) => {
    const { beats, rhythm } = beating()
    beats.look.mockImplementation((thorough) => {
      const started = performance.now()
      if (thorough) {
        vi.advanceTimersByTime(cost)
        rhythm.lookedThoroughly(started)
      }
    })
    rhythm.start(longest)
    vi.advanceTimersByTime(1_800_000)
    rhythm.stop()
    return beats.look.mock.calls.map(([thorough]) => thorough)
  }
  const thoroughOf = (all: readonly boolean[]) => all.filter(Boolean).length

  test.each([
    { name: 'thorough each minute, where that is cheap', cost: 5, expected: 30 },
    { name: 'thorough every eight minutes, where it takes 60 ms', cost: 60, expected: 4 },
    { name: 'thorough every ten minutes at least, whatever it takes', cost: 1_000, expected: 3 },
  ])('are $name', ({ cost, expected }) => {
    const all = looks(cost)
    expect(all.length).toBeGreaterThan(28)
    expect(thoroughOf(all)).toBe(expected)
  })

  test('come in time for who waits for them, and are no more thorough for that', () => {
    const all = looks(10, 30_000)
    expect(all.length).toBeGreaterThan(58)
    expect(thoroughOf(all)).toBe(20)
  })
})

describe('the second look', () => {
  const outcome = { refused: [], withheld: [], verified: true } as unknown as PassOutcome
  /** ms at which it was called for, where something was changed at `changes`, in ascending order. */
  const secondLooks = (changes: readonly number[]) => {
    const { beats, rhythm } = beating()
    const at: number[] = []
    const start = performance.now()
    beats.lookAgain.mockImplementation(() => at.push(Math.round(performance.now() - start)))
    for (const change of changes) {
      vi.advanceTimersByTime(change - (performance.now() - start))
      rhythm.passed(outcome, true, undefined)
    }
    vi.advanceTimersByTime(10_000)
    rhythm.stop()
    return at
  }

  test.each([
    { name: 'half a second after a change', changes: [0], expected: [500] },
    { name: 'half a second after the last of some', changes: [0, 30, 499], expected: [999] },
    { name: 'after each of two that lie apart', changes: [0, 700], expected: [500, 1_200] },
    {
      name: 'now and then while changes do not end, and after the last',
      changes: Array.from({ length: 31 }, (_, i) => i * 100),
      expected: [2_100, 3_500],
    },
  ])('comes $name', ({ changes, expected }) => {
    expect(secondLooks(changes)).toEqual(expected)
  })
})
