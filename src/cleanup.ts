import { type Applied, confirmed } from './applied.ts'
import type { Kernel } from './kernel/port.ts'
import { noAddressing, ourAddresses } from './policy/addressing.ts'
import { nothingDesired } from './policy/desired.ts'
import { diff } from './policy/diff.ts'
import { ourInterest } from './policy/interest.ts'
import type { Settings } from './policy/settings.ts'
import type { Change } from './state/change.ts'
import type { Snapshot } from './state/snapshot.ts'

export interface CleanupOutcome {
  readonly snapshot: Snapshot
  readonly applied: readonly Applied[]
  /** What is still there: the kernel refused to let it go, or somebody puts it back. */
  readonly left: readonly Change[]
}

/** Takes away exactly what is ours, and looks again until nothing is left, `rounds` times at most. @throws {NetlinkError} */
export function cleanup(kernel: Kernel, settings: Settings, rounds: number): CleanupOutcome {
  const applied: Applied[] = []
  let sent: readonly Applied[] = []
  for (let round = 0; ; round++) {
    const snapshot = kernel.observe(() => ourInterest(settings), true)
    applied.push(...confirmed(sent, snapshot))
    const addressing = { ...noAddressing, remove: ourAddresses(snapshot, settings) }
    const left = diff(snapshot, { ...nothingDesired, addressing }, settings)
    if (left.length === 0 || round === rounds) {
      return { snapshot, applied, left }
    }
    const results = kernel.apply(left)
    sent = left.flatMap((change, i) => (results[i] ? [{ change, result: results[i], repair: false }] : []))
  }
}
