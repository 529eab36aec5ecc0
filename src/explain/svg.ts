import { type Account, exitsOf, type World } from '../policy/explain/account.ts'
import type { Arrival } from '../policy/explain/arrival.ts'
import type { Passage } from '../policy/explain/passage.ts'
import type { Step } from '../policy/fib/rules.ts'
import type { Fate } from '../policy/fib/way.ts'
import { isOurRule } from '../policy/ownership.ts'
import type { Rule } from '../state/rule.ts'
import { type Row as Folded, foldSteps, missesText } from './fold.ts'
import { cardsOf, drawCard, thisHost } from './svg-cards.ts'
import { box, document, type Picture, path, text, wrap } from './svg-shapes.ts'
import type { Words } from './words.ts'

/** Pixels: the rules stand on the left, the links on the right, and the ways run between them. */
const layout = { width: 1160, left: 24, rules: 706, right: 818, cards: 318, gap: 10, line: 17, pad: 10 } as const
/** Characters of the monospaced text that fit into a rule's box. */
const ruleCharacters = 79
/** Characters of the heading, which is bold. */
const headCharacters = 105
/** Rules in a row that miss are drawn one by one up to this many. */
const mostMisses = 2

/** A packet's account and what it stands for. */
export interface Panel {
  readonly account: Account
  readonly title: string
  /** A sentence under the title, such as what rp_filter says. */
  readonly remark?: { readonly text: string; readonly good: boolean }
}

/** The panels of an account, or of both ways of a connection that comes in. */
export function panelsOf(one: Account | Arrival, title: string): Panel[] {
  if (!('inward' in one)) {
    return [{ account: one, title }]
  }
  return [
    { account: one.inward.account, title: wayInTitle(one), ...remarkOf(one.inward) },
    { account: one.answer, title: 'the answer', ...(one.passage ? remarkOf(one.passage) : {}) },
  ]
}

/** A picture has room for no more than where the packet is sent. */
const wayInTitle = ({ redirection: { by } }: Arrival): string =>
  by === undefined ? 'the way in' : `the way in, redirected by nftables: ${by}`

/** What stops it, or what rp_filter says. */
function remarkOf({ reverse, fates }: Passage): Pick<Panel, 'remark'> {
  const stopped = fates.find((fate) => fate.kind === 'refused' && fate.because !== undefined)
  if (stopped?.kind === 'refused') {
    return { remark: { text: `dropped: ${stopped.because}`, good: false } }
  }
  return reverse[0] ? { remark: { text: `rp_filter: ${reverse[0].why}`, good: true } } : {}
}

/** A picture of the ways, as an SVG document that is readable on light and dark. */
export function drawWays(panels: readonly Panel[], world: World, words: Words, all = false): string {
  let height = 16
  const parts: string[] = []
  for (const panel of panels) {
    const drawn = drawPanel(panel, world, words, height, all)
    parts.push(drawn.body)
    height = drawn.bottom + 28
  }
  const title = panels.map(({ account }) => words.packet(account.packet)).join('; ')
  const description = panels
    .map(({ account: { way, symmetry } }) => `${fatesText(way.fates, words)}. ${symmetry.why}.`)
    .join(' ')
  return document(layout.width, height, title, description, parts.join('\n'))
}

const fatesText = (fates: readonly Fate[], words: Words): string => fates.map((fate) => words.fate(fate)).join('; or ')

/** Names of the cards that fates lead to. */
const endsOf = (fates: readonly Fate[], words: Words): string[] => [
  ...exitsOf(fates).map(words.link),
  ...(fates.some(({ kind }) => kind === 'local') ? [thisHost] : []),
]

function drawPanel({ account, title, remark }: Panel, world: World, words: Words, top: number, all: boolean): Picture {
  const { way, without, symmetry } = account
  const head = drawHead(account, title, remark, words, top)
  const rows = [...rowsOf(way.steps, words, world, all), ...settledRows(way.steps, way.fates, words)]
  const ours = stack(rows, head.bottom + 8)
  const last = ours.boxes.at(-1)
  const same = fatesText(way.fates, words) === fatesText(without.fates, words)
  const bare = same ? undefined : drawWithout(account, words, ours.bottom + 14)
  const cards = cardsOf(world, account, words)
  const ends: { name: string; y: number }[] = []
  let y = head.bottom + 8
  const drawnCards = cards.map((card) => {
    const drawn = drawCard(card, layout.right, y, layout.cards)
    ends.push({ name: card.name, y: y + (drawn.bottom - y) / 2 })
    y = drawn.bottom + 14
    return drawn.body
  })
  const good = symmetry.verdict === 'no' ? 'bad' : 'good'
  const body = [
    head.body,
    ours.body,
    bare?.body ?? '',
    ...drawnCards,
    ...(last ? connect(endsOf(way.fates, words), last.y, ends, good, -7, 752) : []),
    ...(bare ? connect(endsOf(without.fates, words), bare.y, ends, 'bad dashed', 7, 782) : []),
  ]
  return { body: body.join('\n'), bottom: Math.max(y, bare?.bottom ?? ours.bottom) }
}

