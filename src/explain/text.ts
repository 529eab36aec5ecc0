import { canAsk } from '../kernel/inquiry.ts'
import type { Account, Symmetry } from '../policy/explain/account.ts'
import type { Arrival } from '../policy/explain/arrival.ts'
import { isDropped, type Passage } from '../policy/explain/passage.ts'
import type { Step } from '../policy/fib/rules.ts'
import type { Way } from '../policy/fib/way.ts'
import type { Redirection } from '../policy/redirect/redirection.ts'
import type { Rule } from '../state/rule.ts'
import { columns, foldText, type paint } from '../terminal.ts'
import { foldSteps, missesText, type Row } from './fold.ts'
import { protocolName } from './request.ts'
import type { Words } from './words.ts'

type Styles = ReturnType<typeof paint>

/** Rules in a row that miss a packet are told one by one up to this many; more are counted. */
const mostMisses = 3

export interface Telling {
  readonly words: Words
  readonly styles: Styles
  /** Every rule, however many miss. */
  readonly all: boolean
  readonly isOurs: (rule: Rule) => boolean
  /** Of the terminal; undefined where it is none. */
  readonly width: number | undefined
}

/** An account for a terminal, line by line; `title` says what the packet stands for. */
export function accountLines(account: Account, title: string, telling: Telling): string[] {
  const { words, styles } = telling
  const { packet, way, without, symmetry, symmetryWithout, kernel } = account
  const same = words.fate(way.fates[0] ?? nowhere) === words.fate(without.fates[0] ?? nowhere) && way.fates.length === 1
  const fates = (found: Way) => found.fates.map((fate) => words.fate(fate)).join('; or ')
  const rows: [string, string][] = [
    ...stepRows(way.steps, telling),
    ['way out', styles.bold(fates(way))],
    ['way back', verdict(symmetry, styles)],
    ['without us', same ? styles.dim('the same') : `${fates(without)}; ${verdict(symmetryWithout, styles)}`],
    ['kernel', account.agrees ? `${words.kernel(kernel)}${styles.dim(', as above')}` : words.kernel(kernel)],
  ]
  return [
    `${styles.bold(words.packet(packet))}${title ? styles.dim(` (${title})`) : ''}`,
    ...beside(rows, telling),
    ...disagreement(account, telling),
    ...unledLines(account, telling),
    ...hints(account, telling),
  ]
}

/** Labels, and their texts beside them, folded there. */
function beside(rows: readonly (readonly [string, string])[], { width }: Telling): string[] {
  const labels = columns([...rows.map(([label]) => [`  ${label}`, '|']), ['', '|']]).map((line) => line.slice(0, -1))
  const indent = labels.at(-1)?.length ?? 0
  return rows.flatMap(([, text], i) => foldText(text, width, labels[i], indent))
}

const nowhere = { kind: 'refused', error: 'ENETUNREACH' } as const

function stepRows(steps: readonly Step[], { words, styles, all, isOurs }: Telling): [string, string][] {
  const rows: readonly Row[] = all
    ? steps.map((step) => ({ kind: 'step', step }))
    : foldSteps(steps, isOurs, mostMisses)
  return rows.map((row) => {
    if (row.kind !== 'step') {
      return [styles.dim(`rule ${row.range}`), styles.dim(foldedText(row))]
    }
    const { rule, event } = row.step
    const text = `${words.rule(rule)}: ${words.event(event)}`
    const ends = event.kind === 'taken' || event.kind === 'rejected' || event.kind === 'refused'
    return [
      ends ? styles.bold(`rule ${rule.priority}`) : `rule ${rule.priority}`,
      event.kind === 'missed' ? styles.dim(text) : text,
    ]
  })
}

const foldedText = (row: Exclude<Row, { kind: 'step' }>): string =>
  row.kind === 'index'
    ? `${row.count} rules of the index of addresses lead it on to ${row.to} (--all tells them)`
    : missesText(row)

const verdict = ({ verdict: word, why }: Symmetry, { green, red, yellow }: Styles): string =>
  word === 'yes' ? green(`right: ${why}`) : word === 'no' ? red(`wrong: ${why}`) : yellow(why)

function disagreement({ agrees, hidden, kernel, way }: Account, { words, styles }: Telling): string[] {
  if (agrees) {
    return []
  }
  const said = way.fates.map((fate) => words.fate(fate)).join('; or ')
  return [
    styles.red(styles.bold(`  !!! THE KERNEL SAYS OTHERWISE: ${words.kernel(kernel)}`)),
    styles.red(styles.bold(`  !!! and not, as its rules and routes were understood: ${said}`)),
    styles.red(
      hidden
        ? '  !!! it uses a route that its own listing does not show (an IPv6 route between the nexthops of a multipath route)'
        : '  !!! believe the kernel; then something decides that its rules and routes do not show, or this is a fault of ours',
    ),
  ]
}

