import { addressBits, type Family } from '../state/ip.ts'
import { addressAt, contains, neighbourOf, type Prefix } from '../state/prefix.ts'
import { type Route, table } from '../state/route.ts'
import { formatRule, type Rule } from '../state/rule.ts'
import { linkNamer, type Snapshot } from '../state/snapshot.ts'
import type { Desired, EniPlan } from './desired.ts'
import { isOurRule } from './ownership.ts'
import { defaultLength } from './routes.ts'
import type { Settings } from './settings.ts'

/** A question to the kernel: by which way would a packet with this source leave? (RTM_GETROUTE) */
export interface Question {
  readonly family: Family
  readonly source: string
  readonly destination: string
  /** What the destination stands for, for people. */
  readonly towards: string
  /** The link it ought to leave by. */
  readonly linkIndex: number
}

/** The kernel's answer: the route it takes, or the errno's name with which it refuses. */
export type Answer = { readonly route: Route } | { readonly error: string }

/** A way that packets take although they ought not to. */
export interface WrongOutcome {
  readonly question: Question
  /** `leave by dev wg0, table 51820, instead of eth1: the rule "…" is asked first` */
  readonly fate: string
  readonly remedy: string
}

/**
 * One Internet address in either half of the default: a full tunnel may have taken either. Nothing is ever sent there;
 * the kernel is only asked.
 */
const internet: Readonly<Record<Family, readonly string[]>> = {
  4: ['8.8.8.8', '203.0.113.1'],
  6: ['2001:db8::1', '2a00::1'],
}

/** More addresses than this an ENI are not asked for one by one: rules in front of ours seldom name one address. */
const askedAddresses = 16

/** What to ask about every ENI that has a default route. */
export function questions(desired: Desired, snapshot: Snapshot): Question[] {
  const local = new Set(snapshot.addresses.map(({ address }) => address))
  return desired.enis
    .filter(({ eni }) => eni.managed && eni.link.up)
    .flatMap((plan) => questionsOf(plan, snapshot))
    .filter(({ destination }) => !local.has(destination))
}

function questionsOf({ eni, routing }: EniPlan, snapshot: Snapshot): Question[] {
  const linkIndex = eni.link.index
  return routing
    .filter(({ gateway }) => gateway)
    .flatMap(({ family, addresses }) =>
      addresses.slice(0, askedAddresses).flatMap((source) => {
        const onLink = snapshot.addresses.find((a) => a.linkIndex === linkIndex && a.address === source)?.onLink
        const beyond = internet[family].map((destination) => ({ destination, towards: 'the Internet' }))
        return [...beyond, ...(onLink ? nearby(onLink, family) : [])].map((target) => ({
          family,
          source,
          linkIndex,
          ...target,
        }))
      }),
    )
}

/** A peer in the address's own subnet, and one in the subnet next to it. */
function nearby(subnet: Prefix, family: Family): Pick<Question, 'destination' | 'towards'>[] {
  if (subnet.length > addressBits(family) - 3 || subnet.length < 8) {
    return []
  }
  return [
    { destination: addressAt(subnet, 5), towards: 'its own subnet' },
    { destination: addressAt(neighbourOf(subnet), 5), towards: 'another subnet' },
  ]
}

/** Judges one answer; undefined where the packet leaves as it should. */
export function judge(
  question: Question,
  answer: Answer,
  snapshot: Snapshot,
  desired: Desired,
  settings: Settings,
): WrongOutcome | undefined {
  const name = linkNamer(snapshot)
  if ('error' in answer) {
    const { cause, remedy } = refusalOf(question, snapshot)
    return { question, fate: `are refused (${answer.error}): ${cause}`, remedy }
  }
  if (isRight(question, answer.route, desired)) {
    return undefined
  }
  const { oif } = answer.route.nexthops[0] ?? {}
  const way = oif === undefined ? `into a route of type ${answer.route.type}` : `by ${name(oif)}`
  const { cause, remedy } = causeOf(question, answer.route.table, snapshot, settings)
  const fate = `leave ${way} (table ${answer.route.table}) instead of by ${name(question.linkIndex)}: ${cause}`
  return { question, fate, remedy }
}

/** Through the ENI itself, or by a more specific route of main that leaves by no ENI: a container, a VPN. */
function isRight(question: Question, route: Route, desired: Desired): boolean {
  const oif = route.nexthops[0]?.oif
  if (route.type === 'local' || oif === question.linkIndex) {
    return true
  }
  const throughEni = desired.enis.some(({ eni }) => eni.link.index === oif)
  const specific = route.destination.length > defaultLength[question.family]
  return route.type === 'unicast' && route.table === table.main && specific && !throughEni
}

interface Cause {
  readonly cause: string
  readonly remedy: string
}

/** The rule that sends the packet there: the first that selects it and asks that table. */
function causeOf(question: Question, answered: number, snapshot: Snapshot, settings: Settings): Cause {
  const rule = rulesFor(question, snapshot).find(
    (candidate) => !isOurRule(settings, candidate) && (candidate.table === answered || candidate.action === 'goto'),
  )
  if (!rule || rule.priority > settings.numbers.priorityBase + 2) {
    const show = `ip ${question.family === 6 ? '-6 ' : ''}route show table ${answered}`
    return { cause: `a route of table ${answered}`, remedy: `look for it with: ${show}` }
  }
  return inFront(rule, question, settings)
}

const inFront = (rule: Rule, question: Question, { numbers }: Settings): Cause => ({
  cause: `the rule "${formatRule(rule)}" is asked first`,
  remedy: `give that rule a priority between ${numbers.priorityBase + 3} and 32765, or except ${question.source} from it`,
})

function refusalOf(question: Question, snapshot: Snapshot): Cause {
  const refusals = ['unreachable', 'blackhole', 'prohibit']
  const rule = rulesFor(question, snapshot).find(({ action }) => refusals.includes(action))
  const ip = question.family === 6 ? 'ip -6' : 'ip'
  return rule
    ? { cause: `the rule "${formatRule(rule)}"`, remedy: `${ip} rule del ${formatRule(rule)}` }
    : {
        cause:
          'an unreachable, blackhole or prohibit route, most likely a default in main, is asked before the table of the ENI',
        remedy: `look for it with: ${ip} route show table all type unreachable (blackhole, prohibit)`,
      }
}

const rulesFor = (question: Question, snapshot: Snapshot): Rule[] =>
  snapshot.rules
    .filter((rule) => rule.family === question.family && selects(rule, question))
    .sort((a, b) => a.priority - b.priority)

function selects(rule: Rule, question: Question): boolean {
  const source = !rule.source || contains(rule.source, question.source)
  const destination = !rule.destination || contains(rule.destination, question.destination)
  const marked = rule.fwmark !== undefined && rule.fwmark !== 0
  const hit = source && destination && !marked && !rule.iif && !rule.oif
  return rule.invert ? !hit : hit
}
