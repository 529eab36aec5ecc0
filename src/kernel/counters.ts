import { RTM } from '../netlink/constants.ts'
import { linkDumpPayload } from '../netlink/link.ts'
import { decodeLinkStatistics, type LinkStatistics } from '../netlink/link-statistics.ts'
import { RequestSocket } from '../netlink/request.ts'

/** Reads the counters of links, for who looks on: the daemon has no use for them. */
export class Counters {
  readonly #socket = RequestSocket.open()

  /** By ifindex. @throws {NetlinkError} */
  read(): ReadonlyMap<number, LinkStatistics> {
    const { items } = this.#socket.dump(RTM.GETLINK, linkDumpPayload(), decodeLinkStatistics)
    return new Map(items.map((statistics) => [statistics.index, statistics]))
  }

  close(): void {
    this.#socket.close()
  }
}
