import { globSync, lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Files } from '../files.ts'

/** Bytes; nothing that is looked for stands further on. */
const longest = 1_000_000

export interface FilesRead {
  readonly files: Files
  /** ctime in ms: a package keeps the mtime of its build. */
  readonly changedAt: ReadonlyMap<string, number>
  /** Paths that are there and may not be read. */
  readonly denied: readonly string[]
}

/** Reads the files that the globs name under `root`; those of /proc under `proc`. Directories are passed over. */
export function readFiles(globs: readonly string[], { root, proc }: { root: string; proc: string }): FilesRead {
  const files = new Map<string, string>()
  const changedAt = new Map<string, number>()
  const denied: string[] = []
  for (const glob of new Set(globs)) {
    const [base, pattern] = glob.startsWith('proc/') ? [proc, glob.slice('proc/'.length)] : [root, glob]
    for (const match of globSync(pattern, { cwd: base }).sort()) {
      const path = join(glob.startsWith('proc/') ? '/proc' : '/', match)
      try {
        const text = readWithin(root, join(base, match))
        if (text !== undefined) {
          files.set(path, text)
          changedAt.set(path, lstatSync(join(base, match)).ctimeMs)
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EACCES') denied.push(path)
      }
    }
  }
  return { files, changedAt, denied }
}

/** A link's absolute target lies under the root, too. One that leads nowhere is a file all the same: an enabled unit. */
function readWithin(root: string, path: string): string | undefined {
  if (lstatSync(path).isSymbolicLink()) {
    const target = readlinkSync(path)
    if (target === '/dev/null') return ''
    const real = target.startsWith('/') ? join(root, target) : resolve(dirname(path), target)
    try {
      return readFileSync(real, 'utf8').slice(0, longest)
    } catch {
      return ''
    }
  }
  return lstatSync(path).isFile() ? readFileSync(path, 'utf8').slice(0, longest) : undefined
}
