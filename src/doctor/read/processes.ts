import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { uptime } from 'node:os'
import { join } from 'node:path'
import type { Process } from '../evidence.ts'

/** Every process that /proc shows, but those of another network namespace. Kernel threads have no command. */
export function readProcesses(proc: string): Process[] {
  const booted = bootTime(proc)
  const namespace = linkOf(join(proc, 'self/ns/net'))
  const depth = pidDepth(proc, 'self')
  // Without privilege the namespace of others' processes can't be read: those of containers are told by their second number.
  const isNear = (pid: number) => {
    const own = linkOf(join(proc, `${pid}/ns/net`))
    return own === '' ? pidDepth(proc, pid) <= depth : own === namespace
  }
  return pidsOf(proc)
    .filter(isNear)
    .flatMap((pid) => {
      try {
        const name = readFileSync(join(proc, `${pid}/comm`), 'utf8').trim()
        const command = readFileSync(join(proc, `${pid}/cmdline`), 'utf8')
          .split('\0')
          .slice(0, -1)
        return [{ pid, name, command, startedAt: booted + startTicks(proc, pid) * (1000 / ticksPerSecond) }]
      } catch {
        // It has ended meanwhile.
        return []
      }
    })
}

/** In how many PID namespaces it has a number, from this one down (proc(5), status, NSpid). */
function pidDepth(proc: string, pid: number | 'self'): number {
  try {
    return (
      /^NSpid:(.*)$/m
        .exec(readFileSync(join(proc, `${pid}/status`), 'utf8'))?.[1]
        ?.trim()
        .split(/\s+/).length ?? 1
    )
  } catch {
    return 1
  }
}

/** sysconf(_SC_CLK_TCK): 100 on every architecture that Node runs on. */
const ticksPerSecond = 100

/** ms since 1970 (proc(5), /proc/stat, btime); by the clock where /proc was mounted with subset=pid. */
function bootTime(proc: string): number {
  try {
    return Number(/^btime (\d+)$/m.exec(readFileSync(join(proc, 'stat'), 'utf8'))?.[1] ?? 0) * 1000
  } catch {
    return Date.now() - uptime() * 1000
  }
}

/** Ticks from boot to the process's start: field 22 of its stat. The name in field 2 may hold anything, blanks and `)` too. */
function startTicks(proc: string, pid: number): number {
  const text = readFileSync(join(proc, `${pid}/stat`), 'utf8')
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[19])
}

/** The process that holds each of the sockets, by inode number, as far as this user may look. */
export function ownersOf(
  inodes: ReadonlySet<number>,
  processes: readonly Process[],
  proc: string,
): Map<number, Process> {
  const owners = new Map<number, Process>()
  for (const process of inodes.size === 0 ? [] : processes) {
    for (const inode of socketsOf(process.pid, proc)) {
      if (inodes.has(inode) && !owners.has(inode)) owners.set(inode, process)
    }
  }
  return owners
}

const pidsOf = (proc: string): number[] => {
  try {
    return readdirSync(proc)
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
  } catch {
    return []
  }
}

function socketsOf(pid: number, proc: string): number[] {
  const folder = join(proc, `${pid}/fd`)
  try {
    return readdirSync(folder).flatMap((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(join(folder, fd)))?.[1]
      return inode === undefined ? [] : [Number(inode)]
    })
  } catch {
    // Somebody else's process, or it has ended.
    return []
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
