import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Waker } from '../../src/waker.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

/** A waker whose passes find something to do or not, and when (ms from now) they ran. */
function woken(busy = false) {
  const start = performance.now()
  const ran: number[] = []
  const waker = new Waker(() => {
    ran.push(performance.now() - start)
    waker.passed(busy)
  })
  return { waker, ran }
}

describe('Waker', () => {
  test('the first event of a burst is acted on at once', () => {
    const { waker, ran } = woken()
    waker.wake('now')
    expect(ran).toEqual([])
    vi.advanceTimersByTime(0)
    expect(ran).toEqual([0])
  })

  test('who may have it at once has it before the call returns', () => {
    const { waker, ran } = woken(true)
    waker.act('now')
    expect(ran).toEqual([0])
    waker.act('soon')
    expect(ran).toEqual([0])
  })

  test('what is had at once minds the pauses, and takes along what waits', () => {
    const { waker, ran } = woken(false)
    waker.wake('soon')
    for (let i = 0; i < 300; i++) {
      waker.act('now')
      vi.advanceTimersByTime(1)
    }
    expect(ran.slice(0, 8)).toEqual([0, 1, 3, 7, 15, 31, 63, 113])
  })

  test('a thousand events at one moment are one pass', () => {
    const { waker, ran } = woken()
    for (let i = 0; i < 1000; i++) waker.wake(i % 2 ? 'now' : 'soon')
    vi.advanceTimersByTime(1000)
    expect(ran).toEqual([0])
  })

  test('an event that can wait waits a quarter of a second, with those that follow', () => {
    const { waker, ran } = woken()
    waker.wake('soon')
    vi.advanceTimersByTime(200)
    waker.wake('soon')
    vi.advanceTimersByTime(1000)
    expect(ran).toEqual([250])
  })

  test('an urgent event overtakes one that can wait, and is one pass with it', () => {
    const { waker, ran } = woken()
    waker.wake('soon')
    vi.advanceTimersByTime(100)
    waker.wake('now')
    vi.advanceTimersByTime(1000)
    expect(ran).toEqual([100])
  })

  test('a flood that concerns us not costs a pass every 50 ms at most', () => {
    const { waker, ran } = woken(false)
    for (let i = 0; i < 2000; i++) {
      waker.wake('now')
      vi.advanceTimersByTime(1)
    }
    expect(ran.length).toBeLessThan(50)
    const pauses = ran.slice(1).map((at, i) => at - (ran[i] as number))
    expect(pauses.slice(0, 8)).toEqual([1, 2, 4, 8, 16, 32, 50, 50])
  })

  test('passes that have work are followed by no pause', () => {
    const { waker, ran } = woken(true)
    for (let i = 0; i < 20; i++) {
      waker.wake('now')
      vi.advanceTimersByTime(1)
    }
    expect(ran).toHaveLength(20)
  })

  test('a quiet second forgets the pauses', () => {
    const { waker, ran } = woken(false)
    for (let i = 0; i < 500; i++) {
      waker.wake('now')
      vi.advanceTimersByTime(1)
    }
    vi.advanceTimersByTime(2000)
    const before = ran.length
    waker.wake('now')
    vi.advanceTimersByTime(0)
    expect(ran).toHaveLength(before + 1)
  })

  test('a later delay does not put off an earlier one', () => {
    const { waker, ran } = woken()
    waker.wakeIn(10)
    waker.wakeIn(500)
    vi.advanceTimersByTime(1000)
    expect(ran).toEqual([10])
  })

  test('stopped, it never runs again', () => {
    const { waker, ran } = woken()
    waker.wake('now')
    waker.stop()
    waker.wake('now')
    waker.act('now')
    waker.wakeIn(10)
    vi.advanceTimersByTime(10_000)
    expect(ran).toEqual([])
  })
})
