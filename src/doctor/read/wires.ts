import { execFileSync } from 'node:child_process'
import { z } from 'zod'
import type { Wire } from '../evidence.ts'

const schema = z.array(z.looseObject({ ifname: z.string(), flags: z.array(z.string()), mtu: z.number() }))

/**
 * Carrier, MTU and ARP of every link. By ip(8), since /sys may be that of another network namespace; where it is missing,
 * nothing is known.
 */
export function readWires(): Wire[] {
  try {
    const env = { PATH: '/usr/sbin:/sbin:/usr/bin:/bin', LC_ALL: 'C' }
    const text = execFileSync('ip', ['-json', 'link', 'show'], {
      env,
      encoding: 'utf8',
      timeout: 5_000,
      maxBuffer: 64 << 20,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return schema.parse(JSON.parse(text)).map(({ ifname, flags, mtu }) => ({
      name: ifname,
      carrier: !flags.includes('NO-CARRIER'),
      mtu,
      arp: !flags.includes('NOARP'),
    }))
  } catch {
    // No ip(8), or one that knows no JSON: the rest is looked at all the same.
    return []
  }
}
