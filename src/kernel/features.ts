import { NetlinkError } from '../netlink/errors.ts'
import { RequestSocket } from '../netlink/request.ts'
import { type Family, families } from '../state/ip.ts'

/** RTPROT_KERNEL of linux/rtnetlink.h: the protocol of the rules that every family has from the start. */
const ownProtocol = 2

/** What this kernel was found to offer, by asking it; no privilege is needed. */
export interface KernelFeatures {
  readonly ipv4: boolean
  readonly ipv6: boolean
  /** FRA_PROTOCOL, Linux 4.17: our rules can be told from others'. Without it the program can't work. */
  readonly ruleProtocol: boolean
  /** NETLINK_GET_STRICT_CHK, Linux 4.20: dumps are filtered in the kernel. */
  readonly filteredDumps: boolean
}

/** @throws {NetlinkError} where rtnetlink itself is refused */
export function kernelFeatures(): KernelFeatures {
  const socket = RequestSocket.open()
  try {
    const [ipv4, ipv6] = families.map((family) => rulesOf(socket, family))
    const rules = [...(ipv4 ?? []), ...(ipv6 ?? [])]
    return {
      ipv4: ipv4 !== undefined,
      ipv6: ipv6 !== undefined,
      ruleProtocol: rules.some(({ protocol }) => protocol === ownProtocol),
      filteredDumps: socket.strict,
    }
  } finally {
    socket.close()
  }
}

/** Undefined where the kernel has no rules of this family. */
function rulesOf(socket: RequestSocket, family: Family) {
  try {
    return socket.rules(family).items
  } catch (error) {
    if (error instanceof NetlinkError) {
      return undefined
    }
    throw error
  }
}
