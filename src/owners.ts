import type { Desired } from './policy/desired.ts'
import type { Knowledge } from './policy/knowledge.ts'
import type { Change } from './state/change.ts'
import { prefixKey } from './state/prefix.ts'

/** The ENI that an object belongs to; `eni` is its id, where the metadata told it. */
export interface Owner {
  readonly interface: string
  readonly mac: string
  readonly eni?: string
}

/**
 * Tells whose an object is. What is taken away of an ENI that is gone was still that ENI's, so it takes earlier desired
 * states too; a later one prevails. A rule that asks main is its address's, and so the ENI's that the address leaves by.
 */
export function ownersOf(states: readonly Desired[], { enis }: Knowledge): (change: Change) => Owner | undefined {
  const byLink = new Map<number, Owner>()
  const byTable = new Map<number, Owner>()
  const bySource = new Map<string, Owner>()
  for (const { enis: plans, rules } of states) {
    for (const { eni, table } of plans) {
      const id = enis.get(eni.link.mac)?.id
      const owner = { interface: eni.link.name, mac: eni.link.mac, ...(id === undefined ? {} : { eni: id }) }
      byLink.set(eni.link.index, owner)
      if (table !== undefined) byTable.set(table, owner)
    }
    for (const { rule } of rules) {
      const owner = byTable.get(rule.table)
      if (owner && rule.source) bySource.set(prefixKey(rule.source), owner)
    }
  }
  return (change) => {
    switch (change.kind) {
      case 'link':
      case 'up':
      case 'src_valid_mark':
        return byLink.get(change.link.index)
      case 'address':
        return byLink.get(change.address.linkIndex)
      case 'route':
        return byTable.get(change.route.table) ?? byLink.get(change.route.nexthops[0]?.oif ?? -1)
      case 'nft':
        return undefined
      case 'rule':
        return byTable.get(change.rule.table) ?? (change.rule.source && bySource.get(prefixKey(change.rule.source)))
    }
  }
}
