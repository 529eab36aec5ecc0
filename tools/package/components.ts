import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Architecture } from './architecture.ts'
import { fetchPackage } from './registry.ts'

/** Somebody else's work inside the package. */
export interface Component {
  readonly name: string
  readonly version: string
  /** An SPDX expression. */
  readonly licence: string
  readonly licenceText: string
  /** As package-lock.json has it. */
  readonly integrity: string
  readonly authors: string
}

interface Manifest {
  readonly version: string
  readonly license: string
  readonly author?: string | { readonly name: string }
}

/** Node and koffi as they are shipped, and the npm packages whose code the bundle holds. */
export const componentsOf = ({ node }: Architecture, bundle: string): Component[] => [
  fetched(`node-linux-${node}`),
  fetched(`@koromix/koffi-linux-${node}`, 'node_modules/koffi'),
  ...bundledPackages(bundle).map(installed),
]

/** What the source map names is what the bundle is made of. */
export function bundledPackages(folder: string): string[] {
  const maps = readdirSync(folder).filter((file) => file.endsWith('.map'))
  const sources = maps.flatMap((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')).sources as string[])
  const names = sources.flatMap((source) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1] ?? [])
  return [...new Set(names)].sort()
}

/** The licence may lie in another folder: koffi's packages of one processor come without. */
function fetched(name: string, licenceFolder?: string): Component {
  const { folder, integrity } = fetchPackage(name)
  return { name, ...described(folder, licenceFolder), integrity }
}

function installed(name: string): Component {
  const folder = join('node_modules', name)
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages[folder] as { integrity: string }
  return { name, ...described(folder), integrity: lock.integrity }
}

function described(folder: string, licenceFolder = folder): Omit<Component, 'name' | 'integrity'> {
  const { version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  const file = readdirSync(licenceFolder).find((entry) => /^licen[cs]e/i.test(entry))
  if (!file) {
    throw new Error(`${licenceFolder} has no licence to ship`)
  }
  const licenceText = readFileSync(join(licenceFolder, file), 'utf8')
  return { version, licence: license, licenceText, authors: authorsOf(licenceText, author) }
}

function authorsOf(licenceText: string, author: Manifest['author']): string {
  const named = /^\s*Copyright (?:\(c\)|©)?\s*(.*\S)/im.exec(licenceText)?.[1]
  return named ?? (typeof author === 'string' ? author : author?.name) ?? 'see its licence'
}

export const sha256 = (bytes: string | NodeJS.ArrayBufferView): string =>
  createHash('sha256').update(bytes).digest('hex')
