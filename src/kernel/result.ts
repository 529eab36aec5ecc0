import { isOutcomeUnknown, type NetlinkError } from '../netlink/errors.ts'
import type { Change } from '../state/change.ts'
import type { ChangeResult } from './port.ts'

/** Errors that say that the kernel is in the wanted state already. */
const already: Readonly<Record<string, readonly string[]>> = {
  add: ['EEXIST'],
  delete: ['ESRCH', 'ENOENT', 'ENODEV', 'EADDRNOTAVAIL'],
  reset: ['ENODEV'],
}

/** What the kernel's answer says of a change; undefined is its consent. */
export function resultOf({ op }: Pick<Change, 'op'>, error: NetlinkError | undefined): ChangeResult {
  if (!error) {
    return { done: true, already: false }
  }
  const { code, kernelText: message = '' } = error
  if (already[op]?.includes(code)) {
    return { done: true, already: true }
  }
  return { done: false, code, message, ...(isOutcomeUnknown(error) && { unanswered: true }) }
}
