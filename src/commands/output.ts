import { type Change, formatChange, takesAway } from '../state/change.ts'
import { fold, type paint, widthOf } from '../terminal.ts'

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

interface Trouble {
  readonly severity: 'error' | 'warning'
  readonly problem: string
  readonly remedy: string
  /** Lines that show it, and the name by which programs know it. */
  readonly evidence?: readonly string[]
  readonly id?: string
}

/** What is wrong, by what it shows, and what to do; folded to the width of a terminal (`widthOf`). */
export function problemLines(
  { severity, problem, remedy, evidence = [], id }: Trouble,
  { red, yellow, dim }: ReturnType<typeof paint>,
  width: number | undefined,
): string[] {
  const mark = severity === 'error' ? red('error  ') : yellow('warning')
  const what = [`${mark} `, ...problem.split(' '), ...(id === undefined ? [] : [dim(`[${id}]`)])]
  return [
    ...fold(what, width, indent),
    ...evidence.flatMap((line) => folded(units(line), width)),
    ...folded(['to mend it:', ...units(remedy)], width).map(dim),
  ]
}

/** On standard output, folded where that is a terminal. */
export function printProblems(problems: readonly Trouble[], styles: ReturnType<typeof paint>): void {
  const width = widthOf(process.stdout)
  for (const line of problems.flatMap((problem) => problemLines(problem, styles, width))) print(line)
}

/** Behind `warning  `. */
const indent = 9

const folded = ([first = '', ...rest]: readonly string[], width: number | undefined): string[] =>
  fold([' '.repeat(indent) + first, ...rest], width, indent + 2)

/** The first word of a command, in what is told to do. */
const tool =
  '(?:ip|sysctl|systemctl|eni-routed|nft|ip6?tables-legacy|aws|nmcli|netplan|journalctl|modprobe|curl|apt-get|dnf|yum|mkdir|echo|rm|ln) '
const command = new RegExp(`^${tool}`)
/** Where a command may begin or has ended. */
const seam = new RegExp(`(?<=; |, or:? )|(?<=: )(?=${tool})`)

/** Words of prose, and commands as a whole: they are to be copied as they stand. */
const units = (text: string): string[] =>
  text
    .split(seam)
    .map((part) => part.trimEnd())
    .flatMap((part) => (command.test(part) ? [part] : part.split(' ')))
