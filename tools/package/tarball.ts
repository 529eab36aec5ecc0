import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Architecture } from './architecture.ts'
import { run } from './command.ts'
import type { Origin } from './origin.ts'
import { type Entry, writeTree } from './tree.ts'

/** Builds a .tar.gz in `out` and returns its file name: unpacked at / it is what the other packages install. */
export function buildTarball(
  origin: Origin,
  { node }: Architecture,
  entries: readonly Entry[],
  { work, out, level }: { work: string; out: string; level: number },
): string {
  const folder = `${origin.name}-${origin.version}-linux-${node}`
  mkdirSync(join(work, folder))
  writeTree(join(work, folder), entries, origin.epoch)
  const file = `${folder}.tar.gz`
  const same = ['--sort=name', '--format=gnu', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${origin.epoch}`]
  run('tar', [`--use-compress-program=gzip -n${level}`, '-cf', join(out, file), ...same, '-C', work, folder])
  return file
}
