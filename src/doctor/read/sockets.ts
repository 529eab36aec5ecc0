import { NetlinkError } from '../../netlink/errors.ts'
import { RequestSocket } from '../../netlink/request.ts'
import { NETLINK_PROTOCOL, NetlinkSocket } from '../../netlink/socket.ts'
import { decodeUdpSocket, SOCK_DIAG_BY_FAMILY, type UdpSocket, udpDumpPayload } from '../../netlink/udp-socket.ts'
import { families } from '../../state/ip.ts'
import type { Process, WildcardSocket } from '../evidence.ts'
import { ownersOf } from './processes.ts'

/**
 * UDP sockets of this network namespace that are bound to a port, and to no address and no link; undefined where the kernel
 * does not tell (without udp_diag). Those of the kernel itself (inode 0: WireGuard, VXLAN) are left out: they answer from the
 * address that they were asked at.
 */
export function readWildcards(processes: readonly Process[], proc: string): readonly WildcardSocket[] | undefined {
  const sockets = readUdpSockets()
  return sockets && wildcardsAmong(sockets, processes, proc)
}

export function wildcardsAmong(
  sockets: readonly UdpSocket[],
  processes: readonly Process[],
  proc: string,
): readonly WildcardSocket[] {
  const found = sockets.filter(isWildcard)
  const owners = ownersOf(new Set(found.map(({ inode }) => inode)), processes, proc)
  return found.map(({ family, v6only, port, inode }) => {
    const process = owners.get(inode)
    return { families: family === 4 ? [4] : v6only ? [6] : [4, 6], port, ...(process ? { process } : {}) }
  })
}

const isWildcard = ({ address, oif, inode }: UdpSocket): boolean =>
  (address === '0.0.0.0' || address === '::') && oif === 0 && inode !== 0

const open = () => new RequestSocket(NetlinkSocket.open({ protocol: NETLINK_PROTOCOL.SOCK_DIAG }))

export function readUdpSockets(socket = open()): readonly UdpSocket[] | undefined {
  try {
    return families.flatMap(
      (family) => socket.dump(SOCK_DIAG_BY_FAMILY, udpDumpPayload(family), decodeUdpSocket, SOCK_DIAG_BY_FAMILY).items,
    )
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error
    return undefined
  } finally {
    socket.close()
  }
}
