import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { namePrefix } from '../../src/lab/cleanup.ts'

/** Where a hybrid machine has the version 2 hierarchy; a unified one has it at /sys/fs/cgroup itself. */
const hybrid = '/sys/fs/cgroup/unified'
const unified = '/sys/fs/cgroup'
export const isHybrid = (): boolean => existsSync(`${hybrid}/cgroup.procs`)

/** Every hierarchy that systemd-nspawn looks at; the first one is of version 2. */
const hierarchies = (): string[] => (isHybrid() ? [hybrid, `${unified}/systemd`] : [unified])

/** Moves this process into a group of its own, in which systemd-nspawn may make further ones. */
export function enterCgroup(name: string): void {
  for (const hierarchy of hierarchies()) {
    mkdirSync(join(hierarchy, name), { recursive: true })
    writeFileSync(join(hierarchy, name, 'cgroup.procs'), String(process.pid))
  }
}

/** Kills whatever is in the group and removes it. Synchronous, for exit handlers; a group that is not there is passed over. */
export function removeCgroup(name: string): void {
  const [version2, ...others] = hierarchies().map((hierarchy) => join(hierarchy, name))
  if (!version2 || !existsSync(version2)) {
    return
  }
  writeFileSync(join(version2, 'cgroup.kill'), '1')
  for (const folder of [version2, ...others]) {
    removeTree(folder)
  }
}

/** Groups of guests whose process is gone. */
export function abandonedCgroups(): string[] {
  const names = readdirSync(hierarchies()[0]!).filter((name) => name.startsWith(`${namePrefix}-`))
  return names.filter((name) => !existsSync(`/proc/${name.split('-')[1]}`))
}

/** A killed process needs some milliseconds to leave its group; on a busy machine, seconds. */
function removeTree(folder: string, attempts = 2000): void {
  for (let attempt = 1; existsSync(folder); attempt++) {
    try {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        if (entry.isDirectory()) {
          removeTree(join(folder, entry.name), 1)
        }
      }
      rmdirSync(folder)
    } catch (error) {
      if (attempt >= attempts) {
        throw error
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    }
  }
}
