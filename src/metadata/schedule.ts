import type { Leaf } from './documents.ts'

/*
 * When to ask again. Pure: attempts are counted from 0, chance is a number from 0 to 1, results are ms.
 */

/** Doubles from `first` up to `longest`; the whole is scattered over its upper half, so that hosts do not ask in step. */
const exponential = (attempt: number, first: number, longest: number, chance: number): number =>
  Math.min(longest, first * 2 ** Math.min(attempt, 30)) * (0.5 + chance / 2)

/** The service fails: 503, time-outs, resets. With somebody waiting for it, it is asked at least every second. */
export const afterFailure = (attempt: number, urgent: boolean, chance: number): number =>
  exponential(attempt, 50, urgent ? 1_000 : 60_000, chance)

/** Nobody listens there. A link or an address that comes ends the wait early. */
export const afterSilence = (attempt: number, refresh: number, chance: number): number =>
  exponential(attempt, 1_000, refresh, chance)

/**
 * The documents of an ENI are not there, or not whole; they come 3 to 60 s after the ENI. An ENI that waits for its
 * addresses can't answer before: one or two small questions ten times a second. Nobody waits for the rest.
 */
export const afterAbsence = (attempt: number, urgent: boolean, refresh: number, chance: number): number =>
  urgent ? 100 : exponential(attempt, 500, refresh, chance)

/** ms that missing documents are waited for; what is not there after ten minutes has another fault. */
export const urgentFor = 600_000

/** ms from whole documents to a second look for what was not in them: they come piece by piece. */
export const settling = 15_000

/** ms to the next look at documents that are whole: the refresh, or up to a tenth less. */
export const nextRefresh = (refresh: number, chance: number): number => refresh * (1 - chance / 10)

/** ms from a document that lacks an address to the one that may confirm it. */
export const confirmation = 2_000

/** The refreshes after which documents that change seldom are read again in mode "imds". */
const seldom = 24

/**
 * What to ask about an ENI at its n-th refresh. One document at a time, in turn: 12 requests an hour and ENI; among them
 * what every ENI should have and this one has not (`missing`). Where this
 * program gives the ENI its addresses, they are what counts, and are read at every refresh.
 */
export function refreshLeaves(
  round: number,
  { adopted, hasIpv6, missing }: { adopted: boolean; hasIpv6: boolean; missing: readonly Leaf[] },
): readonly Leaf[] {
  const changing: readonly Leaf[] = ['local-ipv4s', 'ipv4-prefix', 'ipv6s', 'ipv6-prefix']
  const inTurn = [...changing, ...missing.filter((leaf) => !changing.includes(leaf))]
  if (!adopted) {
    return inTurn.slice(round % inTurn.length, (round % inTurn.length) + 1)
  }
  return round % seldom === seldom - 1 ? inTurn : hasIpv6 ? ['local-ipv4s', 'ipv6s'] : ['local-ipv4s']
}
