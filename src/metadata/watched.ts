import type { Desired } from '../policy/desired.ts'
import { mayBeEni } from '../policy/enis.ts'
import type { Settings } from '../policy/settings.ts'
import type { Snapshot } from '../state/snapshot.ts'

/** A link that the metadata may know, as the daemon sees it. */
export interface Watched {
  readonly mac: string
  readonly linkIndex: number
  readonly name: string
  /** It is an ENI without the metadata's word: its documents are awaited for as long as it lives. */
  readonly isEni: boolean
  /** It waits for the addresses that the metadata lists. */
  readonly bare: boolean
  /** This program gives it its addresses. */
  readonly adopted: boolean
}

/** The links to ask about: ENIs, and those that the metadata might name. Of several with one MAC the first. */
export function watchedLinks({ links }: Snapshot, { enis }: Desired, { knowledge }: Settings): Watched[] {
  const isEni = new Set(enis.map(({ eni }) => eni.link.index))
  const candidates = links.filter((link) => link.mac !== '' && (isEni.has(link.index) || mayBeEni(link)))
  const byMac = new Map(candidates.toReversed().map((link) => [link.mac, link]))
  return [...byMac.values()].map(({ index, mac, name }) => ({
    mac,
    linkIndex: index,
    name,
    isEni: isEni.has(index),
    bare: false,
    adopted: knowledge.adopted.has(mac),
  }))
}
