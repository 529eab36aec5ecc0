import type { Family, Labels, Sample } from './family.ts'

/**
 * Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats): the only one that the node
 * exporter's textfile collector and promtool read. No timestamps: the collector refuses files that have any.
 */
export const prometheusText = (families: readonly Family[]): string =>
  families
    .map((family) => {
      const name = family.name + sampleSuffix(family)
      const type = family.type === 'info' ? 'gauge' : family.type
      return `# HELP ${name} ${escapeHelp(family.help)}\n# TYPE ${name} ${type}\n${sampleLines(family)}`
    })
    .join('')

/** OpenMetrics 1.0 (github.com/OpenObservability/OpenMetrics): a counter's `_total` is no part of its name. */
export const openMetricsText = (families: readonly Family[]): string =>
  `${families
    .map((family) => {
      const unit = /_(seconds|bytes)$/.exec(family.name)?.[1]
      const unitLine = unit ? `# UNIT ${family.name} ${unit}\n` : ''
      const help = escapeHelp(family.help).replaceAll('"', '\\"')
      const lines = sampleLines({ ...family, samples: family.samples.map(canonicalBound) })
      return `# TYPE ${family.name} ${family.type}\n${unitLine}# HELP ${family.name} ${help}\n${lines}`
    })
    .join('')}# EOF\n`

/** OpenMetrics wants `le="1.0"` where Prometheus' own format has `le="1"`. */
const canonicalBound = (sample: Sample): Sample =>
  /^\d+$/.test(sample.labels.le ?? '')
    ? { ...sample, labels: { ...sample.labels, le: `${sample.labels.le}.0` } }
    : sample

const sampleLines = (family: Family): string =>
  family.samples
    .map(
      ({ suffix, labels, value }) => `${family.name}${suffix ?? sampleSuffix(family)}${labelText(labels)} ${value}\n`,
    )
    .join('')

const sampleSuffix = ({ type }: Family): string =>
  ({ counter: '_total', info: '_info', gauge: '', histogram: '' })[type]

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeHelp(value).replaceAll('"', '\\"')}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
