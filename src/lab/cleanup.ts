import { spawnSync } from 'node:child_process'
import { readdirSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { environment } from './command.ts'

/** Namespaces are named `enirt-PID-COUNTER-ROLE`, so that those of a dead process are known as such. */
export const namePrefix = 'enirt'

const namespaceFolder = '/run/netns'

/** Where the processes of a namespace may put files; it goes when the namespace goes. Under /run: only root writes there. */
export const folderOf = (name: string): string => `/run/${name}`

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const live = new Set<() => void>()

/** From now until `release`, `remove` is called when this process exits or is told to end. It must be synchronous. */
export function guard(remove: () => void): void {
  if (live.size === 0) {
    process.once('exit', removeLive)
    for (const signal of signals) {
      process.once(signal, removeAndDie)
    }
  }
  live.add(remove)
}

export function release(remove: () => void): void {
  live.delete(remove)
  if (live.size === 0) {
    process.off('exit', removeLive)
    for (const signal of signals) {
      process.off(signal, removeAndDie)
    }
  }
}

/**
 * Kills every process in the namespaces and deletes them and their folders. Synchronous, so that an exit handler can do
 * it; names that do not exist are passed over.
 */
export function removeNamespaces(names: readonly string[]): void {
  const present = names.filter((name) => namespaceId(name) !== undefined)
  if (present.length === 0) {
    return
  }
  for (const pid of processesIn(new Set(present.map(namespaceId)))) {
    killNow(pid)
  }
  const input = present.map((name) => `netns delete ${name}\n`).join('')
  spawnSync('ip', ['-force', '-batch', '-'], { input, env: environment, stdio: ['pipe', 'ignore', 'ignore'] })
  for (const name of present) {
    rmSync(folderOf(name), { recursive: true, force: true })
  }
}

/** Removes what a killed process of ours left behind; returns the names. Those of living processes stay. */
export function sweep(): string[] {
  const left = listNamespaces().filter((name) => !isAlive(Number(name.split('-')[1])))
  removeNamespaces(left)
  return left
}

/** Our namespaces, of this process (`pid`) or of any. */
export function listNamespaces(pid?: number): string[] {
  const shape = new RegExp(`^${namePrefix}-${pid ?? '\\d+'}-\\d+-`)
  try {
    return readdirSync(namespaceFolder).filter((name) => shape.test(name))
  } catch {
    return [] // The folder appears with the first namespace of the machine.
  }
}

/** Process ids in the namespaces with these inode numbers. */
function processesIn(ids: ReadonlySet<number | undefined>): number[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  return pids.filter((pid) => ids.has(namespaceOfProcess(pid))).map(Number)
}

function namespaceOfProcess(pid: string): number {
  try {
    return Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[0])
  } catch {
    return Number.NaN // It ended while we looked.
  }
}

function namespaceId(name: string): number | undefined {
  return statSync(`${namespaceFolder}/${name}`, { throwIfNoEntry: false })?.ino
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function removeLive(): void {
  for (const remove of live) {
    remove()
  }
}

/** Where nobody else listens for the signal, the process ends by it, as it would have without us. */
function removeAndDie(signal: NodeJS.Signals): void {
  removeLive()
  if (process.listenerCount(signal) === 0) {
    process.kill(process.pid, signal)
  }
}
