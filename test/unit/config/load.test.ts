import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { defaults } from '../../../src/config/defaults.ts'
import { ConfigError } from '../../../src/config/fault.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { parseConfig } from '../../../src/config/parse.ts'

describe('loadConfig', () => {
  const directory = mkdtempSync(join(tmpdir(), 'eni-routed-test-'))
  afterAll(() => rmSync(directory, { recursive: true }))

  test('reads a file', async () => {
    const file = join(directory, 'config.toml')
    writeFileSync(file, '[log]\nlevel = "debug"\n')
    expect((await loadConfig(file)).log.level).toBe('debug')
  })

  test.each([
    {
      name: 'that does not exist',
      file: `${directory}/none.toml`,
      why: 'there is no such file; create it or leave out --config for the defaults',
    },
    { name: 'that is a directory', file: directory, why: 'it is a directory; name the file in it' },
    { name: 'behind what is no directory', file: '/etc/passwd/config.toml', why: 'ENOTDIR' },
  ])('refuses a file $name', async ({ file, why }) => {
    await expect(loadConfig(file)).rejects.toThrow(new ConfigError([{ file, problem: `cannot be read: ${why}` }]))
  })

  const pipe = join(directory, 'pipe')
  const large = join(directory, 'large.toml')
  const binary = join(directory, 'binary.toml')
  execFileSync('mkfifo', [pipe])
  writeFileSync(large, `# ${'x'.repeat(1 << 20)}`)
  writeFileSync(binary, Uint8Array.of(0x5b, 0xff, 0xfe, 0x00, 0x5d, 0x0a))
  test.each([
    { name: 'that is a pipe nobody writes to', file: pipe, why: 'it is no regular file' },
    { name: 'that never ends', file: '/dev/zero', why: 'it is no regular file' },
    { name: 'of more than a MiB', file: large, why: 'it has 1048578 bytes, and a configuration at most 1048576' },
    { name: 'that is no text', file: binary, why: 'it is not UTF-8 text' },
  ])('refuses a file $name, and does not hang', async ({ file, why }) => {
    await expect(loadConfig(file)).rejects.toThrow(`${file}: cannot be read: ${why}`)
  })
})

test('the defaults without a file are those of an empty file', () => {
  expect(defaults).toEqual(parseConfig('', 'empty.toml'))
})
