import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { guard, release } from '../../src/lab/cleanup.ts'

/** Where cgroups with the memory controller are made, and the file that tells what one uses: version 2, and version 1. */
const hierarchies = [
  { root: '/sys/fs/cgroup', usage: 'memory.current', has: 'cgroup.controllers', line: /^0::(.*)$/m },
  {
    ...{ root: '/sys/fs/cgroup/memory', usage: 'memory.usage_in_bytes', has: 'memory.usage_in_bytes' },
    line: /^\d+:memory:(.*)$/m,
  },
] as const
type Hierarchy = (typeof hierarchies)[number]

/**
 * A control group for one process, to see what systemd would show of it as MemoryCurrent: its own pages, those of the
 * kernel for it, and pages of files that nobody had read before it.
 */
export class MemoryGroup {
  readonly #folder: string
  readonly #usage: string
  /** The group of this process. */
  readonly #home: string
  readonly #remove = () => removeSoon(this.#folder)

  /** undefined: the memory of groups is not counted on this machine. */
  static create(name: string): MemoryGroup | undefined {
    const hierarchy = hierarchies.find(({ root, has }) => existsSync(join(root, has)) && counts(root))
    return hierarchy && new MemoryGroup(hierarchy, name)
  }

  private constructor({ root, usage, line }: Hierarchy, name: string) {
    this.#folder = join(root, name)
    this.#usage = usage
    this.#home = join(root, line.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/')
    mkdirSync(this.#folder)
    guard(this.#remove)
  }

  /** Whatever `start` starts is in the group from its first page on: this process enters it, and goes back. */
  around<T>(start: () => T): T {
    enter(this.#folder)
    try {
      return start()
    } finally {
      enter(this.#home)
    }
  }

  get megabytes(): number {
    return Number(readFileSync(join(this.#folder, this.#usage), 'utf8')) / 2 ** 20
  }

  destroy(): void {
    release(this.#remove)
    this.#remove()
  }
}

/** A process that was just killed, or that many pages have to be taken from, stays in its group for a moment. */
function removeSoon(folder: string, attempts = 200): void {
  for (let attempt = 1; existsSync(folder); attempt++) {
    try {
      rmdirSync(folder)
    } catch (error) {
      if (attempt >= attempts) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    }
  }
}

const enter = (folder: string): void => writeFileSync(join(folder, 'cgroup.procs'), String(process.pid))

/** In version 2 a group has a controller only where its parent hands it on. */
function counts(root: string): boolean {
  const file = join(root, 'cgroup.subtree_control')
  return !existsSync(file) || /\bmemory\b/.test(readFileSync(file, 'utf8'))
}
