// `npm run rivals`: real rivals in a guest, one after the other, and a table of what each did to us. With `--write` the
// table also goes into docs/decisions/rivals.md. Further arguments are vitest's: `npm run rivals -- networkd -t restart`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Commands of the machine, and the Debian package of each. */
const needed = { 'systemd-nspawn': 'systemd-container', mmdebstrap: 'mmdebstrap' }
const document = 'docs/decisions/rivals.md'
const mark = '<!-- the rest is written by npm run rivals -- --write -->'

process.chdir(new URL('..', import.meta.url).pathname)
if (process.getuid() !== 0) {
  console.error('rivals: guests need root; run: sudo npm run rivals')
  process.exit(77)
}
const args = process.argv.slice(2)
const write = args.includes('--write')
installPackages()
const folder = mkdtempSync(join(tmpdir(), 'eni-routed-rivals-'))
try {
  const table = join(folder, 'table.md')
  const reporters = ['--reporter=verbose', '--reporter=./test/rivals/reporter.ts']
  const vitest = ['run', '--config', 'test/rivals/vitest.config.ts', ...reporters]
  const { status } = spawnSync('node_modules/.bin/vitest', [...vitest, ...args.filter((arg) => arg !== '--write')], {
    env: { ...process.env, PATH: `node_modules/.bin:${process.env.PATH}`, RIVALS_TABLE: table },
    stdio: 'inherit',
  })
  if (write && existsSync(table)) {
    const head = readFileSync(document, 'utf8').split(mark)[0]
    writeFileSync(document, `${head}${mark}\n\n${readFileSync(table, 'utf8')}`)
  }
  process.exitCode = status ?? 1
} finally {
  rmSync(folder, { recursive: true })
}

function installPackages() {
  const search = `${process.env.PATH}:/usr/sbin:/sbin`.split(':')
  const missing = Object.keys(needed).filter((name) => !search.some((path) => existsSync(join(path, name))))
  if (missing.length > 0) {
    const packages = missing.map((name) => needed[name])
    console.error(`rivals: installing ${packages.join(' ')}`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const { status } = spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    if (status !== 0) {
      process.exit(69)
    }
  }
}
