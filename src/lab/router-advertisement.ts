import type { ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import { parseAddress } from '../state/ip.ts'
import { parsePrefix } from '../state/prefix.ts'
import type { Subnet } from './addressing.ts'
import type { Namespace } from './namespace.ts'

/** A device, the link-local address that it advertises from, and the message, in hex. */
interface Advertisement {
  readonly device: string
  readonly source: string
  readonly message: string
}

/** Often, so that nobody waits: radvd's shortest interval is 30 ms, a VPC's is some seconds. */
const intervalMs = 100

/** Advertises each subnet's router and prefix in it, from a process in the fabric, until that is killed. */
export function advertiseRouters(fabric: Namespace, subnets: readonly Subnet[]): ChildProcess {
  const advertisements = subnets.map(({ device, router }): Advertisement => {
    const message = Buffer.from(messageOf(router.mac, router.ipv6)).toString('hex')
    return { device, source: Buffer.from(parseAddress(router.linkLocal)!).toString('hex'), message }
  })
  const koffi = createRequire(import.meta.url).resolve('koffi')
  const parameters = [koffi, advertisements, intervalMs].map((parameter) => JSON.stringify(parameter))
  // As source text, for the reason that agent.ts gives.
  const program = `${[socketAddress, send].map(String).join('\n')}\n${send.name}(${parameters.join(', ')})`
  return fabric.spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'ignore', 'inherit'] })
}

/**
 * A router advertisement (RFC 4861, 4.2) such as a VPC sends: addresses come by DHCPv6 (M), the prefix is on-link (L)
 * and not for autoconfiguration. The kernel fills in the checksum.
 */
function messageOf(mac: string, attachment: string): number[] {
  const { address, length } = parsePrefix(attachment)!
  const managed = 0x80
  const onLink = 0x80
  const forever = [255, 255, 255, 255]
  const lifetimeSeconds = [1800 >> 8, 1800 & 255]
  return [
    ...[134, 0, 0, 0, 64, managed, ...lifetimeSeconds, 0, 0, 0, 0, 0, 0, 0, 0],
    ...[1, 1, ...mac.split(':').map((byte) => Number.parseInt(byte, 16))],
    ...[3, 4, length, onLink, ...forever, ...forever, 0, 0, 0, 0, ...parseAddress(address)!],
  ]
}

/** Runs in the fabric. Node has no raw sockets, so libc's are called. */
function send(koffiPath: string, advertisements: readonly Advertisement[], everyMs: number): void {
  const require = process.getBuiltinModule('node:module').createRequire(koffiPath)
  const libc = require(koffiPath).load(null)
  const ifIndex = libc.func('unsigned int if_nametoindex(const char *name)')
  const socket = libc.func('int socket(int family, int type, int protocol)')
  const setsockopt = libc.func('int setsockopt(int fd, int level, int option, int *value, unsigned int size)')
  const bind = libc.func('int bind(int fd, uint8_t *address, unsigned int size)')
  const sendto = libc.func(
    'long sendto(int fd, uint8_t *data, size_t n, int flags, uint8_t *address, unsigned int size)',
  )
  const [inet6, raw, icmpv6, ipv6, multicastHops] = [10, 3, 58, 41, 18] as const
  const allNodes = 'ff020000000000000000000000000001'
  for (const { device, source, message } of advertisements) {
    const fd = socket(inet6, raw, icmpv6)
    // A receiver drops an advertisement whose hop limit shows that a router forwarded it.
    setsockopt(fd, ipv6, multicastHops, [255], 4)
    bind(fd, socketAddress(source, ifIndex(device)), 28)
    const data = Buffer.from(message, 'hex')
    setInterval(() => sendto(fd, data, data.length, 0, socketAddress(allNodes, ifIndex(device)), 28), everyMs)
  }
}

/** struct sockaddr_in6 (netinet/in.h), on the little-endian machines that Node runs on. */
function socketAddress(address: string, scope: number): Buffer {
  const bytes = Buffer.alloc(28)
  bytes.writeUInt16LE(10, 0)
  bytes.write(address, 8, 'hex')
  bytes.writeUInt32LE(scope, 24)
  return bytes
}
