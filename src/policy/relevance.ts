import { table } from '../state/route.ts'
import { defaultLength } from './main-routes.ts'
import { everyNumbers } from './ownership.ts'
import { inPriorityBand, inTableBand, type Settings } from './settings.ts'
import type { Tables } from './tables.ts'

/** What an event tells before it is fully read. */
export interface EventSketch {
  readonly kind: 'link' | 'address' | 'route' | 'rule' | 'nexthop'
  /** Of links and addresses, and of routes: the link of the first nexthop. */
  readonly linkIndex?: number | undefined
  /** Of routes that have further nexthops, or whose link is not known yet. */
  readonly anyLink?: boolean
  /** Of routes and rules. */
  readonly table?: number | undefined
  /** Of routes: bits of the destination. */
  readonly destinationLength?: number | undefined
  /** Of rules. */
  readonly priority?: number | undefined
}

/** How soon an event deserves a look: at once, at leisure, or (undefined) not at all. */
export type Urgency = 'now' | 'soon' | undefined

/**
 * An event is a hint, so a wrong "now" costs a pass and a wrong "undefined" costs a fault that stays: in doubt, look. A
 * busy router's thousands of changes in tables and through links that are not ours are passed over.
 */
export function urgencyOf(event: EventSketch, enis: ReadonlySet<number>, settings: Settings): Urgency {
  const ours = (number: number | undefined) =>
    number !== undefined && everyNumbers(settings).some((numbers) => inTableBand(numbers, number))
  switch (event.kind) {
    case 'link':
    case 'nexthop':
      return 'now'
    case 'address':
      return event.linkIndex === undefined || enis.has(event.linkIndex) ? 'now' : undefined
    case 'rule': {
      const { priority } = event
      const near = priority === undefined || everyNumbers(settings).some((numbers) => inPriorityBand(numbers, priority))
      // A foreign rule can't undo ours, but it can stand in front of them: the proof of the outcome will tell.
      return near || ours(event.table) ? 'now' : 'soon'
    }
    case 'route':
      return routeUrgency(event, enis, ours(event.table))
  }
}

/**
 * The local table's routes tell when an address can be used, main's what an ENI is connected to. Main's other defaults,
 * and what a VPN splits them in, can't change what is desired, but where packets go.
 */
function routeUrgency(event: EventSketch, enis: ReadonlySet<number>, ours: boolean): Urgency {
  const { table: number, linkIndex, anyLink } = event
  const general = number === undefined || number === table.main || number === table.local
  const throughEni = anyLink === true || (linkIndex !== undefined && enis.has(linkIndex))
  if (ours || (general && throughEni)) {
    return 'now'
  }
  return number === table.main && (event.destinationLength ?? 0) <= defaultLength[6] ? 'soon' : undefined
}

/** Is it a route in a table of the band that no ENI has? */
export const isStray = ({ kind, table: number }: EventSketch, tables: Tables, { numbers }: Settings): boolean =>
  kind === 'route' &&
  number !== undefined &&
  inTableBand(numbers, number) &&
  ![...tables.values()].some((assignment) => assignment.table === number)
