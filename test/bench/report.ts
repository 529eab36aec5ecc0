import type { Machine } from './machine.ts'
import { judge, type Row } from './row.ts'
import type { Spread } from './spread.ts'

export const formatMachine = ({ processors, processor, memoryGiB, kernel, node, load, at }: Machine): string =>
  `${processors} × ${processor}, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}, load ${load}, ${at}`

const number = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

const formatSpread = ({ n, p50, min, p99, failed }: Spread, unit: string): string =>
  n === 1
    ? `${number(p50)} ${unit}`
    : `p50 ${number(p50)} ${unit} (${number(min)} … p99 ${number(p99)}, n ${n}${failed ? `, ${failed} failed` : ''})`

/** One row with its yardsticks, for people. */
export function formatRow(row: Row): string {
  const { ratio, ratio99, met } = judge(row)
  const goals = [
    row.goal?.ratio === undefined ? '' : `≤ ${row.goal.ratio} ×`,
    row.goal?.ratio99 === undefined ? '' : `p99 ≤ ${row.goal.ratio99} ×`,
    row.goal?.value === undefined ? '' : `≤ ${row.goal.value} ${row.unit}`,
  ].filter((text) => text !== '')
  const verdict = met === undefined ? '' : `  goal ${goals.join(', ')}: ${met ? 'met' : 'MISSED'}`
  const ratios =
    ratio === undefined
      ? ''
      : `  ${number(ratio)} ×${ratio99 === undefined || row.ours.n < 20 ? '' : `, p99 ${number(ratio99)} ×`}`
  return [
    `${row.item}: ${row.what}${verdict}`,
    `    ours${' '.repeat(20)} ${formatSpread(row.ours, row.unit)}${ratios}`,
    ...row.yardsticks.map(({ name, spread }) => `    ${name.padEnd(24)} ${formatSpread(spread, row.unit)}`),
  ].join('\n')
}
