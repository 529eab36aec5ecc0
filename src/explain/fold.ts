import type { Step } from '../policy/fib/rules.ts'
import type { Rule } from '../state/rule.ts'

/** Steps as people read them: one by one where they tell something, else together. */
export type Row =
  | { readonly kind: 'step'; readonly step: Step }
  /** Rules in a row that are for other packets; of them `astray` lead to rules that are not there. */
  | { readonly kind: 'misses'; readonly range: string; readonly count: number; readonly astray: number }
  /** The way through our index of addresses: steps that do nothing but lead on. */
  | { readonly kind: 'index'; readonly range: string; readonly count: number; readonly to: number }

/** Steps of the index are folded from this many on. */
const fewestInIndex = 4

/** Folds the way through the index of our rules, and runs of more than `mostMisses` rules that miss. */
export function foldSteps(steps: readonly Step[], isOurs: (rule: Rule) => boolean, mostMisses: number): Row[] {
  const rows: Row[] = []
  for (let i = 0; i < steps.length; ) {
    const row = rowAt(steps, i, isOurs, mostMisses)
    rows.push(row)
    i += row.kind === 'step' ? 1 : row.count
  }
  return rows
}

function rowAt(steps: readonly Step[], i: number, isOurs: (rule: Rule) => boolean, mostMisses: number): Row {
  const inIndex = throughIndex(steps, i, isOurs)
  const last = steps[i + inIndex - 1]?.event
  if (inIndex > 0 && last?.kind === 'jump') {
    return { kind: 'index', range: rangeOf(steps, i, inIndex), count: inIndex, to: last.to }
  }
  const misses = runOf(steps, i, ({ event }) => event.kind === 'missed' || event.kind === 'astray')
  const astray = steps.slice(i, i + misses).filter(({ event }) => event.kind === 'astray').length
  return misses > mostMisses
    ? { kind: 'misses', range: rangeOf(steps, i, misses), count: misses, astray }
    : { kind: 'step', step: steps[i] as Step }
}

/** How many steps from `start` lead through the index; it ends with the last goto in a row. */
function throughIndex(steps: readonly Step[], start: number, isOurs: (rule: Rule) => boolean): number {
  const leads = ({ rule, event }: Step) => isOurs(rule) && ['nop', 'jump', 'missed'].includes(event.kind)
  const run = steps.slice(start, start + runOf(steps, start, leads))
  const length = run.findLastIndex(({ event }) => event.kind === 'jump') + 1
  // Rules before the index (of device or mark) miss; the index begins with its own first rule.
  return length >= fewestInIndex && steps[start]?.event.kind !== 'missed' ? length : 0
}

function runOf(steps: readonly Step[], start: number, fits: (step: Step) => boolean): number {
  const end = steps.findIndex((step, i) => i >= start && !fits(step))
  return (end < 0 ? steps.length : end) - start
}

function rangeOf(steps: readonly Step[], start: number, count: number): string {
  const priorities = steps.slice(start, start + count).map(({ rule }) => rule.priority)
  const [first, last] = [Math.min(...priorities), Math.max(...priorities)]
  return first === last ? `${first}` : `${first}-${last}`
}

/** What of a row of rules that miss is told. */
export const missesText = ({ count, astray }: Extract<Row, { kind: 'misses' }>): string =>
  astray === 0
    ? `${count} rules, for other packets`
    : `${count} rules, for other packets; ${astray} lead to rules that are missing`
