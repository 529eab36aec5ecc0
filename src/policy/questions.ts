import { addressBits, type Family } from '../state/ip.ts'
import { addressAt, neighbourOf, type Prefix } from '../state/prefix.ts'
import type { Rule } from '../state/rule.ts'
import type { Snapshot } from '../state/snapshot.ts'
import type { Desired, EniPlan } from './desired.ts'
import { isOurRule } from './ownership.ts'
import { lastPriority } from './rules.ts'
import type { Settings } from './settings.ts'

/** A question to the kernel: by which way would a packet with this source leave? (RTM_GETROUTE) */
export interface Question {
  readonly family: Family
  readonly source: string
  readonly destination: string
  /** IPPROTO_TCP, …: some rules select by it, by ports, or by the socket's user. */
  readonly ipProtocol: number
  readonly sourcePort?: number
  readonly destinationPort?: number
  readonly uid?: number
  /** What the destination stands for, for people. */
  readonly towards: string
  /** The link that it ought to leave by, and that link's table. */
  readonly linkIndex: number
  readonly table: number
}

/** linux/in.h */
const IPPROTO_TCP = 6
const IPPROTO_UDP = 17
const IPPROTO_ICMP = 1
const IPPROTO_ICMPV6 = 58

/**
 * One Internet address in either half of the default: a full tunnel may have taken either. Nothing is ever sent there;
 * the kernel is only asked.
 */
export const internet: Readonly<Record<Family, readonly string[]>> = {
  4: ['8.8.8.8', '203.0.113.1'],
  6: ['2001:db8::1', '2a00::1'],
}

/** More addresses than this an ENI are not asked for one by one: rules in front of ours seldom name one address. */
const askedAddresses = 16

/** What to ask about every ENI that has a default route. */
export function questions(desired: Desired, snapshot: Snapshot, settings: Settings): Question[] {
  const local = new Set(snapshot.addresses.map(({ address }) => address))
  const guises = guisesInFront(desired, snapshot, settings)
  return desired.enis
    .filter(({ eni }) => eni.managed && eni.link.up)
    .flatMap((plan) => questionsOf(plan, snapshot))
    .filter(({ destination }) => !local.has(destination))
    .flatMap((question) =>
      guises
        .filter(({ family }) => family === undefined || family === question.family)
        .map(({ guise, what }) => ({ ...question, ...guise, towards: question.towards + what })),
    )
}

interface Guise {
  readonly family?: Family
  readonly guise: Pick<Question, 'ipProtocol' | 'sourcePort' | 'destinationPort' | 'uid'>
  /** What is special about it, for people. */
  readonly what: string
}

const plain: Guise = { guise: { ipProtocol: IPPROTO_TCP }, what: '' }
/** A host with more such rules in front of ours is asked about the first of them. */
const mostGuises = 16

/**
 * TCP, and whatever a foreign rule in front of ours tells packets apart by: protocol, ports, user. Not by mark: who marks
 * packets wants another way for them.
 */
function guisesInFront(desired: Desired, { rules }: Snapshot, settings: Settings): readonly Guise[] {
  const last = lastPriority(desired.rules, settings.numbers)
  const named = rules
    .filter((rule) => rule.priority <= last && !isOurRule(settings, rule) && !rule.fwmark)
    .flatMap((rule) => guiseOf(rule) ?? [])
  const distinct = new Map([plain, ...named].map((one) => [JSON.stringify(one), one]))
  return [...distinct.values()].slice(0, mostGuises)
}

/** RTM_GETROUTE takes TCP, UDP and ICMP; of any other protocol it answers EOPNOTSUPP, which tells nothing of the way. */
const canBeAsked = (family: Family, ipProtocol: number | undefined): boolean =>
  ipProtocol === undefined ||
  [IPPROTO_TCP, IPPROTO_UDP, family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6].includes(ipProtocol)

/** A packet that the rule selects, as far as protocol, ports and user go; undefined where it does not ask for them. */
function guiseOf({ family, ipProto, sourcePort, destinationPort, uidRange, invert }: Rule): Guise | undefined {
  const alone = !sourcePort && !destinationPort && !uidRange
  if (invert || !canBeAsked(family, ipProto) || (alone && (ipProto ?? IPPROTO_TCP) === IPPROTO_TCP)) {
    return undefined
  }
  const words = [
    sourcePort ? `from port ${sourcePort.from}` : '',
    destinationPort ? `to port ${destinationPort.from}` : '',
    uidRange ? `of user ${uidRange.from}` : '',
  ].filter((word) => word !== '')
  return {
    family,
    guise: {
      ipProtocol: ipProto ?? IPPROTO_TCP,
      ...(sourcePort ? { sourcePort: sourcePort.from } : {}),
      ...(destinationPort ? { destinationPort: destinationPort.from } : {}),
      ...(uidRange ? { uid: uidRange.from } : {}),
    },
    what: words.length > 0 ? ` ${words.join(' ')}` : '',
  }
}

function questionsOf({ eni, table = 0, routing }: EniPlan, snapshot: Snapshot): Omit<Question, 'ipProtocol'>[] {
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
          table,
          ...target,
        }))
      }),
    )
}

/** A peer in the address's own subnet, and one in the subnet next to it. */
export function nearby(subnet: Prefix, family: Family): Pick<Question, 'destination' | 'towards'>[] {
  if (subnet.length > addressBits(family) - 3 || subnet.length < 8) {
    return []
  }
  return [
    { destination: addressAt(subnet, 5), towards: 'its own subnet' },
    { destination: addressAt(neighbourOf(subnet), 5), towards: 'another subnet' },
  ]
}
