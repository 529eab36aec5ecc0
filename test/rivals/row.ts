import type { Healed } from './timeline.ts'

/** What one action of a rival did to us, and what became of it. */
export interface Row {
  readonly rival: string
  readonly action: string
  /** How often the action was done. */
  readonly times: number
  /** Rules and routes of ours that others deleted, as `ip monitor` told. */
  readonly deleted: { readonly rules: number; readonly routes: number }
  /** Routes of ours that the kernel dropped without an event, with an address or a link. */
  readonly vanished: number
  /** Packets of a 1 ms ping from beyond the router, by ENI. */
  readonly pings: readonly PingCount[]
  readonly healed: readonly Healed[]
  /** Frames that the VPC dropped since they left by the wrong ENI. */
  readonly wrongWay: number
  /** Foreign rules and routes that are not as they were. */
  readonly foreignChanged: readonly string[]
  /** Changes of the daemon to anything that is not ours: has to be empty. */
  readonly trespasses: readonly string[]
  readonly daemonRuns: boolean
  readonly note?: string
}

export interface PingCount {
  readonly eni: string
  readonly sent: number
  /** Lost while the ENI's address, link or router was there. */
  readonly lost: number
  /** Lost while it was away by the rival's doing, and ms that it was. */
  readonly lostAway: number
  readonly awayMs: number
}

const headings = [
  'rival',
  'action',
  'deleted of ours',
  'lost',
  'lost while away',
  'healed: n, p50, worst (ms)',
  'foreign',
  'note',
]

export const markdownTable = (rows: readonly Row[]): string =>
  [headings, headings.map(() => '---'), ...rows.map(cells)].map((line) => `| ${line.join(' | ')} |`).join('\n')

function cells(row: Row): string[] {
  const { deleted, vanished, pings, times } = row
  const away = pings.filter(({ awayMs }) => awayMs > 0)
  return [
    row.rival,
    times === 1 ? row.action : `${row.action}, ${times} times`,
    [
      deleted.rules > 0 ? `${deleted.rules} rules` : '',
      deleted.routes > 0 ? `${deleted.routes} routes` : '',
      vanished > 0 ? `${vanished} routes silently` : '',
    ]
      .filter(Boolean)
      .join(', ') || 'nothing',
    pings.map(({ eni, lost }) => `${eni} ${lost}`).join(', '),
    away.map(({ eni, lostAway, awayMs }) => `${eni} ${lostAway} (${Math.round(awayMs)} ms)`).join(', ') || '-',
    healedCell(row.healed),
    row.foreignChanged.length === 0 ? 'untouched' : `the rival took: ${row.foreignChanged.join('; ')}`,
    row.note ?? '',
  ]
}

function healedCell(all: readonly Healed[]): string {
  const { count, p50, worst } = spread(all)
  return count === 0 ? '-' : `${count}, ${p50.toFixed(1)}, ${worst.toFixed(1)}`
}

/** Median and maximum; of nothing both are 0. */
export function spread(all: readonly Healed[]): { count: number; p50: number; worst: number } {
  const sorted = all.map(({ took }) => took).sort((a, b) => a - b)
  return { count: sorted.length, p50: sorted[sorted.length >> 1] ?? 0, worst: sorted.at(-1) ?? 0 }
}
