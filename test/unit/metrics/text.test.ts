import { expect, test } from 'vitest'
import { Counter } from '../../../src/metrics/counter.ts'
import { type Family, gauge, gauges } from '../../../src/metrics/family.ts'
import { Histogram } from '../../../src/metrics/histogram.ts'
import { openMetricsText, prometheusText } from '../../../src/metrics/text.ts'

const counter = new Counter('x_repairs', 'Repairs.', [{ cause: 'none' }])
counter.add({ cause: 'a "quoted\\\nword' })
counter.add({ cause: 'a "quoted\\\nword' }, 2)
const histogram = new Histogram('x_wait_seconds', 'A wait.', [0.5, 1])
for (const value of [0.25, 0.5, 0.75, 4]) histogram.observe(value)
const families: Family[] = [
  { name: 'x_build', type: 'info', help: 'Of "this"\nprogram.', samples: [{ labels: { version: '1' }, value: 1 }] },
  counter.family(),
  histogram.family(),
  gauges('x_enis', 'ENIs.', 'state', { up: 2, down: 0 }),
  gauge('x_size_bytes', 'Size.', 1.5),
]

test("Prometheus' text format", () => {
  expect(prometheusText(families)).toBe(`# HELP x_build_info Of "this"\\nprogram.
# TYPE x_build_info gauge
x_build_info{version="1"} 1
# HELP x_repairs_total Repairs.
# TYPE x_repairs_total counter
x_repairs_total{cause="none"} 0
x_repairs_total{cause="a \\"quoted\\\\\\nword"} 3
# HELP x_wait_seconds A wait.
# TYPE x_wait_seconds histogram
x_wait_seconds_bucket{le="0.5"} 2
x_wait_seconds_bucket{le="1"} 3
x_wait_seconds_bucket{le="+Inf"} 4
x_wait_seconds_sum 5.5
x_wait_seconds_count 4
# HELP x_enis ENIs.
# TYPE x_enis gauge
x_enis{state="up"} 2
x_enis{state="down"} 0
# HELP x_size_bytes Size.
# TYPE x_size_bytes gauge
x_size_bytes 1.5
`)
})

test('OpenMetrics', () => {
  expect(openMetricsText(families)).toBe(`# TYPE x_build info
# HELP x_build Of \\"this\\"\\nprogram.
x_build_info{version="1"} 1
# TYPE x_repairs counter
# HELP x_repairs Repairs.
x_repairs_total{cause="none"} 0
x_repairs_total{cause="a \\"quoted\\\\\\nword"} 3
# TYPE x_wait_seconds histogram
# UNIT x_wait_seconds seconds
# HELP x_wait_seconds A wait.
x_wait_seconds_bucket{le="0.5"} 2
x_wait_seconds_bucket{le="1.0"} 3
x_wait_seconds_bucket{le="+Inf"} 4
x_wait_seconds_sum 5.5
x_wait_seconds_count 4
# TYPE x_enis gauge
# HELP x_enis ENIs.
x_enis{state="up"} 2
x_enis{state="down"} 0
# TYPE x_size_bytes gauge
# UNIT x_size_bytes bytes
# HELP x_size_bytes Size.
x_size_bytes 1.5
# EOF
`)
})
