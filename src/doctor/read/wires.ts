import { RTM } from '../../netlink/constants.ts'
import { NetlinkError } from '../../netlink/errors.ts'
import { linkDumpPayload } from '../../netlink/link.ts'
import { decodeWire, type Wire } from '../../netlink/link-wire.ts'
import { RequestSocket } from '../../netlink/request.ts'

/** Carrier, MTU and ARP of every link; undefined where the kernel does not tell. */
export function readWires(socket = RequestSocket.open()): readonly Wire[] | undefined {
  try {
    return socket.dump(RTM.GETLINK, linkDumpPayload(), decodeWire).items
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error
    return undefined
  } finally {
    socket.close()
  }
}
