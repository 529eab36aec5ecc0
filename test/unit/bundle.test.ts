import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

describe('what the daemon loads before it is ready', () => {
  // In the package's own folder, where the bundler is found.
  const folder = mkdtempSync('dist-test-')
  beforeAll(() => execFileSync('node_modules/.bin/rolldown', ['--config', 'rolldown.config.ts', '--dir', folder]))
  afterAll(() => rmSync(folder, { recursive: true }))

  /** The chunks that requiring one loads, itself among them. */
  function loaded(file: string, seen = new Set<string>()): Set<string> {
    if (!seen.has(file)) {
      seen.add(file)
      const required = readFileSync(join(folder, file), 'utf8').matchAll(/^(?:const|let).* = require\("\.\/(.+?)"\)/gm)
      for (const [, other] of required) loaded(other as string, seen)
    }
    return seen
  }

  test('is neither zod nor the parser of the command line', () => {
    const run = readdirSync(folder).find((file) => /^run-.*\.js$/.test(file)) as string
    const files = [...loaded(run), ...loaded('program.js')]
    expect(files.length).toBeGreaterThan(5)
    expect(files.filter((file) => /^(zod|parser)/.test(file))).toEqual([])
  })
})
