// Makes package-lock.json anew, and whole. A registry may lack the optional packages of other platforms; npm then leaves
// them out of the lock file, and `npm ci` refuses it. Each is put in by name and version, to be skipped where it is not
// for the machine.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']
const processors = ['arm', 'arm64', 'ppc64', 's390x', 'wasm32', 'x64']

process.chdir(new URL('..', import.meta.url).pathname)
const { packages, ...lock } = resolve()
const missing = Object.entries(packages).flatMap(([path, entry]) => missingOf(path, entry))
const whole = Object.fromEntries([...Object.entries(packages), ...missing].sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync('package-lock.json', `${JSON.stringify({ ...lock, packages: whole }, undefined, 2)}\n`)
console.log(`package-lock.json: ${missing.length} packages of other platforms put in by hand`)

/** What npm makes of package.json in a folder without anything installed: it leaves out less there. */
function resolve() {
  const folder = mkdtempSync(join(tmpdir(), 'eni-routed-lock-'))
  try {
    for (const file of ['package.json', '.npmrc']) cpSync(file, join(folder, file))
    execFileSync('npm', ['install', '--package-lock-only', '--ignore-scripts'], { cwd: folder, stdio: 'inherit' })
    return JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function missingOf(path, { dev, optionalDependencies = {} }) {
  return Object.entries(optionalDependencies)
    .filter(([name]) => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`])
    .map(([name, version]) => [`node_modules/${name}`, entryOf(name, version, dev)])
}

function entryOf(name, version, dev) {
  const words = name.split(/[/-]/)
  const of = (known) => known.filter((word) => words.includes(word))
  return {
    version,
    ...(dev ? { dev } : {}),
    optional: true,
    ...(of(systems).length > 0 ? { os: of(systems) } : {}),
    ...(of(processors).length > 0 ? { cpu: of(processors) } : {}),
    ...(words.includes('musl') ? { libc: ['musl'] } : {}),
  }
}
