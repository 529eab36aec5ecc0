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
  /** The kernel could not be read again: `applied` is as it answered, and `left` what it did not confirm. To be thrown once that is told. */
  readonly failure?: Error
}

/** Takes away exactly what is ours, and looks again until nothing is left, `rounds` times at most. @throws {NetlinkError} where nothing was done yet */
export function cleanup(kernel: Kernel, settings: Settings, rounds: number): CleanupOutcome {
  const applied: Applied[] = []
  let sent: readonly Applied[] = []
  let before: Snapshot | undefined
  for (let round = 0; ; round++) {
    let snapshot: Snapshot
    try {
      snapshot = kernel.observe(() => ourInterest(settings), true)
    } catch (failure) {
      if (!before) throw failure
      const left = sent.filter(({ result }) => !result.done).map(({ change }) => change)
      return { snapshot: before, applied: [...applied, ...sent], left, failure: failure as Error }
    }
    applied.push(...confirmed(sent, snapshot))
    const addressing = { ...noAddressing, remove: ourAddresses(snapshot, settings) }
    const left = diff(snapshot, { ...nothingDesired, addressing }, settings)
    if (left.length === 0 || round === rounds) {
      return { snapshot, applied, left }
    }
    const results = kernel.apply(left)
    sent = left.flatMap((change, i) => (results[i] ? [{ change, result: results[i], repair: false }] : []))
    before = snapshot
  }
}