/** A rule of ours that somebody took away, a goto of the index among them, shows in no step. */
function unledLines({ unled, packet }: Account, { words, styles }: Telling): string[] {
  if (!unled) {
    return []
  }
  const { link, table } = unled
  return [
    styles.red(
      styles.bold(
        `  !!! A RULE OF OURS IS MISSING: none leads ${packet.source} to table ${table} of ${words.link(link)}`,
      ),
    ),
    styles.red(
      '  !!! "eni-routed check" names it; the daemon puts it back, and "eni-routed apply" does where none runs',
    ),
  ]
}

/** What the answer depends on and was not said. */
function hints({ packet, way }: Account, { words, styles }: Telling): string[] {
  const byPort = way.steps.find(
    ({ event }) =>
      event.kind === 'missed' && ['sport', 'dport'].includes(event.miss.selector) && event.miss.has === '0',
  )
  const lines = [
    byPort
      ? `rule ${byPort.rule.priority} (${words.rule(byPort.rule)}) tells packets apart by port: name it with sport N or dport N`
      : '',
    canAsk(packet.family, packet.ipProtocol)
      ? ''
      : `the kernel can be asked about tcp, udp and icmp alone: it answered for a packet of no protocol, not ${protocolName(packet.ipProtocol)}`,
  ]
  return lines.filter((line) => line !== '').map((line) => styles.yellow(`  note: ${line}`))
}

const modes = ['off', 'strict', 'loose']

/** An incoming connection: in, past rp_filter, and back. */
export function arrivalLines(arrival: Arrival, telling: Telling): string[] {
  const { redirection, inward, answer, passage, mark } = arrival
  const name = telling.words.link(inward.entrance.index)
  return [
    ...redirectionLines(redirection, telling),
    ...arrivingLines(inward, telling),
    '',
    ...checkLines(inward, telling),
    '',
    ...(mark === undefined
      ? []
      : [`The connection has the mark 0x${mark.toString(16)} of ${name}, which is on its answers too.`]),
    ...accountLines(answer, 'the answer', telling),
    ...(passage && isDropped(passage) ? ['', ...checkLines(passage, telling)] : []),
    ...cureLines(arrival, telling),
  ]
}

/** What nftables makes of the destination; silence where it leaves it alone and everything was understood. */
function redirectionLines({ packet, by, doubts }: Redirection, { styles }: Telling): string[] {
  const port = packet.destinationPort === 0 ? '' : ` port ${packet.destinationPort}`
  const lines = [
    ...(by === undefined
      ? []
      : [`${styles.bold('nftables')} sends it to ${styles.bold(packet.destination + port)} (rule: ${by})`]),
    ...doubts.map((doubt) => styles.yellow(`note: ${doubt}`)),
  ]
  return lines.length > 0 ? [...lines, ''] : []
}

/** A published port that is answered by another ENI, and no mark that would lead the answer. */
const cureLines = ({ passage, answer, mark }: Arrival, { styles }: Telling): string[] =>
  passage && mark === undefined && answer.symmetry.verdict === 'no'
    ? [
        styles.yellow(
          '  note: with containers = "connmark" under [routing] such answers leave by the ENI they came in by',
        ),
      ]
    : []

function checkLines({ entrance, reception, reverse, account, fates }: Passage, { words, styles }: Telling): string[] {
  const name = words.link(entrance.index)
  if (account.packet.family === 6 || reverse.length === 0) {
    return account.packet.family === 6 ? [styles.dim('rp_filter: IPv6 has none; nftables may have (fib saddr)')] : []
  }
  const mark = reception.validMark ? ', with the mark (src_valid_mark)' : ''
  return [
    `${styles.bold('rp_filter')} ${modes[reception.rpFilter] ?? reception.rpFilter} on ${name} (the greater of all and ${name})${mark}`,
    ...reverse.map(({ passes, why }) => `  ${passes ? styles.green(`passes: ${why}`) : styles.red(`dropped: ${why}`)}`),
    ...(reverse.length > 1 ? [`  which of them: ${fates.map((fate) => words.fate(fate)).join('; or ')}`] : []),
  ]
}

function arrivingLines(passage: Passage, telling: Telling): string[] {
  const { words, styles } = telling
  const { account, fates } = passage
  const dropped = isDropped(passage)
  const rows: [string, string][] = [
    ...stepRows(account.way.steps, telling),
    ['goes', styles.bold(fates.map((fate) => words.fate(fate)).join('; or '))],
    [
      'kernel',
      `${words.kernel(account.kernel)}${styles.dim(dropped ? ', since it drops it' : account.agrees ? ', as above' : '')}`,
    ],
  ]
  return [
    `${styles.bold(words.packet(account.packet))}${styles.dim(` (the way in)`)}`,
    ...beside(rows, telling),
    ...(dropped ? [] : disagreement(account, telling)),
  ]
}
