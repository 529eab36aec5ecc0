import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CompiledCode, writeCompiled } from '../../src/compiled-code.ts'

let folder: string
let file: string
let program: string
const chunk = (text: string, code: string) => ({ text: Buffer.from(text), code: Buffer.from(code) })
const chunks = new Map([
  ['a.js', chunk('text of a', 'CODE-OF-A')],
  ['b.js', chunk('the text of b', 'CODE-OF-B-WHICH-IS-LONGER')],
])

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'eni-routed-compiled-'))
  file = join(folder, 'program.compiled')
  program = join(folder, 'main.js')
  writeFileSync(program, '')
  writeCompiled(file, chunks)
})
afterEach(() => rmSync(folder, { recursive: true }))

/** The code of a chunk, by the file as it is now. */
function find(name: string, text: string): string | undefined {
  const compiled = new CompiledCode(file, program)
  try {
    return compiled.find(name, Buffer.from(text))?.toString()
  } finally {
    compiled.close()
  }
}

describe('compiled code', () => {
  test('is found by the name and the text of its chunk', () => {
    expect(find('a.js', 'text of a')).toBe('CODE-OF-A')
    expect(find('b.js', 'the text of b')).toBe('CODE-OF-B-WHICH-IS-LONGER')
    expect(find('c.js', 'whatever')).toBeUndefined()
  })

  test('is not found for another text, of the same length', () => {
    expect(() => find('a.js', 'text of z')).toThrow(`${file} was made of another a.js`)
  })

  test('is not used with any byte of it wrong, wherever that is', () => {
    const whole = readFileSync(file)
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 0x01
      writeFileSync(file, damaged)
      for (const [name, { text, code }] of chunks) {
        let found: string | undefined
        try {
          found = find(name, text.toString())
        } catch {
          // As it should be.
        }
        expect([undefined, code.toString()], `byte ${at}`).toContain(found)
      }
    }
  })

  test('is not used where the file was cut off, anywhere', () => {
    const whole = readFileSync(file)
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(file, whole.subarray(0, length))
      expect(() => find('b.js', 'the text of b'), `${length} bytes`).toThrow()
    }
  })

  test.each([
    { name: 'nothing', content: '' },
    { name: 'zeros', content: '\0'.repeat(10_000) },
    { name: 'a number', content: '7\n' },
    { name: 'null', content: 'null\n' },
    { name: 'other JSON', content: '{"runtime":[],"chunks":{}}\n' },
    { name: 'numbers of no use', content: `{"chunks":[["a.js",-5,1e99],["b.js",null,{}]]}\n${'x'.repeat(200)}` },
  ])('is not used where the file holds $name', ({ content }) => {
    const runtime = JSON.parse(readFileSync(file, 'latin1').split('\n')[0]!).runtime
    writeFileSync(file, content.replace('{"chunks"', `{"runtime":${JSON.stringify(runtime)},"chunks"`))
    expect(() => find('a.js', 'text of a')).toThrow()
  })

  test('of another Node is not used', () => {
    writeFileSync(file, readFileSync(file, 'latin1').replace(/Node v\d+/, 'Node v1'), 'latin1')
    expect(() => find('a.js', 'text of a')).toThrow(/was made by Node v1\..*, and this is Node v/)
  })

  test.each([0o664, 0o646])('that others may write (%o) is not used', (mode) => {
    chmodSync(file, mode)
    expect(() => find('a.js', 'text of a')).toThrow(/may be written by others/)
  })

  test('is readable for all and writable for its owner alone, whatever the umask is', () => {
    const before = process.umask(0o077)
    writeCompiled(file, chunks)
    process.umask(0)
    writeCompiled(join(folder, 'other'), chunks)
    process.umask(before)
    expect(statSync(file).mode & 0o777).toBe(0o644)
    expect(statSync(join(folder, 'other')).mode & 0o777).toBe(0o644)
  })

  test('replaces what was there as a whole: who has the old file open reads it to its end', () => {
    const old = new CompiledCode(file, program)
    writeCompiled(file, new Map([['a.js', chunk('text of a', 'NEW-CODE-OF-A')]]))
    expect(old.find('b.js', Buffer.from('the text of b'))?.toString()).toBe('CODE-OF-B-WHICH-IS-LONGER')
    old.close()
    expect(find('a.js', 'text of a')).toBe('NEW-CODE-OF-A')
  })

  test('leaves nothing behind where it can not be written', () => {
    rmSync(file)
    const taken = join(folder, 'taken')
    writeCompiled(join(folder, 'x'), chunks)
    expect(() => writeCompiled(join(folder, 'no such folder', 'x'), chunks)).toThrow(/ENOENT/)
    expect(existsSync(taken)).toBe(false)
    expect(readdirSync(folder).sort()).toEqual(['main.js', 'x'])
  })

  test('that is not there is told so', () => {
    rmSync(file)
    expect(() => find('a.js', 'text of a')).toThrow(/^ENOENT: .*program\.compiled/)
  })
})
