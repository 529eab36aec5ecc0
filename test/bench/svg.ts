import type { Machine } from './machine.ts'
import { formatGoal, formatMachine, formatRatio, number } from './report.ts'
import { judge, type Row } from './row.ts'
import type { Spread } from './spread.ts'

const width = 1200
const left = 470
const right = 330
const lineHeight = 18
const headingHeight = 40
const gap = 8
const markup = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const colours = { met: '#1a7f37', missed: '#c4321c', 'not judged': '#9a6700' }

/** All rows as bars from p50 to p99 (or the most), an item a chapter, on a logarithmic scale for each unit of it; ours in blue. */
export function plot(rows: readonly Row[], machine: Machine): string {
  const parts: string[] = []
  let y = 60
  for (const item of new Set(rows.map((row) => row.item))) {
    const own = rows.filter((row) => row.item === item)
    parts.push(`<text x="10" y="${y + 22}" font-size="14" font-weight="bold">${markup(item)}</text>`)
    y += headingHeight
    const scales = new Map([...new Set(own.map(({ unit }) => unit))].map((unit) => [unit, scaleOf(own, unit)]))
    for (const row of own) {
      parts.push(drawRow(row, y, scales.get(row.unit)!))
      y += lineHeight * (1 + row.yardsticks.length) + gap
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y + 20}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="10" y="24" font-size="16" font-weight="bold">eni-routed beside its yardsticks: median (bar), p99 or the most (line), logarithmic; ratios with 95 % confidence</text>
<text x="10" y="44" fill="#555">${markup(formatMachine(machine))}</text>
${parts.join('\n')}
</svg>
`
}

type Scale = (value: number) => number
const top = ({ n, p99, max }: Spread): number => (n >= 100 ? p99 : max)

function scaleOf(rows: readonly Row[], unit: Row['unit']): Scale {
  const spreads = rows
    .filter((row) => row.unit === unit)
    .flatMap(({ ours, yardsticks }) => [ours, ...yardsticks.map((one) => one.spread)])
  const positive = spreads.flatMap((one) => [one.p50, top(one)]).filter((value) => value > 0)
  const [low, high] = [Math.log(Math.min(...positive) / 2), Math.log(Math.max(...positive))]
  return (value) => ((Math.log(Math.max(value, Math.exp(low))) - low) / (high - low || 1)) * (width - left - right)
}

function drawRow(row: Row, y: number, scale: Scale): string {
  const { goal, ratio, ratioWithin } = judge(row)
  const bars = [{ name: row.what, spread: row.ours }, ...row.yardsticks]
  const ratios = formatRatio(ratio, ratioWithin)
  const verdict = row.goal && goal ? `${formatGoal(row.goal, row.unit)}: ${goal}` : ''
  return [
    ...bars.map(({ name, spread }, i) =>
      drawBar(name, spread, row.unit, { y: y + i * lineHeight, scale, ours: i === 0 }),
    ),
    `<text x="${width - 10}" y="${y + 12}" text-anchor="end">${markup(ratios)}</text>`,
    ...(goal
      ? [
          `<text x="${width - 10}" y="${y + 12 + lineHeight}" text-anchor="end" fill="${colours[goal]}">${markup(verdict)}</text>`,
        ]
      : []),
  ].join('\n')
}

interface Place {
  readonly y: number
  readonly scale: Scale
  readonly ours: boolean
}

function drawBar(label: string, spread: Spread, unit: string, { y, scale, ours }: Place): string {
  const [median, end] = [left + scale(spread.p50), left + scale(top(spread))].map((x) => x.toFixed(1)) as [
    string,
    string,
  ]
  const colour = ours ? '#1f6fb2' : '#aaa'
  return `<text x="${left - 8}" y="${y + 12}" text-anchor="end"${ours ? ' font-weight="bold"' : ' fill="#555"'}>${markup(label)}</text>
<rect x="${left}" y="${y + 3}" width="${(Number(median) - left).toFixed(1)}" height="11" fill="${colour}"/>
<line x1="${median}" y1="${y + 8.5}" x2="${end}" y2="${y + 8.5}" stroke="${colour}"/>
<text x="${(Number(end) + 5).toFixed(1)}" y="${y + 12}">${number(spread.p50)} ${unit}</text>`
}
