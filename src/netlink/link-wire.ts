import { Attributes } from './attributes.ts'

/** linux/if_link.h */
const IFLA = { IFNAME: 3, MTU: 4 } as const
/** linux/if.h */
const IFF = { UP: 0x1, RUNNING: 0x40, NOARP: 0x80 } as const
/** Bytes of struct ifinfomsg. */
const HEADER = 16

/** What a link is as a wire, which the daemon does not need to know. */
export interface Wire {
  readonly name: string
  /** false: it is up, and nothing is plugged in. */
  readonly carrier: boolean
  /** Bytes. */
  readonly mtu: number
  readonly arp: boolean
}

/** The wire in the body of RTM_NEWLINK; undefined where it has no name. */
export function decodeWire(payload: Buffer): Wire | undefined {
  if (payload.length < HEADER) {
    return undefined
  }
  const flags = payload.readUInt32LE(8)
  let [name, mtu] = ['', 0]
  const attributes = new Attributes(payload, HEADER)
  while (attributes.next()) {
    if (attributes.type === IFLA.IFNAME) name = attributes.text()
    if (attributes.type === IFLA.MTU) mtu = attributes.u32()
  }
  const carrier = (flags & IFF.UP) === 0 || (flags & IFF.RUNNING) !== 0
  return name === '' ? undefined : { name, mtu, carrier, arp: (flags & IFF.NOARP) === 0 }
}
