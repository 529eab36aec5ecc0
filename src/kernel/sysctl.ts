import { readFileSync } from 'node:fs'

/** A number under /proc/sys/net, of the network namespace of this process; 0 where the kernel has none of that name. */
export function readSysctl(path: string): number {
  try {
    return Number(readFileSync(`/proc/sys/net/${path}`, 'utf8'))
  } catch {
    // No IPv6, no such link, or /proc is not mounted: what is off by default is taken to be off.
    return 0
  }
}
