import type { Assessment } from '../assess.ts'
import type { DaemonReport } from '../instance/report.ts'
import type { LinkStatistics } from '../netlink/link-statistics.ts'

/** What has passed a link in a second. */
export interface Rate {
  readonly packetsIn: number
  readonly packetsOut: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** Something that changed, and when. */
export interface Happening {
  readonly at: Date
  readonly what: string
}

/** All that the screen shows. */
export interface View {
  readonly at: Date
  readonly assessment: Assessment
  readonly daemon: DaemonReport | undefined
  /** By ifindex. */
  readonly rates: ReadonlyMap<number, Rate>
  /** Those that are remembered, oldest first. */
  readonly happenings: readonly Happening[]
  /** Those that this look found. */
  readonly fresh: readonly Happening[]
}

export type Counts = ReadonlyMap<number, LinkStatistics>

/** Rates from two readings that lie `seconds` apart. A link whose counters fell is another one, or was reset: none. */
export function ratesOf(before: Counts, after: Counts, seconds: number): ReadonlyMap<number, Rate> {
  const rates = new Map<number, Rate>()
  for (const [index, now] of after) {
    const then = before.get(index)
    const rate = (key: keyof Rate) => (now[key] - (then?.[key] ?? now[key])) / seconds
    const found = {
      packetsIn: rate('packetsIn'),
      packetsOut: rate('packetsOut'),
      bytesIn: rate('bytesIn'),
      bytesOut: rate('bytesOut'),
    }
    if (seconds > 0 && Object.values(found).every((value) => value >= 0)) {
      rates.set(index, found)
    }
  }
  return rates
}

/** in sync, repairing, degraded, or single where there is nothing to do. */
export function verdictOf({ desired, pending, problems }: Assessment): 'single' | 'degraded' | 'pending' | 'in sync' {
  if (!desired.active) return 'single'
  if (problems.some(({ severity }) => severity === 'error')) return 'degraded'
  return pending.length > 0 ? 'pending' : 'in sync'
}
