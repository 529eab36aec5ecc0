import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Architecture } from './architecture.ts'
import { run } from './command.ts'

/** Not in the repository, and of the same life as what npm installs. */
const cache = 'node_modules/.cache/eni-routed-package'

export interface Fetched {
  readonly version: string
  /** `sha512-…`, as package-lock.json has it. */
  readonly integrity: string
  readonly folder: string
}

/** A package of another processor: npm installs those of this one alone. Its archive is the one that the lock file names. */
export function fetchPackage(name: string): Fetched {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { version: string; integrity?: string }>
  }
  const { version, integrity } = lock.packages[`node_modules/${name}`] ?? {}
  if (!version || !integrity) {
    throw new Error(`package-lock.json has no checksum of ${name}; run: npm run lock`)
  }
  const folder = join(cache, `${name.replace('/', '-')}-${version}-${fileName(integrity)}`)
  if (!existsSync(folder)) {
    unpackInto(folder, `${name}@${version}`, integrity)
  }
  return { version, integrity, folder }
}

/** Node without its symbols, which are 18 MB; V8 and native modules do not look at them, and `dlopen` has a table of its own. */
export function strippedNode(runtime: Fetched, { binutils }: Architecture): string {
  const file = join(runtime.folder, 'node.stripped')
  if (!existsSync(file)) {
    run(`${binutils}-strip`, ['--strip-all', '-o', `${file}.${process.pid}`, join(runtime.folder, 'bin/node')])
    renameSync(`${file}.${process.pid}`, file)
  }
  return file
}

function unpackInto(folder: string, spec: string, integrity: string): void {
  mkdirSync(cache, { recursive: true })
  const temporary = mkdtempSync(join(cache, 'fetch-'))
  try {
    run('npm', ['pack', spec, '--silent', '--pack-destination', temporary])
    const archive = join(temporary, readdirSync(temporary)[0]!)
    const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`
    if (found !== integrity) {
      throw new Error(`${spec}: the registry's archive has ${found}, and package-lock.json wants ${integrity}`)
    }
    run('tar', ['-xzf', archive, '-C', temporary])
    renameSync(join(temporary, 'package'), folder)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

const fileName = (integrity: string): string => createHash('sha256').update(integrity).digest('hex').slice(0, 12)
