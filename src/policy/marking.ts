import { ipCommand } from '../state/ip.ts'
import { linkWord } from '../state/link.ts'
import { bitsOf, deposit, gather, hex, type MarkingSight, type MarkTable, type MarkUse } from '../state/marking.ts'
import { table } from '../state/route.ts'
import { formatRule, type Rule } from '../state/rule.ts'
import type { Snapshot } from '../state/snapshot.ts'
import type { Eni } from './enis.ts'
import { enumerate } from './enumerate.ts'
import type { WantedRule } from './holding.ts'
import { defaultLength } from './main-routes.ts'
import { type EniMarks, markTable } from './mark-table.ts'
import { isOurRule } from './ownership.ts'
import { priorities, type Settings } from './settings.ts'

/** What keeps forwarded connections on the ENI that they came in by. */
export interface Marking {
  readonly rules: readonly WantedRule[]
  readonly table?: MarkTable
  /** By ifindex, for links whose rp_filter has to mind marks: what `src_valid_mark` is set to where it is 0. */
  readonly links: ReadonlyMap<number, number>
  /** Why there is nothing of all that although the configuration asks for it. */
  readonly refused: readonly { readonly problem: string; readonly remedy: string }[]
  /** What goes wrong with it although it is there. */
  readonly disputed: readonly { readonly problem: string; readonly remedy: string }[]
}

export const noMarking: Marking = { rules: [], links: new Map(), refused: [], disputed: [] }

/** An ENI with a table, and the families in which it has an address. */
interface Marked {
  readonly eni: Eni
  readonly table?: number
  readonly routing: readonly { readonly family: 4 | 6 }[]
  readonly transit?: string
}

/** All of it or nothing: where the bits are taken, or nftables is not to be had, there are no rules either. */
export function desiredMarking(snapshot: Snapshot, plans: readonly Marked[], settings: Settings): Marking {
  const { markMask: mask } = settings
  const enis = plans.filter(({ table: number }) => number !== undefined)
  if (mask === undefined || enis.length === 0) {
    return noMarking
  }
  const refused = [
    ...unavailable(snapshot.marking),
    ...takenBits(snapshot, mask, settings),
    ...tooFewBits(enis.length, mask),
    ...strangeNames(plans),
  ]
  if (refused.length > 0) {
    return { ...noMarking, refused }
  }
  const numbers = eniNumbers(enis, snapshot, mask, settings)
  const marks = enis.map(({ eni, table: number, transit }) => ({
    ...marksOf(eni, numbers.get(number as number) as number, mask),
    transit: transit !== undefined,
  }))
  return {
    rules: ([4, 6] as const).flatMap((family) => familyRules(family, enis, marks, mask, settings)),
    table: markTable(
      marks,
      plans.map(({ eni }) => eni.link.name),
      mask,
    ),
    links: new Map(enis.map(({ eni }) => [eni.link.index, settings.numbers.protocol])),
    refused,
    disputed: legacyBits(snapshot, mask, settings),
  }
}

/** The lowest bit of the mask tells packets that come in from replies, the others hold the ENI's number. */
const marksOf = ({ link }: Eni, number: number, mask: number): Omit<EniMarks, 'transit'> => ({
  link: link.name,
  reply: deposit(2 * number, mask),
  arrival: deposit(2 * number + 1, mask),
})

/** Both marks of an ENI are equal under this mask. */
const eniBits = (mask: number): number => (mask & ~(bitsOf(mask)[0] ?? 0)) >>> 0

function familyRules(
  family: 4 | 6,
  enis: readonly Marked[],
  marks: readonly EniMarks[],
  mask: number,
  { numbers }: Settings,
): WantedRule[] {
  const at = priorities(numbers)
  const common = { family, action: 'lookup', protocol: numbers.protocol } as const
  const suppress = { suppressPrefixLength: defaultLength[family], suppressGroup: numbers.linkGroup }
  const ofFamily = enis.flatMap((plan, i) =>
    plan.routing.some((part) => part.family === family) ? [{ plan, mark: marks[i] as EniMarks }] : [],
  )
  if (ofFamily.length === 0) {
    return []
  }
  const mainRule = {
    rule: { ...common, priority: at.marked, invert: true, fwmark: 0, fwmask: mask, table: table.main, ...suppress },
    why: "connections that came in by an ENI: main's routes that are no default and leave by no ENI",
  } as const
  // Redirected packets carry a mark for rp_filter alone, which IPv6 does not have: main goes on to decide about them.
  const arrivals = ofFamily.map(({ mark }) => ({
    rule: { ...common, priority: at.arrival, iif: mark.link, fwmark: mark.arrival, fwmask: mask, table: table.main },
    why: `redirected packets that come in by ${mark.link}: go where they would without a mark`,
  }))
  const replies = ofFamily.map(({ plan, mark }) => ({
    rule: { ...common, priority: at.reply, fwmark: mark.reply, fwmask: eniBits(mask), table: plan.table as number },
    why: `replies of connections that came in by ${mark.link}: leave by it`,
  }))
  return [...(numbers.linkGroup === 0 ? [] : [mainRule]), ...(family === 4 ? arrivals : []), ...replies]
}

