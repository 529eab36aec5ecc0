import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Rhythm } from '../../src/rhythm.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

/** A rhythm whose rehearsals take `cost` ms each, and how many there were. */
function warming(cost: number) {
  const beats = {
    pass: vi.fn(),
    lookThoroughly: vi.fn(),
    warm: vi.fn(() => void vi.advanceTimersByTime(cost)),
    warmed: vi.fn(),
  }
  const rhythm = new Rhythm(beats)
  rhythm.warmUp()
  vi.advanceTimersByTime(60_000)
  expect(beats.warmed).toHaveBeenCalledOnce()
  return beats.warm.mock.calls.length
}

test.each([
  { name: 'their time is spent', cost: 20, looks: 10 },
  { name: 'there were three thousand, where they cost nothing', cost: 0, looks: 3_000 },
])('a young daemon rehearses until $name', ({ cost, looks }) => {
  expect(warming(cost)).toBe(looks)
})
