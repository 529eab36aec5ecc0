import type { Change } from '../state/change.ts'
import { markTableKey } from '../state/marking.ts'
import type { Snapshot } from '../state/snapshot.ts'
import type { Desired } from './desired.ts'
import { everyNumbers } from './ownership.ts'
import type { Settings } from './settings.ts'

/** The changes that marks take besides rules: the nftables table, and that rp_filter minds them. */
export function diffMarking(snapshot: Snapshot, desired: Desired, settings: Settings): Change[] {
  return [...diffSrcValidMark(snapshot, desired, settings), ...diffTable(snapshot, desired)]
}

/**
 * The kernel takes every number but 0 for yes: our protocol number is our signature, so that what somebody else switched
 * on is told from what we did, and stays.
 */
function diffSrcValidMark(snapshot: Snapshot, { marking }: Desired, settings: Settings): Change[] {
  const ours = new Set(everyNumbers(settings).map((numbers) => numbers.protocol))
  return snapshot.links.flatMap((link): Change[] => {
    const { srcValidMark: value = 0 } = link
    const wanted = marking.links.get(link.index)
    if (wanted !== undefined) {
      const cause = 'rp_filter has to mind the marks of redirected packets'
      const right = value !== 0 && (value === wanted || !ours.has(value))
      return right ? [] : [{ op: 'set', kind: 'src_valid_mark', link, value: wanted, cause }]
    }
    return ours.has(value) ? [{ op: 'reset', kind: 'src_valid_mark', link, value: 0, cause: 'no longer wanted' }] : []
  })
}

function diffTable({ marking: seen }: Snapshot, { marking: wanted }: Desired): Change[] {
  if (!seen || seen.unavailable) {
    return []
  }
  if (!wanted.table) {
    return seen.table ? [{ op: 'delete', kind: 'nft', table: seen.table, cause: 'no longer wanted' }] : []
  }
  if (seen.table && markTableKey(seen.table) === markTableKey(wanted.table)) {
    return []
  }
  const cause = 'replies of forwarded connections leave by the ENI that they came in by'
  return [{ op: seen.table ? 'replace' : 'add', kind: 'nft', table: wanted.table, cause }]
}
