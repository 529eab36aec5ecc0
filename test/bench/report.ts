import type { Machine } from './machine.ts'
import { type Goal, judge, type Row } from './row.ts'
import type { Interval, Spread } from './spread.ts'

export const formatMachine = ({ processors, processor, memoryGiB, kernel, node, at }: Machine): string =>
  `${processors} × ${processor}, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}, ${at}`

/** Three digits, and none that tell nothing. */
export const number = (value: number | null): string =>
  value === null || !Number.isFinite(value)
    ? '?'
    : value >= 100
      ? value.toFixed(0)
      : value >= 10
        ? value.toFixed(1)
        : value >= 1
          ? value.toFixed(2)
          : Number(value.toPrecision(2)).toString()

const formatSpread = ({ n, p50, min, max, p99, failed }: Spread, unit: string): string =>
  n === 1
    ? `${number(p50)} ${unit}`
    : `p50 ${number(p50)} ${unit} (${number(min)} … ${n >= 100 ? `p99 ${number(p99)}` : number(max)}, n ${n}${failed ? `, ${failed} FAILED` : ''})`

/** `≤ 1.5 ×, p99 ≤ 3 ×`. */
export const formatGoal = ({ ratio, ratio99, value }: Goal, unit: string): string =>
  [
    ratio === undefined ? '' : `≤ ${number(ratio)} ×`,
    ratio99 === undefined ? '' : `p99 ≤ ${number(ratio99)} ×`,
    value === undefined ? '' : `≤ ${number(value)} ${unit}`,
  ]
    .filter((text) => text !== '')
    .join(', ')

export const formatRatio = (ratio: number | undefined, within: Interval | undefined): string =>
  ratio === undefined
    ? ''
    : `${number(ratio)} ×${within && within[0] !== within[1] ? ` (${number(within[0])}-${number(within[1])})` : ''}`

/** One row with its yardsticks, for people. */
export function formatRow(row: Row): string {
  const { goal: verdict, ratio, ratioWithin, ratio99, ratio99Within } = judge(row)
  const goal = row.goal && verdict ? `  goal ${formatGoal(row.goal, row.unit)}: ${verdict.toUpperCase()}` : ''
  const ratios = [
    formatRatio(ratio, ratioWithin),
    ...(row.goal?.ratio99 === undefined ? [] : [`p99 ${formatRatio(ratio99, ratio99Within)}`]),
  ]
  return [
    `${row.what}${goal}`,
    `    ${'ours'.padEnd(nameWidth)} ${formatSpread(row.ours, row.unit)}  ${ratios.join(', ')}`.trimEnd(),
    ...row.yardsticks.map(({ name, spread }) => `    ${name.padEnd(nameWidth)} ${formatSpread(spread, row.unit)}`),
  ].join('\n')
}

const nameWidth = 38

/** All rows as a table of Markdown. */
export const markdown = (rows: readonly Row[]): string =>
  [
    '| item | what | ours | beside | ratio to the first | goal | |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) => {
      const { goal, ratio, ratioWithin, ratio99 } = judge(row)
      const [first, ...others] = row.yardsticks
      const aside = ({ name, spread }: Row['yardsticks'][0]) => `${brief(spread, row.unit)} ${name}`
      const ratios = `${formatRatio(ratio, ratioWithin)}${row.goal?.ratio99 === undefined ? '' : `, p99 ${number(ratio99 ?? null)} ×`}`
      const cells = [
        ...[
          row.item,
          row.what,
          brief(row.ours, row.unit),
          first ? [aside(first), ...others.map(aside)].join('; ') : '',
        ],
        ...[ratios, row.goal ? formatGoal(row.goal, row.unit) : '', goal ?? ''],
      ]
      return `| ${cells.join(' | ')} |`
    }),
  ].join('\n')

const brief = ({ n, p50, p99, max }: Spread, unit: string): string =>
  `${number(p50)}${n >= 100 ? ` (p99 ${number(p99)})` : n > 1 ? ` (most ${number(max)})` : ''} ${unit}`
