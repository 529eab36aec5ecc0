import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { mappedFiles, sparing, tidier } from '../../src/memory.ts'

const entry = (range: string, mode: string, inode: number, name: string, anonymous = 0, rss = 512) =>
  `${range} ${mode} 00001000 fe:00 ${inode}      ${name}
Size:               1024 kB
Rss:                ${rss} kB
Pss_Anon:              7 kB
Anonymous:             ${anonymous} kB
AnonHugePages:         0 kB
VmFlags: rd ex mr
`

test.each([
  { name: 'code', smaps: entry('0074a000-0304a000', 'r-xp', 77, '/usr/bin/node'), found: true },
  { name: 'constants', smaps: entry('0074a000-0304a000', 'r--p', 77, '/usr/bin/my node'), found: true },
  { name: 'what the linker wrote to', smaps: entry('0074a000-0304a000', 'r--p', 77, '/usr/bin/node', 8), found: false },
  { name: 'variables', smaps: entry('0074a000-0304a000', 'rw-p', 77, '/usr/bin/node'), found: false },
  { name: 'a part that others see', smaps: entry('0074a000-0304a000', 'r--s', 77, '/usr/bin/node'), found: false },
  { name: 'memory of no file', smaps: entry('0074a000-0304a000', 'r--p', 0, ''), found: false },
  { name: 'the kernel’s own', smaps: entry('7ffc0000-7ffc2000', 'r-xp', 0, '[vdso]'), found: false },
  { name: 'a small part', smaps: entry('0074a000-0304a000', 'r-xp', 77, '/usr/bin/node', 0, 64), found: false },
])('$name: given back is $found', ({ smaps, found }) => {
  const others = entry('00400000-00500000', 'rw-p', 77, '/usr/bin/node')
  expect(mappedFiles(others + smaps + others)).toEqual(found ? [{ start: 0x74a000, bytes: 0x2900000 }] : [])
})

/** With a clock that the test moves: what takes time comes seldom. */
test('a process gives back what is young each time, the rest at first, then when it has grown, and seldom', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const rss = () => Number(/^Rss: +(\d+)/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1])
  const looks = vi.fn(() => void vi.advanceTimersByTime(1))
  const tidy = tidier()
  const before = rss()
  tidy(looks)
  expect(rss()).toBeLessThan(0.9 * before)
  const young = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!.space_used_size
  const filled = young()
  while (young() < filled + 200_000) JSON.parse('[{}, {}, {}]')
  tidy(looks)
  expect(young()).toBeLessThan(filled + 100_000)
  // What nobody holds is there until all garbage is collected.
  const garbage = async () => {
    const unheld = new WeakRef({})
    await sleep(1)
    return unheld
  }
  const growths: Buffer[] = []
  const grow = (megabytes: number) => growths.push(Buffer.alloc(megabytes * 1024 * 1024, 1))
  const unheld = await garbage()
  tidy(looks)
  expect(unheld.deref()).toBeDefined()
  await sleep(1)
  grow(32)
  tidy(looks)
  expect(unheld.deref()).toBeUndefined()
  expect(looks).toHaveBeenCalledTimes(4)
  const again = await garbage()
  grow(8)
  tidy(looks)
  expect(again.deref()).toBeDefined()
  await sleep(1)
  vi.advanceTimersByTime(20_000)
  tidy(looks)
  expect(again.deref()).toBeUndefined()
  const atOnce = await garbage()
  grow(32)
  tidy(looks)
  expect(atOnce.deref()).toBeUndefined()
  expect(growths.map((growth) => growth.at(-1))).toEqual([1, 1, 1])
  vi.useRealTimers()
})

describe('work that comes now and then', () => {
  setFlagsFromString('--allow-natives-syntax')
  const codeOf: (work: object) => number = new Function('work', 'return %GetOptimizationStatus(work)') as never
  let seen = 0
  /** A function that V8 has not seen, run until it is worth compiling, in pieces: V8 puts in place what a thread has compiled. */
  const isCompiled = async (run: (work: () => void) => void) => {
    const work = new Function('number', `return 2 * number + ${++seen}`) as (number: number) => number
    work(1)
    const before = codeOf(work)
    for (let piece = 0; piece < 5; piece++) {
      run(() => {
        for (let number = 0; number < 200_000; number++) work(number)
      })
      await sleep(1)
    }
    return codeOf(work) !== before
  }
  beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => vi.useRealTimers())

  test('is not compiled, and what comes after it is, also where it fails', async () => {
    const run = sparing()
    expect(await isCompiled(run)).toBe(false)
    expect(() =>
      run(() => {
        throw new Error('no kernel')
      }),
    ).toThrow('no kernel')
    expect(await isCompiled((work) => work())).toBe(true)
  })

  test('is compiled where it took long, until it is short again', async () => {
    const run = sparing()
    const takingLong = (work: () => void) =>
      run(() => {
        work()
        vi.advanceTimersByTime(11)
      })
    takingLong(() => {})
    expect(await isCompiled(takingLong)).toBe(true)
    run(() => {})
    expect(await isCompiled(run)).toBe(false)
  })
})
