import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { demandJournal } from '../../../src/systemd/read-journal.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'eni-routed-journal-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

function journal(mode: number): void {
  mkdirSync(join(folder, 'machine'))
  writeFileSync(join(folder, 'machine/system.journal'), '')
  chmodSync(join(folder, 'machine/system.journal'), mode)
}

test('where no journal is kept, nothing is forbidden', () => {
  expect(() => demandJournal([folder, join(folder, 'nowhere')])).not.toThrow()
})

test.skipIf(process.getuid?.() === 0)('a journal that may not be read is told of, with what to do', () => {
  journal(0o000)
  expect(() => demandJournal([folder])).toThrow('sudo usermod -aG systemd-journal $USER')
})

test('a journal that may be read is no reason to complain', () => {
  journal(0o644)
  expect(() => demandJournal([folder])).not.toThrow()
})
