import type { Family } from '../state/ip.ts'
import { Attributes } from './attributes.ts'
import { RT_TABLE_COMPAT, RTM } from './constants.ts'
import { AF, familyFrom } from './family.ts'
import { HEADER_BYTES } from './framing.ts'
import { ROUTE_HEADER, RTA } from './route-attributes.ts'

export type EventKind = 'link' | 'address' | 'route' | 'rule' | 'nexthop'

/** Something changed in the kernel. What it was is for the decoder of the kind to read from `payload`. */
export interface NetlinkEvent {
  readonly kind: EventKind
  readonly deleted: boolean
  /** nl_pid of the socket that asked for the change; 0 where the kernel did it by itself. */
  readonly portId: number
  /** A copy: may be kept. */
  readonly payload: Buffer
}

const kinds: Readonly<Record<number, EventKind>> = {
  [RTM.NEWLINK]: 'link',
  [RTM.DELLINK]: 'link',
  [RTM.NEWADDR]: 'address',
  [RTM.DELADDR]: 'address',
  [RTM.NEWROUTE]: 'route',
  [RTM.DELROUTE]: 'route',
  [RTM.NEWRULE]: 'rule',
  [RTM.DELRULE]: 'rule',
  [RTM.NEWNEXTHOP]: 'nexthop',
  [RTM.DELNEXTHOP]: 'nexthop',
}
const deletions: ReadonlySet<number> = new Set([RTM.DELLINK, RTM.DELADDR, RTM.DELROUTE, RTM.DELRULE, RTM.DELNEXTHOP])

/**
 * An event as it lies in the receive buffer, for a filter to look at: one object that moves from event to event, so that
 * thousands of foreign events a second allocate nothing. Good only until the filter returns. Each field is read from the
 * fixed header of its kind; of another kind it says nothing.
 */
export class EventView {
  kind: EventKind = 'link'
  deleted = false
  portId = 0
  #buffer: Buffer = Buffer.alloc(0)
  #start = 0
  #end = 0

  /** Moves to the message of `length` bytes at `at`; false where it is no event that anybody asked for. */
  moveTo(buffer: Buffer, at: number, length: number): boolean {
    const type = buffer.readUInt16LE(at + 4)
    const kind = kinds[type]
    this.#buffer = buffer
    this.#start = at + HEADER_BYTES
    this.#end = at + length
    if (!kind || this.#start >= this.#end || (kind === 'link' && buffer[this.#start] !== AF.UNSPEC)) {
      // A bridge announces its ports as links of AF_BRIDGE: RTM_DELLINK says that a port left, and the link lives on.
      return false
    }
    this.kind = kind
    this.deleted = deletions.has(type)
    this.portId = buffer.readUInt32LE(at + 12)
    return true
  }

  /** undefined for a link, which has none, and for a family that the decoders do not know. */
  get family(): Family | undefined {
    return familyFrom(this.#buffer[this.#start])
  }

  /** Index of the link that a link or an address event is about. */
  get linkIndex(): number {
    return this.#u32(4)
  }

  /** The table of a route, above 255 too. */
  get routeTable(): number {
    const table = this.#u8(4)
    return table === RT_TABLE_COMPAT ? this.#largeTable() : table
  }

  /** Index of the link of a route with a single nexthop; undefined where it has several, an object, or none. */
  get routeLinkIndex(): number | undefined {
    const attributes = new Attributes(this.#buffer, this.#start + ROUTE_HEADER, this.#end)
    let index: number | undefined
    while (attributes.next()) {
      if (attributes.type === RTA.OIF) index = attributes.u32()
      if (attributes.type === RTA.MULTIPATH || attributes.type === RTA.NH_ID) return undefined
    }
    return index
  }

  /** Bits of a route's destination; 0 is a default. */
  get routeDestinationLength(): number {
    return this.#u8(1)
  }

  get routeProtocol(): number {
    return this.#u8(5)
  }

  /** rtm_type: the index into `routeTypes` of state/route.ts. */
  get routeType(): number {
    return this.#u8(7)
  }

  /** rtm_flags, RTM_F_CLONED among them. */
  get routeFlags(): number {
    return this.#u32(8)
  }

  /** The body for the decoder of its kind: a view, as short-lived as this one. */
  get payload(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end)
  }

  /** The event by itself, with a copy of its bytes. */
  toEvent(): NetlinkEvent {
    const payload = Buffer.from(this.#buffer.subarray(this.#start, this.#end))
    return { kind: this.kind, deleted: this.deleted, portId: this.portId, payload }
  }

  /** RTA_TABLE is the first attribute that the kernel writes: the walk ends there. */
  #largeTable(): number {
    const attributes = new Attributes(this.#buffer, this.#start + ROUTE_HEADER, this.#end)
    while (attributes.next()) {
      if (attributes.type === RTA.TABLE) return attributes.u32()
    }
    return RT_TABLE_COMPAT
  }

  #u8(offset: number): number {
    return this.#start + offset < this.#end ? (this.#buffer[this.#start + offset] as number) : 0
  }

  #u32(offset: number): number {
    return this.#start + offset + 4 <= this.#end ? this.#buffer.readUInt32LE(this.#start + offset) : 0
  }
}
