import type { Family } from '../state/ip.ts'
import { bandSize, type Numbers } from './settings.ts'

/*
 * The priorities of the index, within the band:
 *
 *     0-2          the plain form
 *     3-5          marks (marking.ts)
 *     6-…          sections, by the length of their prefix: three numbers each
 *     …            buckets: two numbers each
 *     barrier      nothing falls from the buckets into the ENIs
 *     …-998        ENIs: three numbers each
 *     999          the end: where everything goes that is not ours
 *
 * A goto leads to a higher priority only, so a prefix has to come after those that hold it. Sections and buckets have
 * their number from a hash of their prefix alone: an address that comes or goes renumbers nothing. Two prefixes may
 * share a number; what lies there is then asked one after the other, and means the same.
 */

/** Bits by which one section tells its parts apart. */
export const digitBits = 4

/** How many ENIs of a family have numbers. The largest instances have 60 or so. */
export const eniSlots = 64

const perSection = 3
const perBucket = 2
const perEni = 3
const firstSection = 6
const end = bandSize.priority - 1
const firstEni = end - perEni * eniSlots
const barrier = firstEni - 1

/**
 * Sections by the digits of their prefix. Most where addresses part: inside a VPC's IPv4 block of /16 or longer, and in
 * IPv6 behind the /64 of a subnet. The last digit never has a section: a bucket holds as much.
 */
const sectionSlots: Readonly<Record<Family, readonly number[]>> = {
  4: [1, 2, 2, 2, 8, 24, 48],
  6: Array.from({ length: 31 }, (_, digits) => (digits < 8 ? 1 : digits < 16 ? 4 : 7)),
}

/** Of each depth the first number of its sections; of the depth behind the last the first bucket's. */
const sectionStarts: Readonly<Record<Family, readonly number[]>> = {
  4: startsOf(sectionSlots[4]),
  6: startsOf(sectionSlots[6]),
}

function startsOf(slots: readonly number[]): number[] {
  const starts = [firstSection]
  for (const count of slots) {
    starts.push((starts.at(-1) as number) + perSection * count)
  }
  return starts
}

/** Where the part of a rule is in the index; `plain` for the priorities of the plain form, and marks. */
export type Part = 'plain' | 'search' | 'eni' | 'end'

export const partOf = (numbers: Numbers, priority: number): Part => {
  const offset = priority - numbers.priorityBase
  return offset < firstSection ? 'plain' : offset < firstEni ? 'search' : offset < end ? 'eni' : 'end'
}

/** A section's numbers: where it begins and what leads to sections, what leads to buckets, the way out. */
export function sectionAt({ priorityBase }: Numbers, family: Family, digits: string) {
  const slots = sectionSlots[family][digits.length] as number
  const start = sectionStarts[family][digits.length] as number
  const first = priorityBase + start + perSection * (hash(digits) % slots)
  return { sections: first, buckets: first + 1, exit: first + 2 }
}

/** A bucket's numbers: the addresses, the way out. `key` names its prefix. */
export function bucketAt({ priorityBase }: Numbers, family: Family, key: string) {
  const start = sectionStarts[family].at(-1) as number
  const slots = Math.floor((barrier - start) / perBucket)
  const first = priorityBase + start + perBucket * (hash(key) % slots)
  return { addresses: first, exit: first + 1 }
}

/**
 * An ENI's numbers: where its addresses enter, the lookup of main, that of its own table, the way out. Without link groups
 * there is no lookup of main to enter at, and the kernel follows a goto to a rule of exactly that priority alone.
 */
export function eniAt({ priorityBase, linkGroup }: Numbers, slot: number) {
  const main = priorityBase + firstEni + perEni * slot
  return { entry: linkGroup === 0 ? main + 1 : main, main, table: main + 1, exit: main + 2 }
}

export const barrierAt = ({ priorityBase }: Numbers): number => priorityBase + barrier
export const endAt = ({ priorityBase }: Numbers): number => priorityBase + end

/**
 * A slot for each table. It depends on the table's place in the band, so that it stays as long as the table does;
 * undefined where there are more tables than slots.
 */
export function eniSlotsOf(tables: readonly number[], { tableBase }: Numbers): ReadonlyMap<number, number> | undefined {
  if (tables.length > eniSlots) {
    return undefined
  }
  const taken = new Set<number>()
  const slots = new Map<number, number>()
  for (const number of [...tables].sort((a, b) => a - b)) {
    let slot = (number - tableBase) % eniSlots
    while (taken.has(slot)) {
      slot = (slot + 1) % eniSlots
    }
    taken.add(slot)
    slots.set(number, slot)
  }
  return slots
}

/** FNV-1a, with the last bits mixed: neighbouring prefixes differ in their last digit alone. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  }
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d)
  return (value ^ (value >>> 12)) >>> 0
}
