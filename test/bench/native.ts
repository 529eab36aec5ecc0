import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { guard } from '../../src/lab/cleanup.ts'

/** Why an item can't be measured on this machine, and what would help. */
export class NotHere extends Error {}

const compiled = new Map<string, string>()
let folder: string | undefined

/** The yardsticks in C (native/NAME.c), compiled once a run; resolves to the program's path. @throws {NotHere} */
export function native(name: 'floor' | 'blast' | 'lookup'): string {
  const known = compiled.get(name)
  if (known) {
    return known
  }
  const file = join(folderOfRun(), name)
  try {
    const source = fileURLToPath(new URL(`native/${name}.c`, import.meta.url))
    execFileSync('cc', ['-O2', '-o', file, source], { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    throw new NotHere(`no C compiler (${(error as Error).message.split('\n')[0]}): apt-get install gcc libc6-dev`)
  }
  compiled.set(name, file)
  return file
}

/** For files of this run; it goes with the process. */
export function folderOfRun(): string {
  if (!folder) {
    const made = mkdtempSync(join(tmpdir(), 'eni-routed-bench-'))
    guard(() => rmSync(made, { recursive: true, force: true }))
    folder = made
  }
  return folder
}
