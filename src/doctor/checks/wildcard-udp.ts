import { enumerate } from '../../policy/enumerate.ts'
import { families, familyOf } from '../../state/ip.ts'
import { managed, routableOf } from '../enis.ts'
import type { Check, KernelState, Process, WildcardSocket } from '../evidence.ts'
import type { Files } from '../files.ts'
import type { Finding } from '../finding.ts'

/**
 * Programs that take the address a datagram was sent to from the kernel (IP_PKTINFO) and answer from it, or that answer
 * nothing: with these a socket without an address does no harm.
 */
const harmless = [
  ...['systemd-resolve', 'systemd-network', 'systemd-timesyn', 'avahi-daemon', 'chronyd', 'ntpd', 'dnsmasq', 'named'],
  ...[
    'unbound',
    'rpcbind',
    'rpc.statd',
    'snmpd',
    'charon',
    'charon-systemd',
    'pluto',
    'tailscaled',
    'coredns',
    'NetworkManager',
  ],
  ...['dhclient', 'dhcpcd', 'rsyslogd', 'syslog-ng', 'collectd', 'openhpid', 'docker-proxy', 'kdc', 'krb5kdc'],
]
/** dhcp client and server, mDNS, LLMNR, DHCPv6 client: link-local talk. */
const linkLocalPorts = [67, 68, 546, 5353, 5355]

/** Routing can't mend what such a service does wrong: the kernel takes the source of its answers from main. */
export const wildcardUdp: Check = {
  reads: ['proc/sys/net/ipv4/ip_local_port_range'],
  find: ({ kernel, wildcards = [], files }) => (kernel ? wrongAnswers(kernel, wildcards, files) : []),
}

function wrongAnswers(kernel: KernelState, wildcards: readonly WildcardSocket[], files: Files): Finding[] {
  const concerned = wildcards.filter((socket) => isService(socket, files) && isAskedAtSeveral(socket, kernel))
  return [...byProgram(concerned).values()].map((sockets) => finding(sockets, kernel))
}

/** Of a family whose addresses only one ENI has, nothing can be mixed up. */
const isAskedAtSeveral = ({ families }: WildcardSocket, kernel: KernelState): boolean =>
  families.some(
    (family) =>
      managed(kernel).filter((plan) => routableOf(kernel, plan).some(({ address }) => familyOf(address) === family))
        .length > 1,
  )

/** A port that the kernel chose is a client's. */
function isService({ port, process }: WildcardSocket, files: Files): boolean {
  const [from = 32_768, to = 60_999] = (files.get('/proc/sys/net/ipv4/ip_local_port_range') ?? '')
    .trim()
    .split(/\s+/)
    .map((word) => Number(word) || undefined)
  const ephemeral = port >= from && port <= to
  return (
    !ephemeral &&
    !linkLocalPorts.includes(port) &&
    !(process && [process.name, programOf(process).slice(0, 15)].some((name) => harmless.includes(name)))
  )
}

function byProgram(sockets: readonly WildcardSocket[]): Map<string, WildcardSocket[]> {
  const groups = new Map<string, WildcardSocket[]>()
  for (const socket of sockets) {
    const key = socket.process ? `${socket.process.pid}` : `port ${socket.port}`
    groups.set(key, [...(groups.get(key) ?? []), socket])
  }
  return groups
}

function finding(sockets: readonly WildcardSocket[], kernel: KernelState): Finding {
  const ports = [...new Set(sockets.map(({ port }) => port))].sort((a, b) => a - b)
  const { process } = sockets[0] as WildcardSocket
  const who = process ? `${programOf(process)} (process ${process.pid})` : 'a process that can not be seen from here'
  return {
    severity: 'warning',
    id: 'wildcard-udp',
    what: `${who} listens on UDP ${ports.length === 1 ? 'port' : 'ports'} ${ports.join(', ')} without an address: asked at another interface's address, it may answer from the first one's`,
    evidence: sockets.map((socket) => `udp ${boundTo(socket)}${process ? ` ${commandOf(process)}` : ''}`),
    cure: `have it listen on each address by itself (${addressesFor(sockets, kernel)}), or turn on its option for this (OpenVPN: multihome); programs that use IP_PKTINFO need nothing`,
  }
}

function boundTo({ families, port }: WildcardSocket): string {
  const [first] = families
  return families.length > 1 ? `[::]:${port} (and IPv4)` : first === 4 ? `0.0.0.0:${port}` : `[::]:${port} (IPv6 alone)`
}

/** Addresses of the families that the sockets take, of every ENI. */
function addressesFor(sockets: readonly WildcardSocket[], kernel: KernelState): string {
  const taken = families.filter((family) => sockets.some((socket) => socket.families.includes(family)))
  const all = managed(kernel).flatMap((plan) => routableOf(kernel, plan))
  return enumerate(all.map(({ address }) => address).filter((address) => taken.includes(familyOf(address))))
}

/** The program's file name: threads may call themselves anything. */
const programOf = ({ command, name }: Process): string => command[0]?.split('/').at(-1) || name

/** Enough of it to know the process by. */
const commandOf = ({ command, name }: Process): string => (command.join(' ') || name).replace(/\s+/g, ' ').slice(0, 100)
