import { stripVTControlCharacters } from 'node:util'
import type { EniPlan } from '../policy/desired.ts'
import { isOurRule } from '../policy/ownership.ts'
import type { Settings } from '../policy/settings.ts'
import { columns, type paint } from '../terminal.ts'
import { type Rate, type View, verdictOf } from './view.ts'

type Styles = ReturnType<typeof paint>

/** Lines that the changes get at least, however much there is to tell above them. */
const leastChanges = 4

/** The screen: at most `height` lines of at most `width` characters. */
export function screenLines(view: View, settings: Settings, styles: Styles, width: number, height: number): string[] {
  const top = [...headLines(view, settings, styles, width), '', ...eniLines(view, styles)]
  const problems = problemLines(view, styles)
  const room = Math.max(0, height - top.length - 1)
  const shownProblems = problems.slice(0, Math.max(0, room - leastChanges))
  const changes = changeLines(view, styles, room - shownProblems.length)
  const lines = [...top, ...shownProblems, ...changes].slice(0, Math.max(0, height - 1))
  return [...lines, styles.dim('q quits')].map((line) => cut(line, width))
}

function headLines({ at, assessment, daemon }: View, settings: Settings, styles: Styles, width: number): string[] {
  const { pending, snapshot } = assessment
  const word = {
    single: styles.dim('nothing to do: fewer than two ENIs'),
    degraded: styles.red('degraded'),
    pending: styles.yellow(`${pending.length} changes pending`),
    'in sync': styles.green('in sync'),
  }[verdictOf(assessment)]
  const own = snapshot.rules.filter((rule) => isOurRule(settings, rule)).length
  const left = `${styles.bold('eni-routed')}  ${word}`
  const clock = at.toTimeString().slice(0, 8)
  const gap = Math.max(2, width - visible(left) - clock.length)
  const running = daemon
    ? `daemon ${daemon.pid}, ${daemon.health}, ${daemon.changes} changes`
    : styles.yellow('the daemon does not run here')
  return [
    `${left}${' '.repeat(gap)}${styles.dim(clock)}`,
    `${running}; ${own} rules of ours, ${snapshot.rules.length - own} of others`,
    ...(daemon?.contested ?? []).map(({ object, by, repairs }) =>
      styles.yellow(`contested: ${object} (put back ${repairs} times; last: ${by})`),
    ),
  ]
}

function eniLines({ assessment, rates }: View, styles: Styles): string[] {
  const header = ['ENI', 'STATE', 'TABLE', 'OUT', 'IN', 'ADDRESS', 'ROUTER'].map(styles.bold)
  return columns([
    header,
    ...assessment.desired.enis.flatMap((plan) => eniRows(plan, rates.get(plan.eni.link.index), styles)),
  ])
}

function eniRows({ eni, table, routing }: EniPlan, rate: Rate | undefined, { dim, green, red }: Styles): string[][] {
  const state = !eni.link.up ? red('down') : eni.managed ? green('up') : dim('unmanaged')
  const first = [
    eni.link.name,
    state,
    table === undefined ? '-' : String(table),
    rateText(rate?.packetsOut, rate?.bytesOut),
    rateText(rate?.packetsIn, rate?.bytesIn),
  ]
  const addresses = routing.flatMap(({ addresses: own, gateway }) =>
    own.map((address, i) => [address, i > 0 ? '' : gateway ? (gateway.address ?? 'on-link') : red('none known')]),
  )
  const shown =
    addresses.length > 6 ? [...addresses.slice(0, 5), [dim(`and ${addresses.length - 5} more`), '']] : addresses
  const rows = shown.length > 0 ? shown : [[dim(eni.unmanagedBecause ?? 'no address'), '']]
  return rows.map((row, i) => [...(i === 0 ? first : ['', '', '', '', '']), ...row])
}

/** `120/s 14 kB/s` */
function rateText(packets: number | undefined, bytes: number | undefined): string {
  return packets === undefined || bytes === undefined ? '-' : `${Math.round(packets)}/s ${bytesText(bytes)}/s`
}

export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

function problemLines({ assessment }: View, { red, yellow, dim }: Styles): string[] {
  const lines = assessment.problems.flatMap(({ severity, problem, remedy }) => [
    `${severity === 'error' ? red('error  ') : yellow('warning')}  ${problem}`,
    dim(`         to mend it: ${remedy}`),
  ])
  return lines.length > 0 ? ['', ...lines] : []
}

/** The newest of them, the last at the bottom. */
function changeLines({ happenings }: View, { bold, dim, green, red }: Styles, room: number): string[] {
  if (room < 3) {
    return []
  }
  const shown = happenings.slice(-(room - 2))
  const lines = shown.map(({ at, what }) => {
    const colour = what.startsWith('+') ? green : what.startsWith('-') ? red : dim
    return `${dim(at.toTimeString().slice(0, 8))}  ${colour(what)}`
  })
  return ['', bold('CHANGES'), ...(lines.length > 0 ? lines : [dim('none since this began')])]
}

const visible = (text: string): number => stripVTControlCharacters(text).length

/** The line cut off at `width` characters that are seen; its colour codes stay, so that what is open is closed. */
function cut(line: string, width: number): string {
  if (visible(line) <= width) {
    return line
  }
  let left = Math.max(0, width - 1)
  const [first = '', ...coloured] = line.split(ESC)
  const take = (text: string) => {
    const taken = [...text].slice(0, left)
    left -= taken.length
    return taken.join('')
  }
  const start = take(first)
  const rest = coloured.map((part) => {
    const code = part.slice(0, part.indexOf('m') + 1)
    return `${ESC}${code}${take(part.slice(code.length))}`
  })
  return `${start}${rest.join('')}…`
}

const ESC = '\u001b'
