import type { Fault, FaultResult } from './faults-run.ts'
import { median } from './faults-run.ts'

const header = ['FAULT', 'TRIES', 'HEALED', 'P50 ms', 'WORST ms', 'LOST', 'FOREIGN TOUCHED']

/** A row of the report: numbers as text. */
export const reportRow = ({ name, tries, healed, times, lost, foreign, idle }: FaultResult, fault: Fault): string[] => [
  `${name}${idle > 0 ? ` (${idle} tries did nothing)` : ''}`,
  ...[tries, healed].map(String),
  // What never was wrong was not healed.
  ...(fault.harmless && (times.at(-1) ?? 0) === 0
    ? ['-', '-']
    : [median(times), times.at(-1) ?? 0].map((ms) => ms.toFixed(1))),
  ...[lost.length, foreign.length].map(String),
]

/** Aligned columns: the fault's name to the left, numbers to the right. */
export function asText(rows: readonly (readonly string[])[]): string[] {
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number))).join('  '),
  )
}

export const asMarkdown = (rows: readonly (readonly string[])[]): string[] => [
  `| ${header.map((word) => word.toLowerCase()).join(' | ')} |`,
  `|---|${'---:|'.repeat(header.length - 1)}`,
  ...rows.map((row) => `| ${row.join(' | ')} |`),
]

/** How a process grew over the tries that came after the warm-up; undefined where there were too few. */
export function growth({ resources }: FaultResult, warmUp: number): { rss: number; descriptors: number } | undefined {
  const [before, after] = [resources[warmUp - 1], resources.at(-1)]
  return before && after && resources.length > warmUp
    ? { rss: after.rssKiB / before.rssKiB, descriptors: after.descriptors - before.descriptors }
    : undefined
}
