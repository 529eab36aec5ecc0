import type { Problem } from '../policy/health.ts'
import { type Change, formatChange, takesAway } from '../state/change.ts'
import type { paint } from '../terminal.ts'

/** Standard output, a line at a time. */
export const print = (line = ''): void => {
  process.stdout.write(`${line}\n`)
}

/** One JSON document, indented, as `--json` promises. */
export const printJson = (value: unknown): void => print(JSON.stringify(value, undefined, 2))

/** `+ ip …` for what would be put there, `- ip …` for what would be taken away. */
export const planLine = (change: Change, linkName: (index: number) => string): string =>
  `${takesAway(change) ? '-' : '+'} ${formatChange(change, linkName)}`

export const changeJson = (change: Change, linkName: (index: number) => string) => ({
  action: change.op,
  object: change.kind,
  command: formatChange(change, linkName),
  cause: change.cause,
})

/** A problem in two lines: what is wrong, and what to do. */
export function problemLines(problem: Problem, { red, yellow, dim }: ReturnType<typeof paint>): string[] {
  const mark = problem.severity === 'error' ? red('error  ') : yellow('warning')
  return [`${mark}  ${problem.problem}`, dim(`         to mend it: ${problem.remedy}`)]
}