/**
 * The number of each ENI's table: the one that a rule of ours shows, since connections live that carry it; else the
 * table's place in the band, so that nothing has to be remembered; else the lowest that is free.
 */
function eniNumbers(
  enis: readonly Marked[],
  snapshot: Snapshot,
  mask: number,
  settings: Settings,
): Map<number, number> {
  const known = new Map(
    snapshot.rules
      .filter((rule) => rule.priority === priorities(settings.numbers).reply && rule.fwmask === eniBits(mask))
      .filter((rule) => isOurRule(settings, rule))
      .map((rule) => [rule.table, gather(rule.fwmark ?? 0, mask) >> 1]),
  )
  const last = capacity(mask)
  const given = new Map<number, number>()
  const taken = new Set<number>([0])
  const give = (number: number, candidate: number | undefined) => {
    if (candidate !== undefined && !given.has(number) && !taken.has(candidate)) {
      given.set(number, candidate)
      taken.add(candidate)
    }
  }
  const tables = enis.map((plan) => plan.table as number)
  for (const number of tables) give(number, known.get(number))
  for (const number of tables) give(number, ((number - settings.numbers.tableBase) % last) + 1)
  for (const number of tables) {
    for (let candidate = 1; candidate <= last && !given.has(number); candidate++) give(number, candidate)
  }
  return given
}

/** ENIs that the mask has numbers for: one bit is the direction's, and 0 is nobody's. */
const capacity = (mask: number): number => 2 ** (bitsOf(mask).length - 1) - 1

type Refusal = Marking['refused'][number]

function unavailable(sight: MarkingSight | undefined): Refusal[] {
  return sight?.unavailable && !sight.unavailable.blind ? [sight.unavailable] : []
}

function tooFewBits(count: number, mask: number): Refusal[] {
  return count <= capacity(mask)
    ? []
    : [
        {
          problem: `routing.container-mark-mask ${hex(mask)} has numbers for ${capacity(mask)} ENIs, and there are ${count}`,
          remedy: 'give it more bits: one, and as many as it takes to count the ENIs',
        },
      ]
}

/** nft has no escape inside its quotes. */
const strangeNames = (enis: readonly Marked[]): Refusal[] =>
  enis
    .filter(({ eni }) => linkWord(eni.link.name) !== eni.link.name)
    .map(({ eni }) => ({
      problem: `nftables can't be told the link name ${linkWord(eni.link.name)}`,
      remedy: 'rename the link to letters, digits, dots and dashes',
    }))

/** Others that compare or change bits of the mask: both would break the other. */
function takenBits(snapshot: Snapshot, mask: number, settings: Settings): Refusal[] {
  const uses = visibleUses(snapshot, settings)
  return inUse(uses, mask).map((rivals) => ({
    problem: `published container ports are not served: bits of the mark ${hex(mask)} are in use by ${rivals}`,
    remedy: otherBits([...uses, ...(snapshot.marking?.legacyUses ?? [])], mask),
  }))
}

/**
 * iptables-legacy's rules that do so. Root alone sees them: the daemon, which need not be root, can't decide by them, and
 * everybody is to decide alike.
 */
function legacyBits(snapshot: Snapshot, mask: number, settings: Settings): Refusal[] {
  const { legacyUses = [] } = snapshot.marking ?? {}
  return inUse(legacyUses, mask).map((rivals) => ({
    problem: `replies of published container ports may go astray: bits of the mark ${hex(mask)} are in use by ${rivals}`,
    remedy: otherBits([...visibleUses(snapshot, settings), ...legacyUses], mask),
  }))
}

const visibleUses = (snapshot: Snapshot, settings: Settings): MarkUse[] => [
  ...snapshot.rules
    .filter((rule) => markBits(rule) !== 0 && !isOurRule(settings, rule))
    .map((rule) => ({ where: `${ipCommand(rule)} rule ${formatRule(rule)}`, bits: markBits(rule) })),
  ...(snapshot.marking?.uses ?? []),
]

/** Those of the users that meet the mask, in one text, where there are any. */
function inUse(uses: readonly MarkUse[], mask: number): string[] {
  const rivals = uses.filter(({ bits }) => (bits & mask) !== 0)
  return rivals.length === 0 ? [] : [enumerate(rivals.map(({ where, bits }) => `${where} (${hex(bits)})`))]
}

/** Bits that nobody uses, as many as the mask has. */
function otherBits(uses: readonly MarkUse[], mask: number): string {
  const free = bitsOf(~uses.reduce((all, { bits }) => all | bits, 0))
    .reverse()
    .slice(0, bitsOf(mask).length)
  return free.length < bitsOf(mask).length
    ? 'let their rules name a mask (fwmark 0x1/0xff, --set-xmark 0x1/0xff, meta mark & 0xff): they take every bit'
    : `set routing.container-mark-mask = ${hex(free.reduce((sum, bit) => sum + bit, 0))}, which nobody uses here`
}

/** A mark without a mask is compared in every bit; mark 0 without one not at all. */
const markBits = ({ fwmark = 0, fwmask }: Rule): number => fwmask ?? (fwmark === 0 ? 0 : 0xffffffff)
