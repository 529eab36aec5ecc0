import { bareLinks, looksAfter } from '../policy/addressing.ts'
import type { Desired } from '../policy/desired.ts'
import { differences } from '../policy/differences.ts'
import { mayBeEni } from '../policy/enis.ts'
import type { Settings } from '../policy/settings.ts'
import type { Link } from '../state/link.ts'
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
  /** Addresses that the kernel has there and no document lists: new ones, or wrong ones. */
  readonly unlisted: readonly string[]
}

/** The links that wait for addresses from this program, or for somebody else to configure them. */
export const bareOf = (snapshot: Snapshot, enis: Desired['enis'], settings: Settings): Link[] =>
  bareLinks(
    enis.map(({ eni }) => eni),
    snapshot,
    settings,
  )

/** The links to ask about: ENIs, and those that the metadata might name. Of several with one MAC the first. */
export function watchedLinks(snapshot: Snapshot, desired: Desired, settings: Settings): Watched[] {
  const { enis } = desired
  const { links } = snapshot
  const isEni = new Set(enis.map(({ eni }) => eni.link.index))
  const bare = new Set(bareOf(snapshot, enis, settings))
  const candidates = links.filter((link) => link.mac !== '' && (isEni.has(link.index) || mayBeEni(link)))
  const byMac = new Map(candidates.toReversed().map((link) => [link.mac, link]))
  const unlisted = new Map(differences(snapshot, desired, settings).map((d) => [d.eni.link.index, d.unlisted]))
  return [...byMac.values()].map((link) => ({
    mac: link.mac,
    linkIndex: link.index,
    name: link.name,
    isEni: isEni.has(link.index),
    bare: bare.has(link),
    adopted: looksAfter(link, snapshot, settings),
    unlisted: unlisted.get(link.index) ?? [],
  }))
}
