import { addressBits, type Family } from '../state/ip.ts'
import { addressAt, neighbourOf, type Prefix } from '../state/prefix.ts'
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
  /** IPPROTO_TCP, …: some rules select by it. */
  readonly ipProtocol: number
  /** What the destination stands for, for people. */
  readonly towards: string
  /** The link that it ought to leave by, and that link's table. */
  readonly linkIndex: number
  readonly table: number
}

/** linux/in.h */
const IPPROTO_TCP = 6

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
  const protocols = ipProtocolsInFront(desired, snapshot, settings)
  return desired.enis
    .filter(({ eni }) => eni.managed && eni.link.up)
    .flatMap((plan) => questionsOf(plan, snapshot))
    .filter(({ destination }) => !local.has(destination))
    .flatMap((question) => protocols.map((ipProtocol) => ({ ...question, ipProtocol })))
}

/** TCP, and every other protocol that a foreign rule in front of ours tells packets apart by. */
function ipProtocolsInFront(desired: Desired, { rules }: Snapshot, settings: Settings): readonly number[] {
  const last = lastPriority(desired.rules, settings.numbers)
  const named = rules
    .filter((rule) => rule.priority <= last && !isOurRule(settings, rule))
    .flatMap(({ ipProto }) => (ipProto === undefined ? [] : [ipProto]))
  return [...new Set([IPPROTO_TCP, ...named])]
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
