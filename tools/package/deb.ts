import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Architecture } from './architecture.ts'
import { debianChangelog, folded, releaseNotes } from './changelog.ts'
import { run } from './command.ts'
import type { Component } from './components.ts'
import { documentation } from './contents.ts'
import type { Origin } from './origin.ts'
import { type Entry, gzipped, installedSize, text, writeTree } from './tree.ts'

/**
 * Who answers for the package: whoever builds it, named as Debian's own tools have it (debchange(1)). The project has no mail
 * address; a domain that never is one (RFC 2606) says so, rather than somebody else's.
 */
const { DEBFULLNAME: fullName = 'eni-routed', DEBEMAIL: mail = 'nobody@eni-routed.invalid' } = process.env
export const maintainer = `${fullName} <${mail}>`
const scripts = ['postinst', 'prerm', 'postrm']
const overrides = 'usr/share/lintian/overrides/eni-routed'

/** Builds a .deb in `out` and returns its file name. `work` is an empty folder; `level` is xz's. */
export function buildDeb(
  origin: Origin,
  { deb }: Architecture,
  payload: { entries: readonly Entry[]; components: readonly Component[] },
  { work, out, level }: { work: string; out: string; level: number },
): string {
  const entries = [...payload.entries, ...debianFiles(origin, payload.components)]
  writeTree(work, entries, origin.epoch)
  writeControl(work, origin, deb, entries)
  const file = `${origin.name}_${origin.version}-${origin.release}_${deb}.deb`
  const compression = ['-Zxz', `-z${level}`, '--threads-max=2']
  run('dpkg-deb', [...compression, '--root-owner-group', '--build', work, join(out, file)], {
    SOURCE_DATE_EPOCH: String(origin.epoch),
  })
  return file
}

function debianFiles(origin: Origin, components: readonly Component[]): Entry[] {
  const notes = releaseNotes(readFileSync('CHANGELOG.md', 'utf8'), origin.version)
  return [
    gzipped(`${documentation}/changelog`, readFileSync('CHANGELOG.md', 'utf8')),
    gzipped(`${documentation}/changelog.Debian`, debianChangelog(origin, notes, maintainer)),
    text(`${documentation}/copyright`, copyright(components)),
    text(overrides, readFileSync('packaging/debian/lintian-overrides', 'utf8')),
  ]
}

function writeControl(root: string, origin: Origin, architecture: string, entries: readonly Entry[]): void {
  const folder = join(root, 'DEBIAN')
  mkdirSync(folder)
  const conffiles = entries.filter(({ path }) => path.startsWith('etc/')).map(({ path }) => `/${path}\n`)
  const sums = entries.flatMap((entry) =>
    'content' in entry && !entry.path.startsWith('etc/') ? [`${md5(entry.content)}  ${entry.path}\n`] : [],
  )
  const files: Record<string, string> = {
    control: control(origin, architecture, installedSize(entries)),
    conffiles: conffiles.join(''),
    md5sums: sums.join(''),
    triggers: 'activate-noawait /usr/lib/systemd/catalog\n',
    ...Object.fromEntries(scripts.map((script) => [script, readFileSync(`packaging/debian/${script}`, 'utf8')])),
  }
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content)
    chmodSync(join(folder, name), scripts.includes(name) ? 0o755 : 0o644)
    utimesSync(join(folder, name), origin.epoch, origin.epoch)
  }
  utimesSync(folder, origin.epoch, origin.epoch)
}

/** deb-control(5). Versions of the libraries: what Node was linked with. */
const control = ({ name, version, release, summary }: Origin, architecture: string, size: number): string =>
  `Package: ${name}
Version: ${version}-${release}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${size}
Pre-Depends: init-system-helpers (>= 1.54~)
Depends: libc6 (>= 2.28), libgcc-s1 (>= 3.4), libstdc++6 (>= 6), libsystemd0 (>= 240)
Suggests: iproute2, libnftables1
Section: net
Priority: optional
Description: policy routing for hosts with several EC2 network interfaces
 ${folded(`${summary}.`, 76).join('\n ')}
 .
 A daemon gives each interface a routing table and rules of its own, for
 IPv4 and IPv6, keeps them true whatever disturbs them, proves the outcome
 by asking the kernel, and writes down every change. With one interface it
 changes nothing.
 .
 It brings its own Node.js; nothing is fetched at installation.
`

/** The machine-readable form (DEP 5). The licences' texts are files of the package. */
const copyright = (components: readonly Component[]): string =>
  `${[
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: eni-routed',
    'Files: *\nCopyright: the authors of eni-routed\nLicense: Apache-2.0',
    'License: Apache-2.0\n On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.',
    ...components.map(
      ({ name, version, licence, authors }) =>
        `Comment: ${name} ${version} is inside. Copyright ${authors}. License: ${licence};\n its text is in /usr/share/licenses/eni-routed/${name.replace('/', '-')}.txt.`,
    ),
  ].join('\n\n')}\n`

const md5 = (content: string | Buffer): string => createHash('md5').update(content).digest('hex')
