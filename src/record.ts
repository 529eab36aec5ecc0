import { ownersOf } from './owners.ts'
import type { Desired } from './policy/desired.ts'
import type { Knowledge } from './policy/knowledge.ts'
import { actionOf, type Change, formatChange } from './state/change.ts'
import { formatPrefix } from './state/prefix.ts'
import { linkNamer, type Snapshot } from './state/snapshot.ts'

/** What the audit tells of a change, by name; the journal has the same names as `ENI_ROUTED_NAME`. */
export interface ChangeRecord {
  readonly action: 'add' | 'replace' | 'delete'
  readonly object: Change['kind']
  /** Name, MAC and id of the ENI that the object belongs to. */
  readonly interface?: string
  readonly mac?: string
  readonly eni?: string
  /** Of a rule the source that it is for, of a route the one that it gives to packets. */
  readonly address?: string
  readonly table?: number
  readonly group?: number
  /** The command that a person would type. */
  readonly command: string
}

/** Describes changes to the kernel as `snapshot` saw it; `states` are the desired ones that they led from and to. */
export function recorder(
  snapshot: Snapshot,
  states: readonly Desired[],
  knowledge: Knowledge,
): (change: Change) => ChangeRecord {
  const linkName = linkNamer(snapshot)
  const ownerOf = ownersOf(states, knowledge)
  return (change) => ({
    action: actionOf(change),
    object: change.kind,
    ...subject(change, linkName),
    ...ownerOf(change),
    command: formatChange(change, linkName),
  })
}

function subject(change: Change, linkName: (index: number) => string) {
  switch (change.kind) {
    case 'link':
      return { interface: change.link.name, mac: change.link.mac, group: change.group }
    case 'up':
      return { interface: change.link.name, mac: change.link.mac }
    case 'address':
      return { interface: linkName(change.address.linkIndex), address: change.address.address }
    case 'src_valid_mark':
      return { interface: change.link.name, mac: change.link.mac }
    case 'nft':
      return {}
    case 'route': {
      const { table, prefsrc, nexthops } = change.route
      const oif = nexthops[0]?.oif
      return {
        ...(oif === undefined ? {} : { interface: linkName(oif) }),
        ...(prefsrc === undefined ? {} : { address: prefsrc }),
        table,
      }
    }
    case 'rule': {
      const { table, oif, source } = change.rule
      return { ...(oif ? { interface: oif } : {}), ...(source ? { address: formatPrefix(source) } : {}), table }
    }
  }
}
