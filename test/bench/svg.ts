import type { Machine } from './machine.ts'
import { formatMachine } from './report.ts'
import type { Row } from './row.ts'
import type { Spread } from './spread.ts'

const width = 1000
const left = 420
const lineHeight = 20
const markup = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

interface Bar {
  readonly label: string
  readonly spread: Spread
  readonly unit: string
  readonly ours: boolean
}

/** All rows as bars from p50 to p99 on one logarithmic scale a unit; ours in blue, yardsticks in grey. */
export function plot(rows: readonly Row[], machine: Machine): string {
  const bars = rows.flatMap(({ what, unit, ours, yardsticks }): Bar[] => [
    { label: what, spread: ours, unit, ours: true },
    ...yardsticks.map(({ name, spread }) => ({ label: name, spread, unit, ours: false })),
  ])
  const scales = new Map([...new Set(bars.map(({ unit }) => unit))].map((unit) => [unit, scaleOf(bars, unit)]))
  const height = 80 + bars.length * lineHeight
  const body = bars.map((bar, i) => drawBar(bar, 60 + i * lineHeight, scales.get(bar.unit)!))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="10" y="20" font-size="15" font-weight="bold">eni-routed beside its yardsticks: p50 (bar), p99 (line), logarithmic</text>
<text x="10" y="40" fill="#555">${markup(formatMachine(machine))}</text>
${body.join('\n')}
</svg>
`
}

type Scale = (value: number) => number

function scaleOf(bars: readonly Bar[], unit: string): Scale {
  const values = bars.filter((bar) => bar.unit === unit).flatMap(({ spread }) => [spread.min, spread.p99])
  const positive = values.filter((value) => value > 0)
  const [low, high] = [Math.log(Math.min(...positive) / 2), Math.log(Math.max(...positive))]
  return (value) => ((Math.log(Math.max(value, Math.exp(low))) - low) / (high - low || 1)) * (width - left - 110)
}

function drawBar({ label, spread: { p50, p99 }, unit, ours }: Bar, y: number, scale: Scale): string {
  const [median, tail] = [left + scale(p50), left + scale(p99)].map((x) => x.toFixed(1)) as [string, string]
  const colour = ours ? '#1f6fb2' : '#aaa'
  const text = `${p50.toPrecision(3)} ${unit}`
  return `<text x="${left - 8}" y="${y + 12}" text-anchor="end"${ours ? ' font-weight="bold"' : ' fill="#555"'}>${markup(label)}</text>
<rect x="${left}" y="${y + 3}" width="${(Number(median) - left).toFixed(1)}" height="11" fill="${colour}"/>
<line x1="${median}" y1="${y + 8.5}" x2="${tail}" y2="${y + 8.5}" stroke="${colour}"/>
<text x="${(Number(tail) + 5).toFixed(1)}" y="${y + 12}">${markup(text)}</text>`
}
