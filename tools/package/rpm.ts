import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Architecture } from './architecture.ts'
import { releaseNotes, rpmChangelog } from './changelog.ts'
import { run } from './command.ts'
import { home } from './contents.ts'
import { maintainer } from './deb.ts'
import type { Origin } from './origin.ts'
import { type Entry, writeTree } from './tree.ts'

/** Builds an .rpm in `out` and returns its file name. `work` is an empty folder; `level` is xz's. */
export function buildRpm(
  origin: Origin,
  { rpm }: Architecture,
  entries: readonly Entry[],
  { work, out, level }: { work: string; out: string; level: number },
): string {
  const root = join(work, 'payload')
  mkdirSync(root)
  writeTree(root, entries.map(asRpmHasIt), origin.epoch)
  const spec = join(work, 'eni-routed.spec')
  writeFileSync(spec, specification(origin, entries))
  const defines = Object.entries({
    _topdir: work,
    _rpmdir: work,
    _dbpath: join(work, 'db'),
    payload_root: root,
    package_version: origin.version,
    package_release: origin.release,
    _binary_payload: `w${level}T2.xzdio`,
    // Nothing of the machine that builds gets in.
    _buildhost: 'localhost',
    use_source_date_epoch_as_buildtime: '1',
    clamp_mtime_to_source_date_epoch: '1',
    source_date_epoch_from_changelog: '0',
    // The files are as they are to be: neither stripped nor searched, and of another processor perhaps.
    __os_install_post: '%{nil}',
    debug_package: '%{nil}',
    _build_id_links: 'none',
  }).flatMap(([name, value]) => ['--define', `${name} ${value}`])
  run('rpmbuild', ['-bb', '--quiet', `--target=${rpm}-linux`, ...defines, spec], {
    SOURCE_DATE_EPOCH: String(origin.epoch),
  })
  const file = readdirSync(join(work, rpm))[0]!
  renameSync(join(work, rpm, file), join(out, file))
  return file
}

/** RPM's distributions look for zsh's completions elsewhere. */
const asRpmHasIt = (entry: Entry): Entry => ({ ...entry, path: rpmPath(entry.path) })
const rpmPath = (path: string): string => path.replace('zsh/vendor-completions', 'zsh/site-functions')

/** What %post writes: RPM takes it away with the package. */
const made = `%ghost %attr(0644, root, root) /${home}/program.compiled\n`

function specification(origin: Origin, entries: readonly Entry[]): string {
  const changelog = readFileSync('CHANGELOG.md', 'utf8')
  return [
    readFileSync('packaging/rpm/eni-routed.spec', 'utf8'),
    `%files\n${fileList(entries)}${made}`,
    `%changelog\n${rpmChangelog(origin, releaseNotes(changelog, origin.version), maintainer)}`,
  ].join('\n')
}

/** Folders of our own are listed too, so that they go with the package. */
function fileList(entries: readonly Entry[]): string {
  const paths = entries.map(({ path }) => `/${rpmPath(path)}`)
  const folders = paths.flatMap((path) => {
    const parts = path.split('/')
    return parts.flatMap((part, i) => (i < parts.length - 1 && part === 'eni-routed' ? [parts.slice(0, i + 1)] : []))
  })
  const own = [...new Set(folders.map((parts) => parts.join('/')))].sort()
  const below = paths
    .flatMap((path) => ancestors(path))
    .filter((folder) => own.some((parent) => folder.startsWith(`${parent}/`)))
  const lines = [
    ...[...new Set([...own, ...below])].sort().map((folder) => `%dir ${folder}`),
    ...paths.map((path) => `${attribute(path)}${path}`),
  ]
  return `${lines.join('\n')}\n`
}

function ancestors(path: string): string[] {
  const parent = path.slice(0, path.lastIndexOf('/'))
  return parent === '' ? [] : [parent, ...ancestors(parent)]
}

function attribute(path: string): string {
  if (path.startsWith('/etc/')) {
    return '%config(noreplace) '
  }
  if (path.startsWith('/usr/share/licenses/')) {
    return '%license '
  }
  return /^\/usr\/share\/(doc|man)\//.test(path) ? '%doc ' : ''
}
