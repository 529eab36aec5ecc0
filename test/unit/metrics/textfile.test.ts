import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Textfile } from '../../../src/metrics/textfile.ts'
import { memoryLog } from '../../support/fake-kernel-log.ts'

let folder: string
let file: string
beforeEach(() => {
  vi.useFakeTimers()
  folder = mkdtempSync(join(tmpdir(), 'eni-routed-textfile-'))
  file = join(folder, 'eni-routed.prom')
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(folder, { recursive: true })
})

test('is written once for many touches, and not without one', () => {
  const text = vi.fn(() => 'x 1\n')
  const textfile = new Textfile(file, text, memoryLog().log)
  vi.advanceTimersByTime(60_000)
  expect(text).not.toHaveBeenCalled()
  for (let i = 0; i < 100; i++) textfile.touch()
  vi.advanceTimersByTime(60_000)
  expect(text).toHaveBeenCalledTimes(1)
  expect(readFileSync(file, 'utf8')).toBe('x 1\n')
})

test('can be read by the collector, another user, whatever the umask', () => {
  const before = process.umask(0o077)
  try {
    const textfile = new Textfile(file, () => 'x 1\n', memoryLog().log)
    textfile.touch()
    vi.advanceTimersByTime(1_000)
    expect(statSync(file).mode & 0o777).toBe(0o644)
  } finally {
    process.umask(before)
  }
})

test('is never half a file, and leaves nothing beside it', () => {
  const seen: (string | undefined)[] = []
  const textfile = new Textfile(
    file,
    () => {
      seen.push(existsSync(file) ? readFileSync(file, 'utf8') : undefined)
      return `x ${seen.length}\n`
    },
    memoryLog().log,
  )
  for (let i = 0; i < 3; i++) {
    textfile.touch()
    vi.advanceTimersByTime(1_000)
  }
  expect(seen).toEqual([undefined, 'x 1\n', 'x 2\n'])
  expect(readdirSync(folder)).toEqual(['eni-routed.prom'])
  textfile.touch()
  textfile.remove()
  vi.advanceTimersByTime(10_000)
  expect(readdirSync(folder)).toEqual([])
})
