import type { Change } from '../state/change.ts'
import { formatChange } from '../state/change.ts'
import { type Family, familyOf, ipCommand } from '../state/ip.ts'
import { type Link, linkWord } from '../state/link.ts'
import { addressAt, isHostPrefix } from '../state/prefix.ts'
import { linkNamer, type Snapshot } from '../state/snapshot.ts'
import { conflicts } from './conflicts.ts'
import type { Desired } from './desired.ts'
import { differences, explainDifference } from './differences.ts'
import { idlePatterns } from './enis.ts'
import { enumerate } from './enumerate.ts'
import type { WrongOutcome } from './outcome.ts'
import type { Settings } from './settings.ts'

/** Something that a person should know: an error while packets go wrong or may, a warning otherwise. */
export interface Problem {
  readonly severity: 'error' | 'warning'
  /** Name of the ENI that it concerns, where it is one. */
  readonly interface?: string
  readonly problem: string
  readonly remedy: string
}

/** A problem as it is found; `patience`: ms that it has to last before anybody is told who has not asked. */
export type Finding = Problem & { readonly patience?: number }

/** ms that an address may be on its way: a DHCP client asks again after some 4 s where its first question was lost (RFC 2131). */
const onItsWay = 6_000

/** A change that the kernel refused, with its errno's name and its own words. */
export interface Refusal {
  readonly change: Change
  readonly code: string
  readonly message: string
}

export interface Evidence {
  readonly snapshot: Snapshot
  readonly desired: Desired
  readonly outcomes: readonly WrongOutcome[]
  readonly refusals: readonly Refusal[]
}

/** All that is wrong, or odd, in the present state; errors first. */
export const problems = (evidence: Evidence, settings: Settings): Problem[] =>
  findings(evidence, settings).map(({ patience: _, ...problem }) => problem)

/** As `problems`, with what may mend itself in a moment marked. */
export function findings({ snapshot, desired, outcomes, refusals }: Evidence, settings: Settings): Finding[] {
  const name = linkNamer(snapshot)
  const found: Finding[] = [
    ...wrongWays(outcomes, name),
    ...refusals.map((refusal) => explainRefusal(refusal, name)),
    ...desired.enis.flatMap(({ eni, routing }) =>
      routing
        .filter(({ gateway }) => gateway === undefined && eni.link.up)
        .map(({ family }) => noGateway(snapshot, eni.link, family)),
    ),
    ...conflicts(snapshot, desired, settings).map(
      ({ object, problem, remedy }): Problem => ({ severity: 'warning', problem: `${object}: ${problem}`, remedy }),
    ),
    ...[...desired.marking.refused, ...desired.marking.disputed].map(
      (trouble): Problem => ({ severity: 'error', ...trouble }),
    ),
    ...blindness(snapshot),
    ...settings.knowledge.troubles,
    ...differences(snapshot, desired, settings).flatMap((difference) =>
      explainDifference(difference, settings).map(
        ({ missing, ...text }): Finding => ({
          severity: 'warning',
          interface: difference.eni.link.name,
          ...text,
          ...(missing ? { patience: onItsWay } : {}),
        }),
      ),
    ),
    ...desired.passedOver.map(
      ({ link, because }): Problem => ({
        severity: 'warning',
        interface: link.name,
        problem: `${link.name} is not taken for an ENI: ${because}`,
        remedy: 'no change is needed if that is right',
      }),
    ),
    ...idlePatterns(snapshot.links, settings).map(
      (pattern): Problem => ({
        severity: 'warning',
        problem: `interfaces.include "${pattern}" matches no link (present: ${snapshot.links.map((link) => link.name).join(', ')})`,
        remedy: 'correct the pattern, or leave it if the interface is yet to be attached',
      }),
    ),
  ]
  return found.sort((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'))
}

function blindness({ marking }: Snapshot): Problem[] {
  const { unavailable } = marking ?? {}
  return unavailable?.blind ? [{ severity: 'warning', problem: unavailable.problem, remedy: unavailable.remedy }] : []
}

/** Outcomes of one cause are one problem, however many addresses and destinations it hits. */
export function wrongWays(outcomes: readonly WrongOutcome[], name: (index: number) => string): Problem[] {
  const byFate = new Map<string, WrongOutcome[]>()
  for (const outcome of outcomes) {
    byFate.set(outcome.fate, [...(byFate.get(outcome.fate) ?? []), outcome])
  }
  return [...byFate.values()].map((alike): Problem => {
    const first = alike[0] as WrongOutcome
    const distinct = (pick: (outcome: WrongOutcome) => string) => enumerate([...new Set(alike.map(pick))])
    const sources = distinct(({ question }) => question.source)
    const towards = distinct(({ question }) => question.towards)
    return {
      severity: 'error',
      interface: name(first.question.linkIndex),
      problem: `packets from ${sources} to ${towards} (${first.question.destination}) ${first.fate}`,
      remedy: first.remedy,
    }
  })
}

export function noGateway({ addresses }: Pick<Snapshot, 'addresses'>, { index, name }: Link, family: Family): Problem {
  const subnet = addresses.find(
    ({ linkIndex, address, onLink }) => linkIndex === index && familyOf(address) === family && !isHostPrefix(onLink),
  )?.onLink
  const first = family === 4 && subnet ? addressAt(subnet, 1) : undefined
  const router = addresses.some(({ address }) => address === first) ? undefined : first
  const which = router ? "by the subnet's first address, where a VPC has its router" : "by its subnet's router"
  const command = `${ipCommand({ family })} route add default via ${router ?? 'ROUTER'} dev ${linkWord(name)} metric 20000`
  return {
    severity: 'error',
    interface: name,
    problem: `no IPv${family} router is known for ${name}: replies beyond its own subnets can't leave by it`,
    remedy: `add a default route through it, ${which}: ${command}`,
  }
}

const explainRefusal = ({ change, code, message }: Refusal, name: (index: number) => string): Problem => ({
  severity: 'error',
  problem: `the kernel refuses "${formatChange(change, name)}": ${code}${message ? ` (${message})` : ''}`,
  remedy: remedies[code] ?? 'it is tried again at every event, and at least once a second',
})

const remedies: Readonly<Record<string, string>> = {
  EPERM: 'run as root, or grant CAP_NET_ADMIN',
  EACCES: 'run as root, or grant CAP_NET_ADMIN',
  EOPNOTSUPP:
    'the kernel lacks this feature: policy routing (CONFIG_IP_MULTIPLE_TABLES, CONFIG_IPV6_MULTIPLE_TABLES) is needed',
  EAFNOSUPPORT: 'the kernel lacks this protocol family',
}
