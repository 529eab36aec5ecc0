import type { Assessment } from '../assess.ts'
import type { ConfigFault } from '../config/fault.ts'
import type { Config } from '../config/schema.ts'
import type { DaemonReport } from '../instance/report.ts'
import type { Wire } from '../netlink/link-wire.ts'
import type { WrongOutcome } from '../policy/outcome.ts'
import type { Settings } from '../policy/settings.ts'
import type { Family } from '../state/ip.ts'
import type { Route } from '../state/route.ts'
import type { Snapshot } from '../state/snapshot.ts'
import type { Files } from './files.ts'
import type { Finding } from './finding.ts'

/** The daemon of this network namespace. */
export type DaemonState =
  /** `died`: a process that had the lock and did not take its file away, as it does at a regular end. */
  | { readonly state: 'absent'; readonly died?: number }
  | { readonly state: 'running'; readonly report: DaemonReport }
  /** It has the lock and does not answer. */
  | { readonly state: 'silent'; readonly pid: number }

export interface KernelState {
  readonly assessment: Assessment
  /** The ways that the kernel would send packets and ought not to. */
  readonly outcomes: readonly WrongOutcome[]
  /** Every route of main through a link, and of every table that a rule asks, whoever owns them. */
  readonly all: Snapshot
  /** Routes of any table that refuse packets. */
  readonly refusing: readonly Route[]
}

export interface Process {
  readonly pid: number
  /** The first 15 characters of its name (proc(5), comm). */
  readonly name: string
  readonly command: readonly string[]
  /** ms since 1970. */
  readonly startedAt: number
}

/** A UDP socket that is bound to a port, and to no address and no link. */
export interface WildcardSocket {
  /** Those whose packets it takes: one of IPv6 takes both, unless it was told not to (IPV6_V6ONLY). */
  readonly families: readonly Family[]
  readonly port: number
  /** undefined: it belongs to a process that may not be looked into. */
  readonly process?: Process
}

/** A rule of the packet filter that sends connections on to another address. */
export interface Redirection {
  readonly family: 4 | 6 | undefined
  /** The rule as its tool prints it. */
  readonly text: string
  /** It holds for packets to these addresses alone; empty: whatever the address. */
  readonly addresses: readonly string[]
  /** It holds for packets that come in by this link alone. */
  readonly iif?: string
}

/** A rule of the packet filter that drops or rejects what passes a hook. */
export interface Drop {
  /** As its tool prints it, with table and chain. */
  readonly text: string
  /** The command that takes it out. */
  readonly removal: string
  readonly hook?: 'input' | 'output'
  /** All that comes in, or goes out, by this link; undefined where it selects by more, or otherwise. */
  readonly link?: string
  /** Addresses of the rule. */
  readonly addresses: readonly string[]
}

/** What became of the two requests that tell most of the metadata service. */
export interface MetadataProbe {
  readonly endpoint: string
  /** The HTTP status or the reason without an answer (`timeout`, `ECONNREFUSED`): of a token, and of the root document without one. */
  readonly token: number | string
  readonly bare: number | string
}

/** All that the checks know; gathered once, plain data. What is undefined could not be seen. */
export interface Evidence {
  readonly config: Config
  readonly configFaults: readonly ConfigFault[]
  readonly settings: Settings
  readonly daemon: DaemonState
  readonly kernel: KernelState | undefined
  /** Why the kernel could not be read. */
  readonly kernelRefusal?: { readonly code: string; readonly message: string }
  readonly files: Files
  /** When each of the files came to be as it is (ctime, ms since 1970). */
  readonly changedAt: ReadonlyMap<string, number>
  readonly processes: readonly Process[]
  readonly wildcards: readonly WildcardSocket[] | undefined
  readonly redirections: readonly Redirection[] | undefined
  readonly drops: readonly Drop[] | undefined
  readonly wires: readonly Wire[] | undefined
  readonly metadata: MetadataProbe | undefined
}

/** Pure: evidence in, findings out. */
export interface Check {
  /** The files that it looks at, as globs from the root. */
  readonly reads: readonly string[]
  readonly find: (evidence: Evidence) => readonly Finding[]
}
