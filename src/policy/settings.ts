import type { Prefix } from '../state/prefix.ts'
import type { Knowledge } from './knowledge.ts'

/** The numbers by which the program recognises what is its own in the kernel. */
export interface Numbers {
  readonly tableBase: number
  readonly priorityBase: number
  readonly protocol: number
  /** 0: link groups are left alone. */
  readonly linkGroup: number
}

/** How many numbers each band holds, its base included. */
export const bandSize = { table: 10_000, priority: 1_000 } as const

/** What the decisions depend on besides the kernel. */
export interface Settings {
  readonly numbers: Numbers
  /** Earlier configurations whose objects are to be taken away. */
  readonly retired: readonly Pick<Settings, 'numbers' | 'include'>[]
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  /** ENIs that are managed although a container network plug-in drives them. */
  readonly manage: readonly string[]
  /** ENIs that carry packets of other hosts, besides those of which it shows. */
  readonly transit: readonly string[]
  /** Destinations for which main's routes through another ENI, by a router, are followed. */
  readonly honour: readonly Prefix[]
  /** What the instance metadata told so far. */
  readonly knowledge: Knowledge
  /** imds: bare ENIs get the addresses that the metadata lists. */
  readonly addressing: 'observe' | 'imds'
  /** Bits of the packet and connection mark for forwarded connections; undefined: they are left alone. */
  readonly markMask?: number
}

export const inTableBand = (numbers: Numbers, table: number): boolean =>
  table >= numbers.tableBase && table < numbers.tableBase + bandSize.table

export const inPriorityBand = (numbers: Numbers, priority: number): boolean =>
  priority >= numbers.priorityBase && priority < numbers.priorityBase + bandSize.priority

/** Priorities of our rules, in the order in which the kernel asks them: three of an address, then those of marks. */
export const priorities = (numbers: Numbers) => ({
  main: numbers.priorityBase,
  source: numbers.priorityBase + 1,
  device: numbers.priorityBase + 2,
  marked: numbers.priorityBase + 3,
  arrival: numbers.priorityBase + 4,
  reply: numbers.priorityBase + 5,
})
