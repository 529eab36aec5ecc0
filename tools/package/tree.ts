import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { constants, gzipSync } from 'node:zlib'
import { run } from './command.ts'

/** One file of a package. The path has no leading slash. */
export type Entry = { readonly path: string } & (
  | { readonly content: string | Buffer; readonly mode?: number }
  | { readonly target: string }
)

export const text = (path: string, content: string): Entry => ({ path, content })

export const copy = (path: string, source: string, mode = 0o644): Entry => ({
  path,
  content: readFileSync(source),
  mode,
})

/** Without a time or a name inside: the same bytes for the same text. */
export const gzipped = (path: string, content: string): Entry => ({
  path: `${path}.gz`,
  content: gzipSync(content, { level: constants.Z_BEST_COMPRESSION }),
})

/** Writes the files under an empty folder: owner and time are those of every build of the commit. */
export function writeTree(root: string, entries: readonly Entry[], epoch: number): void {
  for (const entry of entries) {
    const path = join(root, entry.path)
    mkdirSync(dirname(path), { recursive: true })
    if ('target' in entry) {
      symlinkSync(entry.target, path)
    } else {
      writeFileSync(path, entry.content)
      chmodSync(path, entry.mode ?? 0o644)
      utimesSync(path, epoch, epoch)
    }
  }
  for (const folder of foldersOf(root)) {
    chmodSync(folder, 0o755)
    utimesSync(folder, epoch, epoch)
  }
  run('find', [root, '-type', 'l', '-exec', 'touch', '--no-dereference', `--date=@${epoch}`, '{}', '+'])
}

/** Deepest first: a folder's time changes with what is put into it. */
function foldersOf(root: string): string[] {
  const inner = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return [...inner.flatMap(({ name }) => foldersOf(join(root, name))), root]
}

/** kB that the files take, as dpkg counts them (deb-control(5), Installed-Size). */
export const installedSize = (entries: readonly Entry[]): number =>
  entries.reduce((sum, entry) => sum + Math.ceil(('content' in entry ? entry.content.length : 1) / 1024), 0)
