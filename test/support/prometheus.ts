import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { environment, run } from '../../src/lab/command.ts'
import { cacheFolder } from './guest-image.ts'

/** Programs of Debian's packages; they are unpacked, not installed: an installed one would start services here. */
const packages = {
  prometheus: 'prometheus',
  promtool: 'prometheus',
  'prometheus-node-exporter': 'prometheus-node-exporter',
}
export type Tool = keyof typeof packages

/**
 * Paths of the programs, fetched with apt-get when they are first asked for (23 MB); undefined where that can't be done,
 * for a test that is to be skipped then.
 */
export async function prometheusTools(): Promise<Readonly<Record<Tool, string>> | undefined> {
  const names = Object.keys(packages) as Tool[]
  const installed = names.map((name) => find(name, environment.PATH?.split(delimiter) ?? []))
  const folder = join(cacheFolder, 'prometheus')
  if (installed.includes(undefined) && !existsSync(folder) && !(await fetchInto(folder))) {
    return undefined
  }
  const paths = names.map((name, i) => [name, installed[i] ?? join(folder, 'usr/bin', name)])
  return Object.fromEntries(paths) as Record<Tool, string>
}

const find = (name: string, folders: readonly string[]): string | undefined =>
  folders.map((folder) => join(folder, name)).find((path) => existsSync(path))

/** Beside it first, so that a run that was cut short leaves nothing that looks whole. */
async function fetchInto(folder: string): Promise<boolean> {
  await run('mkdir', ['-p', cacheFolder])
  const unfinished = mkdtempSync(`${folder}.`)
  try {
    await download(unfinished)
    for (const archive of readdirSync(unfinished).filter((file) => file.endsWith('.deb'))) {
      await run('dpkg-deb', ['-x', join(unfinished, archive), unfinished])
      rmSync(join(unfinished, archive))
    }
    renameSync(unfinished, folder)
    return true
  } catch {
    return existsSync(folder)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

/** A fresh machine may have no lists of packages yet. */
async function download(folder: string): Promise<void> {
  const wanted = [...new Set(Object.values(packages))]
  const get = () => run('env', ['-C', folder, 'apt-get', 'download', '-q', ...wanted])
  await get().catch(async () => {
    await run('apt-get', ['update', '-qq'])
    await get()
  })
}
