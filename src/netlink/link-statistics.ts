import { Attributes } from './attributes.ts'

/** linux/if_link.h */
const IFLA_STATS64 = 23
/** Bytes of struct ifinfomsg. */
const HEADER = 16

/** What has passed a link since it is there. */
export interface LinkStatistics {
  readonly index: number
  readonly packetsIn: number
  readonly packetsOut: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** The counters in the body of RTM_NEWLINK (struct rtnl_link_stats64); undefined where there are none. */
export function decodeLinkStatistics(payload: Buffer): LinkStatistics | undefined {
  if (payload.length < HEADER) {
    return undefined
  }
  const attributes = new Attributes(payload, HEADER)
  while (attributes.next()) {
    if (attributes.type === IFLA_STATS64 && attributes.length >= 32) {
      const bytes = attributes.bytes()
      const counter = (at: number) => Number(bytes.readBigUInt64LE(8 * at))
      return {
        index: payload.readInt32LE(4),
        packetsIn: counter(0),
        packetsOut: counter(1),
        bytesIn: counter(2),
        bytesOut: counter(3),
      }
    }
  }
  return undefined
}
