import type { Leaf } from './documents.ts'

/*
 * When to ask again, and what. Pure: attempts are counted from 0, chance is a number from 0 to 1, results are ms.
 */

/** A document of an ENI, or the folder that they lie in: it names those that there are. */
export type Question = Leaf | 'folder'

/** Doubles from `first` up to `longest`; the whole is scattered over its upper half, so that hosts do not ask in step. */
const exponential = (attempt: number, first: number, longest: number, chance: number): number =>
  Math.min(longest, first * 2 ** Math.max(0, Math.min(attempt, 30))) * (0.5 + chance / 2)

/** Failures that a waiting ENI meets with the shortest pause: with a third of 503 one in 1,400 questions fails so often. */
const steadfast = 6

/**
 * The service fails: 503, 401, time-outs, resets. While an ENI waits for its addresses the pause is short and never longer
 * than 200 ms: of what was asked only those questions are asked again that were not answered.
 */
export const afterFailure = (attempt: number, urgent: boolean, chance: number): number =>
  urgent ? exponential(attempt - steadfast, 10, 200, chance) : exponential(attempt, 50, 60_000, chance)

/**
 * The service is on the host itself, and answers in 1 to 5 ms; a packet that is lost is sent again after a second (RFC 6298).
 * While an ENI waits it is better asked anew before that; a service that is slow gets more time, and more.
 */
export const deadline = (attempt: number, urgent: boolean): number =>
  urgent ? Math.min(1_000, 150 * 2 ** attempt) : 1_000

/** Nobody listens there. A link or an address that comes ends the wait early. */
export const afterSilence = (attempt: number, urgent: boolean, refresh: number, chance: number): number =>
  exponential(attempt, 1_000, urgent ? 1_000 : refresh, chance)

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

/** ms from one refresh to the next, or `auto`. */
export type Refresh = number | 'auto'

/** ms that `auto` means. */
export const usualRefresh = 300_000

/** The refresh of one ENI. Two documents to read at each one make the requests of one at half of its pace. */
export const refreshOf = (refresh: Refresh, documentsEachTime: number): number =>
  refresh === 'auto' ? usualRefresh * Math.max(1, documentsEachTime) : refresh

/** ms to the next look at documents that are whole: the refresh, or up to a tenth less. */
export const nextRefresh = (refresh: number, chance: number): number => refresh * (1 - chance / 10)

/** ms from a document that lacks an address to the one that may confirm it; doubles while there is no such document. */
export const confirmation = (attempt: number, refresh: number): number => Math.min(refresh, 2_000 * 2 ** attempt)

/** ms from a folder that lacks a list to the one that may confirm it: the service may have a bad moment. */
export const absenceConfirmation = 60_000

/** One request in so many is for what changes seldom, where the addresses are read at every refresh. */
const seldom = 10

export const addressLists: readonly Leaf[] = ['local-ipv4s', 'ipv6s']
/** Documents that change in the life of an ENI. */
export const lists: readonly Leaf[] = ['local-ipv4s', 'ipv4-prefix', 'ipv6s', 'ipv6-prefix']

/** What a refresh may ask of one ENI. */
export interface Choice {
  /** What is read every time: lists of the addresses that this program gives. */
  readonly eachTime: readonly Question[]
  /** What is read in turn beside them. */
  readonly inTurn: readonly Question[]
}

/** What to ask at the n-th refresh: one document at a time, in turn. */
export function refreshQuestions(round: number, { eachTime, inTurn }: Choice): readonly Question[] {
  const every = eachTime.length === 0 ? 1 : Math.ceil(seldom / eachTime.length)
  const turn = Math.floor(round / every)
  const due = round % every === every - 1 ? inTurn[turn % inTurn.length] : undefined
  return due === undefined ? eachTime : [...eachTime, due]
}
