/** Something that breaks symmetric routing, will break it, or fights the daemon. */
export interface Finding {
  /** error: packets go wrong now, or the daemon can't do its work. warning: they will, or some of them do. */
  readonly severity: 'error' | 'warning'
  /** Stable, for programs: `networkd-foreign-rules`. */
  readonly id: string
  readonly what: string
  /** `FILE:LINE: text`, or an object as ip(8) prints it. */
  readonly evidence: readonly string[]
  /** A command, or the edit that ends it. */
  readonly cure: string
}

/** Errors first; otherwise in the order in which they were found. */
export const bySeverity = (findings: readonly Finding[]): Finding[] =>
  [...findings].sort((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'))
