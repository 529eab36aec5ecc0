// Prepares a fresh clone for `npm start`, `npm run demo` or `npm test`. Plain JavaScript without dependencies, since it
// runs before anything is installed, on whatever Node (20 or newer) the machine has.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Commands that each purpose runs, with the package that holds them on Debian and on RHEL. */
const tools = {
  ip: { apt: 'iproute2', dnf: 'iproute' },
  nft: { apt: 'nftables', dnf: 'nftables' },
  ping: { apt: 'iputils-ping', dnf: 'iputils' },
  'iptables-nft': { apt: 'iptables', dnf: 'iptables-nft' },
  'dpkg-deb': { apt: 'dpkg', dnf: 'dpkg' },
  rpmbuild: { apt: 'rpm', dnf: 'rpm-build' },
  'x86_64-linux-gnu-strip': { apt: 'binutils-x86-64-linux-gnu', dnf: 'binutils-x86_64-linux-gnu' },
  'aarch64-linux-gnu-strip': { apt: 'binutils-aarch64-linux-gnu', dnf: 'binutils-aarch64-linux-gnu' },
}
/** Of Debian, for the tests of the unit and of the packages: commands, or files, and the package of each. */
const testTools = {
  'systemd-nspawn': 'systemd-container',
  mmdebstrap: 'mmdebstrap',
  rpmbuild: 'rpm',
  'x86_64-linux-gnu-strip': 'binutils-x86-64-linux-gnu',
  'aarch64-linux-gnu-strip': 'binutils-aarch64-linux-gnu',
  lintian: 'lintian',
  man: 'man-db',
  'qemu-aarch64-static': 'qemu-user-static',
  '/usr/aarch64-linux-gnu/lib/libstdc++.so.6': 'libstdc++6-arm64-cross',
}
const packagers = ['dpkg-deb', 'rpmbuild', 'x86_64-linux-gnu-strip', 'aarch64-linux-gnu-strip']
const needed = { run: [], demo: ['ip', 'nft', 'ping'], test: ['ip', 'nft', 'ping', 'iptables-nft'], package: packagers }

const purpose = process.argv[2] ?? 'run'
process.chdir(new URL('..', import.meta.url).pathname)
installPackages()
build()
provideTools(needed[purpose])
if (purpose === 'test') {
  provideTestTools()
}

/** `npm ci`, unless node_modules holds just what the lock file says. */
function installPackages() {
  if (isInstalled()) {
    return
  }
  say('installing the npm packages (once; Node 24 is one of them)')
  run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'])
}

/** By npm's own note of what it has installed, whoever ran it. Packages for other machines are optional and not there. */
function isInstalled() {
  const note = 'node_modules/.package-lock.json'
  if (!existsSync(note) || !existsSync('node_modules/.bin/node')) {
    return false
  }
  const [wanted, there] = ['package-lock.json', note].map((file) => JSON.parse(readFileSync(file, 'utf8')).packages)
  return Object.entries(wanted).every(([path, { integrity, optional }]) => {
    const found = there[path]
    return path === '' || (found ? found.integrity === integrity : optional === true)
  })
}

/** With compiled code beside it, as packages have it once they are installed. */
function build() {
  run('npm', ['run', '--silent', 'build'])
  run('node_modules/.bin/node', ['dist/main.js', 'precompile'])
}

/** Installs missing system tools where it may, and otherwise says which and how. */
function provideTools(names) {
  const missing = names.filter((name) => !onPath(name))
  if (missing.length === 0) {
    return
  }
  const manager = ['apt-get', 'dnf'].find(onPath)
  const packages = missing.map((name) => tools[name][manager === 'dnf' ? 'dnf' : 'apt'])
  const command = `${manager ?? 'apt-get'} install -y ${packages.join(' ')}`
  if (process.getuid() !== 0 || !manager) {
    say(`missing: ${missing.join(', ')}. Install with: sudo ${command}`)
    process.exitCode = purpose === 'test' ? 0 : 69
    return
  }
  say(`missing: ${missing.join(', ')}; running: ${command}`)
  if (manager === 'apt-get') {
    run('apt-get', ['update', '-qq'])
  }
  run(manager, ['install', '-y', '-q', ...packages])
}

/** Tests that boot a Debian guest, or build packages, say so where their tools can't be had, and are skipped. */
function provideTestTools() {
  const missing = Object.keys(testTools).filter((name) => !(name.startsWith('/') ? existsSync(name) : onPath(name)))
  if (missing.length === 0 || process.getuid() !== 0 || !onPath('apt-get')) {
    return
  }
  const packages = missing.map((name) => testTools[name])
  say(`missing: ${missing.join(', ')}; installing ${packages.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-q', '--no-install-recommends', ...packages],
  ]) {
    if (spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0) {
      say(`apt-get ${args[0]} failed: tests under systemd and of packages will be skipped`)
      return
    }
  }
}

function onPath(name) {
  return `${process.env.PATH}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Runs a command quietly; shows what it printed, and stops, if it fails. */
function run(command, args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, error, stdout, stderr } = spawnSync(command, args, { env, encoding: 'utf8' })
  if (error || status !== 0) {
    process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`)
    say(`failed: ${command} ${args.join(' ')}${error ? ` (${error.message})` : ''}`)
    process.exit(1)
  }
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`)
}