function drawHead(
  { packet, symmetry, agrees, kernel, unled }: Account,
  title: string,
  remark: Panel['remark'],
  words: Words,
  top: number,
): Picture {
  const lines = title ? [text(layout.left, top + 12, title, 'dim')] : []
  let y = top + (title ? 34 : 16)
  for (const line of wrap(words.packet(packet), headCharacters)) {
    lines.push(text(layout.left, y, line, 'head'))
    y += 21
  }
  const say = (words_: string, style: string) => {
    for (const line of wrap(words_, 140)) {
      lines.push(text(layout.left, y, line, style))
      y += 18
    }
  }
  if (unled) {
    say(
      `A RULE OF OURS IS MISSING: none leads ${packet.source} to table ${unled.table} of ${words.link(unled.link)}`,
      'bad-text',
    )
  }
  if (remark) say(remark.text, remark.good ? 'good-text' : 'bad-text')
  say(symmetry.why, symmetry.verdict === 'no' ? 'bad-text' : symmetry.verdict === 'yes' ? 'good-text' : 'dim')
  say(
    agrees ? `The kernel says the same: ${words.kernel(kernel)}` : `THE KERNEL SAYS OTHERWISE: ${words.kernel(kernel)}`,
    agrees ? 'dim' : 'bad-text',
  )
  return { body: lines.join('\n'), bottom: y - 8 }
}

interface Row {
  readonly label: string
  readonly rule: string
  readonly event: string
  readonly style: string
}

function rowsOf(steps: readonly Step[], words: Words, { settings }: World, all: boolean): Row[] {
  const isOurs = (rule: Rule) => isOurRule(settings, rule)
  const folded: readonly Folded[] = all
    ? steps.map((step) => ({ kind: 'step', step }))
    : foldSteps(steps, isOurs, mostMisses)
  return folded.map((row): Row => {
    if (row.kind === 'misses') {
      return { label: row.range, rule: missesText(row), event: '', style: 'missed' }
    }
    if (row.kind === 'index') {
      const rule = `${row.count} rules of the index of addresses`
      return { label: row.range, rule, event: `lead it on to ${row.to}`, style: 'asked' }
    }
    const { rule, event } = row.step
    const ends =
      event.kind === 'taken' ? 'taken' : event.kind === 'rejected' || event.kind === 'refused' ? 'refused' : ''
    return {
      label: String(rule.priority),
      rule: ruleText(rule, words),
      event: words.event(event),
      style: event.kind === 'missed' ? 'missed' : ends || 'asked',
    }
  })
}

/** Whose a rule is, is of no account in a picture. */
const ruleText = (rule: Rule, words: Words): string => words.rule({ ...rule, protocol: 0 })

/** Where no rule settles it, what does. */
function settledRows(steps: readonly Step[], fates: readonly Fate[], words: Words): Row[] {
  const ends = ['taken', 'rejected', 'refused'].includes(steps.at(-1)?.event.kind ?? '')
  return ends ? [] : [{ label: 'so', rule: fatesText(fates, words), event: '', style: 'refused' }]
}

/** The one rule that settles it where this program is not there. */
function drawWithout({ without }: Account, words: Words, top: number): Picture & { y: number } {
  const last = without.steps.at(-1)
  const row: Row = last
    ? {
        label: String(last.rule.priority),
        rule: ruleText(last.rule, words),
        event: words.event(last.event),
        style: 'bare',
      }
    : { label: '', rule: fatesText(without.fates, words), event: '', style: 'bare' }
  const label = text(layout.left, top + 12, `Without eni-routed: ${fatesText(without.fates, words)}`, 'bad-text')
  const stacked = stack([row], top + 22)
  return { body: `${label}\n${stacked.body}`, bottom: stacked.bottom, y: stacked.boxes[0]?.y ?? top }
}

function stack(rows: readonly Row[], top: number): Picture & { boxes: { y: number }[] } {
  let y = top
  const boxes: { y: number }[] = []
  const body = rows.map((row) => {
    const lines = [
      ...wrap(row.rule, ruleCharacters).map((line) => ({ line, style: 'mono' })),
      ...(row.event ? wrap(row.event, ruleCharacters).map((line) => ({ line, style: `mono ${row.style}-text` })) : []),
    ]
    const height = lines.length * layout.line + 2 * layout.pad - 3
    const drawn = [
      ...(boxes.length > 0 ? [path(`M ${layout.left + 40} ${y - layout.gap} V ${y - 2}`, 'flow')] : []),
      box(layout.left, y, layout.rules, height, `rule ${row.style}`, `${row.label}: ${row.rule} ${row.event}`),
      text(layout.left + 10, y + layout.pad + 10, row.label, 'label'),
      ...lines.map(({ line, style }, i) =>
        text(layout.left + layout.pad + 108, y + layout.pad + 10 + i * layout.line, line, style),
      ),
    ]
    boxes.push({ y: y + height / 2 })
    y += height + layout.gap
    return drawn.join('\n')
  })
  return { body: body.join('\n'), bottom: y - layout.gap, boxes }
}

/** Arrows from a rule to the links by which the packet leaves, in a lane of their own. */
function connect(
  names: readonly string[],
  y: number,
  ends: readonly { name: string; y: number }[],
  style: string,
  shift: number,
  lane: number,
): string[] {
  const start = layout.left + layout.rules
  return ends
    .filter(({ name }) => names.includes(name))
    .map((end) =>
      path(
        `M ${start} ${y} H ${lane} V ${end.y + shift} H ${layout.right - 9}`,
        `way ${style}`,
        style.startsWith('bad') ? 'bad' : 'good',
      ),
    )
}
