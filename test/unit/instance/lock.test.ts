import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { leftBehind, lockHolder, lockNamespace } from '../../../src/instance/lock.ts'

let folder: string
const file = () => join(folder, readdirSync(folder)[0] as string)
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'eni-routed-lock-'))
  vi.stubEnv('RUNTIME_DIRECTORY', folder)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

test('is held until it is given back, and leaves nothing behind', () => {
  const unlock = lockNamespace()
  expect(lockHolder()).toBe(process.pid)
  expect(() => lockNamespace()).toThrow(`already runs in this network namespace as process ${process.pid}`)
  unlock()
  expect(lockHolder()).toBeUndefined()
  expect(leftBehind()).toBeUndefined()
  expect(readdirSync(folder)).toEqual([])
})

test('nobody else can open the file: that would be enough to lock it', () => {
  const unlock = lockNamespace()
  expect(statSync(file()).mode & 0o777).toBe(0o600)
  unlock()
})

test('a daemon whose folder was taken away ends as it should', () => {
  const unlock = lockNamespace()
  rmSync(folder, { recursive: true })
  unlock()
  expect(existsSync(folder)).toBe(false)
})

test("a daemon whose file was taken away does not take the next one's", () => {
  const first = lockNamespace()
  rmSync(file())
  const second = lockNamespace()
  first()
  expect(lockHolder()).toBe(process.pid)
  second()
  expect(readdirSync(folder)).toEqual([])
})

test('what died without a word is known by its file', () => {
  const unlock = lockNamespace()
  const name = file()
  unlock()
  writeFileSync(name, '4711\n')
  expect(lockHolder()).toBeUndefined()
  expect(leftBehind()).toBe(4711)
  closeSync(openSync(name, 'r'))
})
