import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Architecture, architectures } from './architecture.ts'
import { releaseNotes } from './changelog.ts'
import { run } from './command.ts'
import { componentsOf, sha256 } from './components.ts'
import { contents } from './contents.ts'
import { buildDeb } from './deb.ts'
import { type Origin, origin } from './origin.ts'
import { buildRpm } from './rpm.ts'
import { sbom } from './sbom.ts'
import { buildTarball } from './tarball.ts'

/*
 * `npm run package`: every package of this commit, the same bytes each time. `--arch` and `--format` (deb, rpm, tar.gz)
 * choose some; `--release N` packages a version again; `--fast` compresses less, for tests; `--version V` is for a
 * rehearsal of an upgrade.
 */
const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'out' },
    arch: { type: 'string', multiple: true, default: architectures.map(({ node }) => node) },
    format: { type: 'string', multiple: true, default: ['deb', 'rpm', 'tar.gz'] },
    release: { type: 'string', default: '1' },
    version: { type: 'string' },
    fast: { type: 'boolean', default: false },
  },
})

const builders = { deb: debOf, rpm: rpmOf, 'tar.gz': tarballOf }

process.umask(0o022)
process.chdir(new URL('../..', import.meta.url).pathname)
const made = origin(options.release, options.version)
rmSync(options.out, { recursive: true, force: true })
mkdirSync(options.out, { recursive: true })
const files: string[] = []
const bundle = bundled(made)
try {
  for (const architecture of architectures.filter(({ node }) => options.arch.includes(node))) {
    files.push(...(await packagesOf(architecture)))
  }
} finally {
  rmSync(bundle, { recursive: true, force: true })
}
const notes = `RELEASE-NOTES-${made.version}.md`
write(notes, releaseNotes(readFileSync('CHANGELOG.md', 'utf8'), made.version))
const sums = [...files, notes].sort().map((file) => `${sha256(readFileSync(join(options.out, file)))}  ${file}\n`)
write('SHA256SUMS', sums.join(''))
process.stdout.write(sums.join(''))

/**
 * The program as it is shipped. Its folder lies beside the sources, which the source maps name by the way to them: they are
 * the same wherever the repository is.
 */
function bundled({ version, commit }: Origin): string {
  const folder = mkdtempSync('dist-package-')
  const env = { ENI_ROUTED_VERSION: version, ENI_ROUTED_COMMIT: commit, ENI_ROUTED_DIST: folder }
  run('node_modules/.bin/rolldown', ['--config', 'rolldown.config.ts'], env)
  return folder
}

async function packagesOf(architecture: Architecture): Promise<string[]> {
  const components = componentsOf(architecture, bundle)
  const entries = await contents(made, architecture, bundle, components)
  const document = `${made.name}-${made.version}-linux-${architecture.node}.cdx.json`
  write(document, sbom(made, architecture, components))
  const packages = Object.entries(builders)
    .filter(([format]) => options.format.includes(format))
    .map(([, build]) => inWorkFolder((work) => build(architecture, { entries, components }, work)))
  return [...packages, document]
}

type Payload = Parameters<typeof buildDeb>[2]

function debOf(architecture: Architecture, payload: Payload, work: string): string {
  return buildDeb(made, architecture, payload, { work, out: options.out, level: options.fast ? 0 : 6 })
}

function rpmOf(architecture: Architecture, { entries }: Payload, work: string): string {
  return buildRpm(made, architecture, entries, { work, out: options.out, level: options.fast ? 0 : 6 })
}

function tarballOf(architecture: Architecture, { entries }: Payload, work: string): string {
  return buildTarball(made, architecture, entries, { work, out: options.out, level: options.fast ? 1 : 9 })
}

function inWorkFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'eni-routed-package-'))
  try {
    return work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function write(file: string, content: string): void {
  writeFileSync(join(options.out, file), content)
}
