import type { Interest } from '../policy/interest.ts'
import type { Answer } from '../policy/outcome.ts'
import type { Question } from '../policy/questions.ts'
import type { EventSketch, Urgency } from '../policy/relevance.ts'
import type { Change } from '../state/change.ts'
import type { Family } from '../state/ip.ts'
import type { Link } from '../state/link.ts'
import type { Route } from '../state/route.ts'
import type { Rule } from '../state/rule.ts'
import type { Snapshot } from '../state/snapshot.ts'

/** Tells, from links and rules, which routes an observation has to read. */
export type InterestOf = (links: readonly Link[], rules: readonly Rule[]) => Interest

/** What became of one change. */
export type ChangeResult =
  /**
   * `already`: the kernel was in that state (EEXIST on add, ESRCH or ENOENT on delete). `unacknowledged`: its answer was lost,
   * and what was seen afterwards tells.
   */
  | { readonly done: true; readonly already: boolean; readonly unacknowledged?: true }
  /** `unanswered`: the answer was lost, and it may be done all the same. */
  | { readonly done: false; readonly code: string; readonly message: string; readonly unanswered?: true }

/** What an event was about, in words few enough to count by. */
export type Sighting = `${EventSketch['kind']} ${'changed' | 'deleted'}` | 'nftables changed' | 'events lost'

/** What the daemon is told of an event: a hint to look again, never a fact to act on. */
export interface Hint {
  readonly urgency: 'now' | 'soon'
  /** What happened, for the audit: `rule deleted by process 812`. Looks at that process when it is first read. */
  readonly what: string
  readonly sighting: Sighting
}

/** Decides about one event, on the little that is cheap to read. */
export type Relevance = (event: EventSketch) => Urgency

/** The kernel of the network namespace that the process runs in. */
export interface Kernel {
  /**
   * Reads links, addresses, rules and the routes of interest. A thorough one reads everything anew; another may use what
   * it read of main before, if no event has touched it since. @throws {NetlinkError}
   */
  observe(interestOf: InterestOf, thorough: boolean): Snapshot
  /** Applies the changes in order as one batch; one result each, in the same order. @throws {NetlinkError} */
  apply(changes: readonly Change[]): ChangeResult[]
  /** Writes the requests that `apply` would send, and sends nothing. */
  rehearse(changes: readonly Change[]): void
  /** Asks by which way a packet would leave; sends nothing. */
  ask(question: Question): Answer
  /** Routes of every table that refuse packets: unreachable, blackhole, prohibit. */
  refusingRoutes(family: Family): readonly Route[]
  /**
   * Calls back at every relevant event, and when events were lost, from a macrotask of its own. The process's own changes
   * are no events.
   */
  watch(relevance: Relevance, onHint: (hint: Hint) => void): void
  /**
   * Sends a message to the socket that hears events, and calls back when it arrives there by way of the event loop; false
   * where it could not be sent. A daemon that does not hear itself is deaf for events too.
   */
  echo(heard: () => void): boolean
  close(): void
}
