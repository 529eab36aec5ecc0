import { linkWord } from '../state/link.ts'
import { contains } from '../state/prefix.ts'
import { formatRoute, type Route, routeKey, table, tableName } from '../state/route.ts'
import { formatRule, type Rule } from '../state/rule.ts'
import { linkNamer, type Snapshot } from '../state/snapshot.ts'
import type { Desired } from './desired.ts'
import { nothing } from './fib/found.ts'
import { plainPacket } from './fib/packet.ts'
import { fibOf } from './fib/picture.ts'
import { askRules } from './fib/rules.ts'
import { defaultLength } from './main-routes.ts'
import { isOurRoute, isOurRule, ourGroups } from './ownership.ts'
import type { Question } from './questions.ts'
import { lastPriority } from './rules.ts'
import type { Settings } from './settings.ts'

/** The kernel's answer: the route it takes, or the errno's name with which it refuses. */
export type Answer = { readonly route: Route } | { readonly error: string }

/** A way that packets take although they ought not to. */
export interface WrongOutcome {
  readonly question: Question
  /** `leave by wg0 (table 51820) instead of by eth1: the rule "…" is asked first` */
  readonly fate: string
  readonly remedy: string
  /** A rule, a route in our table, a refusing one or a link group of somebody else is at fault: no shape of ours would cure it. */
  readonly isForeign: boolean
}

/**
 * The same where changes of ours are still to be made: the route that takes the packets is main's own, and deleting it, as
 * the remedy is where our shape is whole, would cut the host off.
 */
export const whilePending = (outcome: WrongOutcome): WrongOutcome =>
  outcome.isForeign
    ? outcome
    : {
        ...outcome,
        remedy: 'make the pending changes: eni-routed apply, or let the daemon: systemctl start eni-routed',
      }

/** What an answer is judged by. */
export interface Circumstances {
  readonly snapshot: Snapshot
  readonly desired: Desired
  readonly settings: Settings
  /** Routes of any table that refuse packets: unreachable, blackhole, prohibit. */
  readonly refusing: readonly Route[]
}

type Cause = Pick<WrongOutcome, 'remedy' | 'isForeign'> & { readonly cause: string }

/** Judges one answer; undefined where the packet leaves as it should. */
export function judge(question: Question, answer: Answer, circumstances: Circumstances): WrongOutcome | undefined {
  const name = linkNamer(circumstances.snapshot)
  if ('error' in answer) {
    const { cause, ...rest } = refusalOf(question, circumstances)
    return { question, fate: `are refused (${answer.error}): ${cause}`, ...rest }
  }
  if (isRight(question, answer.route, circumstances)) {
    return undefined
  }
  const { oif } = answer.route.nexthops[0] ?? {}
  const way = oif === undefined ? `into a route of type ${answer.route.type}` : `by ${name(oif)}`
  const { cause, ...rest } = causeOf(question, answer.route, circumstances)
  const instead = oif === question.linkIndex ? 'but not by its router' : `instead of by ${name(question.linkIndex)}`
  return { question, fate: `leave ${way} (table ${tableName(answer.route.table)}) ${instead}: ${cause}`, ...rest }
}

/** Through the ENI itself, or by a more specific route of main that leaves by no ENI: a container, a VPN. */
function isRight(question: Question, route: Route, { desired, settings }: Circumstances): boolean {
  const oif = route.nexthops[0]?.oif
  if (route.type === 'local' || (oif === question.linkIndex && !isIntruder(question, route, settings))) {
    return true
  }
  // By another ENI, as main has it, since the configuration honours that.
  const own = isOurRoute(settings, route) && route.table === question.table
  if (own && desired.routes.some((wanted) => routeKey(wanted.route) === routeKey(route))) {
    return true
  }
  const throughEni = desired.enis.some(({ eni }) => eni.link.index === oif)
  const specific = route.destination.length > defaultLength[question.family]
  return route.type === 'unicast' && route.table === table.main && specific && !throughEni
}

/** A default of somebody else in the ENI's own table, with a better metric than ours. */
const isIntruder = (question: Question, route: Route, settings: Settings): boolean =>
  route.table === question.table && route.destination.length === 0 && !isOurRoute(settings, route)

