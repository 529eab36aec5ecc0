import type { Address } from './address.ts'
import type { Link } from './link.ts'
import type { MarkingSight } from './marking.ts'
import type { Route } from './route.ts'
import type { Rule } from './rule.ts'

/**
 * What one observation of the kernel saw: every link, address and rule, and those routes that concern the program
 * (main's through ENIs, and all routes of the tables in its band).
 */
export interface Snapshot {
  readonly links: readonly Link[]
  readonly addresses: readonly Address[]
  readonly rules: readonly Rule[]
  readonly routes: readonly Route[]
  /** Tables of which every route was read: one that is not here may hold anything. */
  readonly tables: readonly number[]
  /** Other programs wrote rules or routes all through the dump: something may be missing, nothing is made up. */
  readonly torn: boolean
  /** Netfilter, where the look asked for it or a table of ours is there. */
  readonly marking?: MarkingSight
}

/** Links by index. */
export const linksByIndex = (snapshot: Snapshot): ReadonlyMap<number, Link> =>
  new Map(snapshot.links.map((link) => [link.index, link]))

/** The name of a link by index; `if7` for one that is gone, as `ip` prints it. */
export const linkNamer = (snapshot: Snapshot): ((index: number) => string) => {
  const links = linksByIndex(snapshot)
  return (index) => links.get(index)?.name ?? `if${index}`
}
