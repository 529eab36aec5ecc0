import type { Architecture } from './architecture.ts'
import { type Component, sha256 } from './components.ts'
import type { Origin } from './origin.ts'

/** A CycloneDX 1.5 document of what a package of this architecture holds. */
export function sbom(origin: Origin, { node }: Architecture, components: readonly Component[]): string {
  const { name, version, commit, epoch } = origin
  const ref = `pkg:generic/${name}@${version}?arch=${node}`
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: `urn:uuid:${uuid(`${ref} ${commit}`)}`,
    version: 1,
    metadata: {
      timestamp: new Date(epoch * 1000).toISOString(),
      component: {
        type: 'application',
        'bom-ref': ref,
        name,
        version,
        licenses: [{ license: { id: 'Apache-2.0' } }],
        purl: ref,
        properties: [{ name: 'eni-routed:commit', value: commit }],
      },
    },
    components: components.map(entry),
    dependencies: [{ ref, dependsOn: components.map(purl) }],
  }
  return `${JSON.stringify(document, undefined, 2)}\n`
}

function entry(component: Component) {
  const { name, version, licence, integrity } = component
  const isNode = name.startsWith('node-linux-')
  return {
    type: isNode ? 'platform' : 'library',
    'bom-ref': purl(component),
    name,
    version,
    licenses: [/[ ()]/.test(licence) ? { expression: licence } : { license: { id: licence } }],
    purl: purl(component),
    hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex') }],
    ...(isNode ? { cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:lts:*:*:*`, components: nodeParts() } : {}),
  }
}

/** What Node is linked with, by the Node that builds, which is of the same version: OpenSSL's faults are found by it. */
const nodeParts = () =>
  Object.entries(process.versions)
    .filter(([name, version]) => version && !['node', 'modules', 'napi', 'unicode', 'cldr', 'tz'].includes(name))
    .map(([name, version]) => ({ type: 'library', name, version }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))

const purl = ({ name, version }: Component): string => `pkg:npm/${name.replace('@', '%40')}@${version}`

/** A UUID of version 8 (RFC 9562): the same for the same text. */
function uuid(text: string): string {
  const hex = sha256(text)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
