import { describe, expect, test } from 'vitest'
import { Contention, type Label } from '../../src/contention.ts'

const label: Label = { object: 'ip rule add …', by: 'rule deleted by process 812' }

/** Repairs an object as often as it is allowed to, while somebody undoes every repair at once. Returns their times (ms). */
function fight(contention: Contention, key: string, from: number, to: number): number[] {
  const repairs: number[] = []
  for (let now = from; now < to; now++) {
    if (contention.allows(key, now)) {
      contention.repaired(key, label, now)
      repairs.push(now)
    }
  }
  return repairs
}

describe('Contention', () => {
  test('a burst is repaired without any wait', () => {
    const contention = new Contention()
    for (let i = 0; i < 20; i++) {
      expect(contention.allows('rule', 0)).toBe(true)
      contention.repaired('rule', label, 0)
    }
    expect(contention.allows('rule', 0)).toBe(true)
  })

  test('past a burst each wait is twice as long as the one before', () => {
    const contention = new Contention()
    for (let i = 0; i < 20; i++) contention.repaired('rule', label, 0)
    const waits = [1, 2, 3, 4, 5].map(() => {
      contention.repaired('rule', label, 0)
      return contention.nextAllowed(0)
    })
    expect(waits).toEqual([2, 4, 8, 16, 32])
  })

  test('no wait is longer than 800 ms, however long the fight', () => {
    const contention = new Contention()
    for (let i = 0; i < 1000; i++) contention.repaired('rule', label, 0)
    expect(contention.allows('rule', 799)).toBe(false)
    expect(contention.allows('rule', 800)).toBe(true)
  })

  test('an endless fight costs few repairs', () => {
    const contention = new Contention()
    fight(contention, 'rule', 0, 5_000)
    expect(fight(contention, 'rule', 5_000, 15_000).length).toBeLessThan(110)
  })

  test('one repair now and then is no fight: it never waits', () => {
    const contention = new Contention()
    for (let now = 0; now < 100_000; now += 150) {
      expect(contention.allows('rule', now)).toBe(true)
      contention.repaired('rule', label, now)
    }
  })

  test('objects wait each for itself, and the first to be allowed is told', () => {
    const contention = new Contention()
    fight(contention, 'a', 0, 500)
    contention.repaired('b', label, 500)
    expect(contention.allows('b', 500)).toBe(true)
    expect(contention.allows('a', contention.nextAllowed(500)! - 1)).toBe(false)
    expect(contention.allows('a', contention.nextAllowed(500)!)).toBe(true)
  })

  test('nothing waits where nothing was repaired', () => {
    expect(new Contention().nextAllowed(0)).toBe(undefined)
    expect(new Contention().allows('rule', 0)).toBe(true)
  })

  test('a fight is reported from the sixth repair on, with their number and the other party', () => {
    const contention = new Contention()
    for (let i = 0; i < 5; i++) contention.repaired('rule', label, i * 1000)
    expect(contention.contested(5000).length).toBe(0)
    contention.repaired('rule', label, 5000)
    expect(contention.contested(5000)).toEqual([{ ...label, repairs: 6 }])
  })

  test('ten quiet seconds end a fight, and forget it', () => {
    const contention = new Contention()
    fight(contention, 'rule', 0, 3_000)
    expect(contention.contested(12_000).length).toBe(1)
    expect(contention.contested(13_000).length).toBe(0)
    contention.repaired('rule', label, 13_000)
    expect(contention.allows('rule', 13_000)).toBe(true)
  })

  test('repairs with ten quiet seconds between them are no fight, though nobody asks', () => {
    const contention = new Contention()
    for (let i = 0; i < 10; i++) contention.repaired('rule', label, i * 10_000)
    expect(contention.contested(90_001).length).toBe(0)
  })
})
