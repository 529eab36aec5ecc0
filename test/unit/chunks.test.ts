import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Chunks } from '../../src/chunks.ts'

let folder: string
let chunks: Chunks
/** Chunks by name, and which others each of them needs. */
const needs = {
  'main.js': [],
  'daemon.js': ['common.js'],
  'common.js': [],
  'parser.js': ['schemas.js', 'common.js'],
  'schemas.js': ['library.js'],
  'library.js': [],
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'eni-routed-chunks-'))
  for (const [name, others] of Object.entries(needs)) {
    writeFileSync(join(folder, name), `exports.others = [${others.map((other) => `require('./${other}')`)}]`)
  }
  chunks = new Chunks(folder)
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Those of all chunks of which there is a new instance. */
function renewedBy(work: () => void): string[] {
  const names = ['daemon.js', 'parser.js', 'schemas.js', 'library.js', 'common.js']
  const before = names.map((name) => chunks.load(name))
  work()
  return names.filter((name, i) => chunks.load(name) !== before[i])
}

test('a chunk is loaded once', () => {
  expect(renewedBy(() => chunks.load('parser.js'))).toEqual([])
})

test('a chunk is forgotten with what was loaded for it, and nothing else', () => {
  expect(renewedBy(() => chunks.forget(chunks.load('parser.js')))).toEqual(['parser.js', 'schemas.js', 'library.js'])
})

test('nothing is forgotten for what no chunk exports', () => {
  expect(renewedBy(() => chunks.forget({}))).toEqual([])
})