/** The foreign rule that sends the packet there, the first that selects it and asks that table; else the route itself. */
function causeOf(question: Question, answered: Route, { snapshot, desired, settings }: Circumstances): Cause {
  const last = lastPriority(desired.rules, settings.numbers)
  const rule = rulesFor(question, snapshot).find(
    (candidate) =>
      !isOurRule(settings, candidate) && (candidate.table === answered.table || candidate.action === 'goto'),
  )
  if (rule && rule.priority <= last) {
    const remedy =
      rule.action === 'goto'
        ? `give that rule a priority between ${last + 1} and 32765, or except ${question.source} from it`
        : `move that rule behind the daemon's: ${ip(rule)} rule add ${formatRule({ ...rule, priority: settings.numbers.priorityBase + 1000 })}; ${ip(rule)} rule del ${formatRule(rule)}`
    return { cause: `the rule "${formatRule(rule)}" is asked first`, remedy, isForeign: true }
  }
  return strayGroup(answered, { snapshot, desired, settings }) ?? culprit(question, answered, { snapshot, settings })
}

/** Rule 20000 passes over main's routes through ENIs by their link group: one in another group takes what is for others. */
function strayGroup(route: Route, { snapshot, desired, settings }: Omit<Circumstances, 'refusing'>): Cause | undefined {
  const link = snapshot.links.find(({ index }) => index === route.nexthops[0]?.oif)
  const { linkGroup } = settings.numbers
  const isStray = link && desired.groups.has(link.index) && link.group !== 0 && !ourGroups(settings).has(link.group)
  return isStray &&
    linkGroup !== 0 &&
    route.table === table.main &&
    route.destination.length > defaultLength[route.family]
    ? {
        cause: `${link.name} is in link group ${link.group}, which is not ours`,
        remedy: `ip link set dev ${linkWord(link.name)} group ${linkGroup}`,
        isForeign: true,
      }
    : undefined
}

/** Of rules and of routes. */
const refusals = ['unreachable', 'blackhole', 'prohibit']

function refusalOf(question: Question, circumstances: Circumstances): Cause {
  const { snapshot, refusing } = circumstances
  const rules = rulesFor(question, snapshot)
  const rule = rules.find(({ action }) => refusals.includes(action))
  const route = refusing
    .filter(({ family, destination }) => family === question.family && contains(destination, question.destination))
    .filter((candidate) => rules.some((asked) => asked.table === candidate.table))
    .sort((a, b) => b.destination.length - a.destination.length)[0]
  if (rule) {
    const text = formatRule(rule)
    return { cause: `the rule "${text}"`, remedy: `${ip(rule)} rule del ${text}`, isForeign: true }
  }
  return route
    ? culprit(question, route, circumstances)
    : {
        cause: 'no route is found',
        remedy: `see what the kernel says: ${ip(question)} route get ${question.destination} from ${question.source}`,
        isForeign: false,
      }
}

function culprit(
  question: Question,
  route: Route,
  { snapshot, settings }: Pick<Circumstances, 'snapshot' | 'settings'>,
): Cause {
  const text = formatRoute(route, linkNamer(snapshot))
  const isInEniTable = route.table === question.table && !isOurRoute(settings, route)
  return {
    cause: `the route "${text}"`,
    remedy: `${ip(route)} route del ${text}`,
    isForeign: isInEniTable || refusals.includes(route.type),
  }
}

const ip = ({ family }: { family: 4 | 6 }): string => (family === 6 ? 'ip -6' : 'ip')

/** Rules that select the packet, in the order in which they are asked, over every goto. */
function rulesFor(question: Question, snapshot: Snapshot): Rule[] {
  const fib = fibOf({ ...snapshot, deadRouters: new Set(), forwardsIpv6: false })
  const packet = { ...plainPacket, ...question }
  // Not every table was read: it is the rules that are looked for, so no table has anything.
  const { steps } = askRules(fib, packet, () => nothing)
  return steps.filter(({ event }) => event.kind !== 'missed').map(({ rule }) => rule)
}
