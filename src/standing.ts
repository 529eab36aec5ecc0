import type { Desired } from './policy/desired.ts'
import type { Change } from './state/change.ts'
import type { Snapshot } from './state/snapshot.ts'

/** The changes that would make all of the desired state in an empty kernel: what stands after a verified pass. */
export function standing({ links }: Snapshot, { groups, addressing, routes, rules, marking }: Desired): Change[] {
  return [
    ...links.flatMap((link): Change[] => {
      const group = groups.get(link.index)
      return group === undefined ? [] : [{ op: 'set', kind: 'link', link, group, cause: 'an ENI' }]
    }),
    ...addressing.hold.map(
      (address): Change => ({ op: 'add', kind: 'address', address, cause: 'listed by the metadata' }),
    ),
    ...routes.map(({ route, why }): Change => ({ op: 'add', kind: 'route', route, cause: why })),
    ...rules.map(({ rule, why }): Change => ({ op: 'add', kind: 'rule', rule, cause: why })),
    ...links.flatMap((link): Change[] => {
      const value = marking.links.get(link.index)
      // Where somebody else switched it on, there is nothing of ours.
      return value === undefined || value !== link.srcValidMark
        ? []
        : [{ op: 'set', kind: 'src_valid_mark', link, value, cause: 'rp_filter minds marks' }]
    }),
    ...(marking.table
      ? [{ op: 'add', kind: 'nft', table: marking.table, cause: 'marks for forwarded connections' } as const]
      : []),
  ]
}

/** The change that takes away what `change` makes, of those objects that the kernel drops with a link; undefined for others. */
export function opposite(change: Change): Change | undefined {
  switch (change.kind) {
    case 'link':
      return { ...change, op: 'reset', group: 0 }
    case 'rule':
    case 'address':
      return { ...change, op: 'delete' }
    case 'route':
      return { ...change, op: 'delete' }
    default:
      return undefined
  }
}
