import { readFileSync } from 'node:fs'
import { ExitError, exit } from './exit.ts'

/** linux/capability.h */
const CAP_NET_ADMIN = 12n

/** Is CAP_NET_ADMIN in this process's effective set? (proc(5), CapEff) */
export function hasNetAdmin(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return effective !== undefined && ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n
}

/** @throws {ExitError} 77, with what to grant */
export function requireNetAdmin(verb: string): void {
  if (!hasNetAdmin()) {
    throw new ExitError(
      exit.noPermission,
      `${verb} changes rules and routes, which needs CAP_NET_ADMIN: run it as root (sudo eni-routed ${verb}), or give a unit AmbientCapabilities=CAP_NET_ADMIN`,
    )
  }
}
