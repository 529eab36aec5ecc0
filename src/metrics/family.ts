/** Names are constants of this program and of one form, so they need no escape; values may be anything. */
export type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly labels: Labels
  readonly value: number
  /** Of histograms: which of its series. */
  readonly suffix?: '_bucket' | '_count' | '_sum'
}

/** A metric with its samples, as plain data; how it is spelled depends on who reads it (see text.ts). */
export interface Family {
  /** Without the `_total` of a counter and the `_info` of an info. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'info'
  readonly help: string
  readonly samples: readonly Sample[]
}

/** One gauge for each entry: `{ down: 1 }` with the label `state` is `{state="down"} 1`. */
export const gauges = (
  name: string,
  help: string,
  label: string,
  values: Readonly<Record<string, number>>,
): Family => ({
  name,
  type: 'gauge',
  help,
  samples: Object.entries(values).map(([value, number]) => ({ labels: { [label]: value }, value: number })),
})

export const gauge = (name: string, help: string, value: number): Family => ({
  name,
  type: 'gauge',
  help,
  samples: [{ labels: {}, value }],
})
