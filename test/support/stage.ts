import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asTheyAre } from '../../tools/package/contents.ts'

const project = fileURLToPath(new URL('../..', import.meta.url))

/** Lays the program out under `root` as a package does, enabled for the next boot, under the given configuration. */
export function stageProgram(root: string, config: string): void {
  const home = join(root, 'usr/lib/eni-routed')
  cpSync(join(project, 'dist'), home, { recursive: true })
  cpSync(join(project, 'node_modules/@koromix'), join(home, 'node_modules/@koromix'), { recursive: true })
  copyFileSync(process.execPath, join(home, 'node'))
  const main = readFileSync(join(project, 'dist/main.js'), 'utf8')
  put(root, 'usr/lib/eni-routed/main.js', main.replace('/usr/bin/env node', '/usr/lib/eni-routed/node'))
  chmodSync(join(home, 'main.js'), 0o755)
  mkdirSync(join(root, 'usr/bin'), { recursive: true })
  symlinkSync('../lib/eni-routed/main.js', join(root, 'usr/bin/eni-routed'))
  for (const [source, target] of Object.entries(asTheyAre)) {
    mkdirSync(dirname(join(root, target)), { recursive: true })
    copyFileSync(join(project, source), join(root, target))
  }
  put(root, 'etc/eni-routed/config.toml', config)
  const wants = join(root, 'etc/systemd/system/multi-user.target.wants')
  mkdirSync(wants, { recursive: true })
  symlinkSync('/usr/lib/systemd/system/eni-routed.service', join(wants, 'eni-routed.service'))
}

function put(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}
