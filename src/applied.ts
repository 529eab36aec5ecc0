import type { ChangeResult } from './kernel/port.ts'
import { addressKey } from './state/address.ts'
import { type Change, groupKey, linkUpKey, objectKey, srcValidMarkKey } from './state/change.ts'
import { markTableKey } from './state/marking.ts'
import { routeIdentity } from './state/route.ts'
import { ruleKey } from './state/rule.ts'
import type { Snapshot } from './state/snapshot.ts'

/** A change that was sent to the kernel, and what became of it. */
export interface Applied {
  readonly change: Change
  readonly result: ChangeResult
  /** The object stood before: this was a repair. */
  readonly repair: boolean
}

/** The kernel was changed by it: what was there already, or refused, was not. */
export const isDone = ({ result }: Applied): boolean => result.done && !result.already

/** Nobody knows what became of it: the answer was lost, and nothing was seen since that could tell. */
export const isUnknown = ({ result }: Applied): boolean => !result.done && result.unanswered === true

/**
 * What was sent, judged by what is seen afterwards where the kernel's answer was lost: it was seen to be missing before, so
 * what is there now was made by it. Of what a torn snapshot lacks nothing is known.
 */
export function confirmed(sent: readonly Applied[], seen: Snapshot): readonly Applied[] {
  if (!sent.some(isUnknown)) {
    return sent
  }
  const present = presentIn(seen)
  return sent.map((entry) => {
    const { change, result } = entry
    if (result.done || !isUnknown(entry)) return entry
    const isPresent = present.has(objectKey(change))
    if (!isPresent && seen.torn) return entry
    const isMade = isPresent === (change.op !== 'delete')
    const { code, message } = result
    return {
      ...entry,
      result: isMade ? { done: true, already: false, unacknowledged: true } : { done: false, code, message },
    }
  })
}

/** By the keys of changes. */
function presentIn({ links, addresses, rules, routes, marking }: Snapshot): ReadonlySet<string> {
  return new Set([
    ...links.flatMap(({ index, group, up, srcValidMark }) => [
      groupKey(index, group),
      ...(up ? [linkUpKey(index)] : []),
      ...(srcValidMark === undefined ? [] : [srcValidMarkKey(index, srcValidMark)]),
    ]),
    ...addresses.map(addressKey),
    ...rules.map(ruleKey),
    ...routes.map(routeIdentity),
    ...(marking?.table ? [markTableKey(marking.table)] : []),
  ])
}
