import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Process, WildcardSocket } from '../evidence.ts'
import { ownersOf } from './processes.ts'

/** The state of a UDP socket that is not connected: TCP_CLOSE (net/tcp_states.h), as /proc/net/udp prints it. */
const unconnected = '07'

/**
 * UDP sockets of this network namespace that are bound to a port and to no address. Those of the kernel itself (inode 0:
 * WireGuard, VXLAN) are left out: they answer from the address that they were asked at.
 */
export function readWildcards(processes: readonly Process[], proc: string): WildcardSocket[] {
  const found = ([4, 6] as const).flatMap((family) => wildcardsIn(textOf(join(proc, tables[family])), family))
  const owners = ownersOf(new Set(found.map(({ inode }) => inode)), processes, proc)
  return found.map(({ family, port, inode }) => {
    const process = owners.get(inode)
    return { family, port, ...(process ? { process } : {}) }
  })
}

const tables = { 4: 'net/udp', 6: 'net/udp6' } as const

/** Lines of /proc/net/udp: number, local address and port in hex, remote ones, state, …, inode in the tenth column. */
export const wildcardsIn = (text: string, family: 4 | 6): { family: 4 | 6; port: number; inode: number }[] =>
  text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state, ...rest]) => local && /^0+:/.test(local) && state === unconnected && rest[5] !== '0')
    .map(([, local = '', , , ...rest]) => ({
      family,
      port: Number.parseInt(local.split(':')[1] as string, 16),
      inode: Number(rest[5]),
    }))

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
