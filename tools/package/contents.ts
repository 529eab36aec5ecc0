import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Architecture } from './architecture.ts'
import { completions } from './completion.ts'
import type { Component } from './components.ts'
import { configurationPage, programPage } from './manual.ts'
import type { Origin } from './origin.ts'
import { fetchPackage, strippedNode } from './registry.ts'
import { sbom } from './sbom.ts'
import { copy, type Entry, gzipped, text } from './tree.ts'

export const home = 'usr/lib/eni-routed'
export const documentation = 'usr/share/doc/eni-routed'
const licences = 'usr/share/licenses/eni-routed'

/** Files of the repository that are installed as they are. */
export const asTheyAre: Readonly<Record<string, string>> = {
  'systemd/eni-routed.service': 'usr/lib/systemd/system/eni-routed.service',
  'systemd/eni-routed.catalog': 'usr/lib/systemd/catalog/eni-routed.catalog',
  'systemd/networkd/10-eni-routed.conf': 'usr/lib/systemd/networkd.conf.d/10-eni-routed.conf',
  'systemd/rt_protos.d/eni-routed.conf': 'etc/iproute2/rt_protos.d/eni-routed.conf',
  'systemd/newer-systemd.conf': `${documentation}/examples/newer-systemd.conf`,
  'packaging/config.toml': 'etc/eni-routed/config.toml',
  'README.md': `${documentation}/README.md`,
  'packaging/prometheus/alerts.yml': `${documentation}/examples/alerts.yml`,
  'packaging/grafana/dashboard.json': `${documentation}/examples/dashboard.json`,
}

/** What every kind of package installs, in the order of the paths. */
export async function contents(
  origin: Origin,
  architecture: Architecture,
  bundle: string,
  components: readonly Component[],
): Promise<Entry[]> {
  const entries = [
    ...program(bundle),
    ...runtime(architecture),
    ...Object.entries(asTheyAre).map(([source, path]) => copy(path, source)),
    gzipped('usr/share/man/man8/eni-routed.8', await programPage(origin)),
    gzipped('usr/share/man/man5/eni-routed.toml.5', configurationPage(origin)),
    ...(await completions(origin)),
    text(`${documentation}/sbom.cdx.json`, sbom(origin, architecture, components)),
    copy(`${licences}/LICENSE`, 'LICENSE'),
    ...components.map(({ name, licenceText }) => text(`${licences}/${name.replace('/', '-')}.txt`, licenceText)),
  ]
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/**
 * /usr/bin/eni-routed is the bundle itself, whose first line names our own Node: no shell between, and people find the
 * process by the name that they typed.
 */
function program(bundle: string): Entry[] {
  const files = readdirSync(bundle).filter((file) => file !== 'main.js')
  const main = readFileSync(join(bundle, 'main.js'), 'utf8')
  if (!main.startsWith('#!/usr/bin/env node\n')) {
    throw new Error('the bundle does not begin with "#!/usr/bin/env node", as src/main.ts does')
  }
  return [
    { path: 'usr/bin/eni-routed', target: '../lib/eni-routed/main.js' },
    { path: `${home}/main.js`, content: main.replace('/usr/bin/env node', `/${home}/node`), mode: 0o755 },
    ...files.map((file) => copy(`${home}/${file}`, join(bundle, file))),
  ]
}

/** Node and koffi's binary for glibc, found by src/koffi.ts. */
function runtime(architecture: Architecture): Entry[] {
  const { node } = architecture
  const koffi = `@koromix/koffi-linux-${node}`
  const { folder } = fetchPackage(koffi)
  const binary = `linux_${node}/koffi.node`
  return [
    copy(`${home}/node`, strippedNode(fetchPackage(`node-linux-${node}`), architecture), 0o755),
    ...['package.json', 'index.js', binary].map((file) =>
      copy(`${home}/node_modules/${koffi}/${file}`, join(folder, file)),
    ),
  ]
}
