import { conflicts } from '../../policy/conflicts.ts'
import { idlePatterns } from '../../policy/enis.ts'
import { noGateway, wrongWays } from '../../policy/health.ts'
import type { WrongOutcome } from '../../policy/outcome.ts'
import type { Question } from '../../policy/questions.ts'
import type { Address } from '../../state/address.ts'
import { ipCommand } from '../../state/ip.ts'
import { linkNamer } from '../../state/snapshot.ts'
import type { Check, Evidence, KernelState } from '../evidence.ts'
import type { Finding } from '../finding.ts'

/** What the kernel itself answers when it is asked by which way packets would leave, and what stands in our way there. */
export const routing: Check = {
  reads: [],
  find: ({ kernel, settings, daemon }) =>
    kernel
      ? [
          ...ways(kernel, daemon.state === 'running'),
          ...routers(kernel),
          ...inOurBands(kernel, settings),
          ...patterns(kernel, settings),
        ]
      : [],
}

function ways({ assessment, outcomes }: KernelState, running: boolean): Finding[] {
  const inShape = running || assessment.pending.length === 0
  const shared = sharedAddresses(assessment.snapshot.addresses)
  const told = outcomes
    .filter(({ isForeign }) => inShape || isForeign)
    // Deleting what is there would not mend it: the address has to go from one of them.
    .filter(({ question }) => !shared.has(question.source))
  return wrongWays(told, linkNamer(assessment.snapshot)).map(({ severity, problem, remedy }) => ({
    severity,
    id: 'wrong-way',
    what: problem,
    evidence: asked(told.filter(({ fate }) => problem.endsWith(fate))),
    cure: remedy,
  }))
}

/** Addresses that several links have. */
const sharedAddresses = (addresses: readonly Address[]): Set<string> =>
  new Set(
    addresses
      .filter(({ address, linkIndex }) => addresses.some((a) => a.address === address && a.linkIndex !== linkIndex))
      .map(({ address }) => address),
  )

const asked = (outcomes: readonly WrongOutcome[]): string[] =>
  outcomes.slice(0, 2).map(({ question }) => askedAs(question))

/** IP protocols by the names that ip(8) takes; TCP goes without saying. */
const protocols: Readonly<Record<number, string>> = { 1: 'icmp', 17: 'udp', 58: 'ipv6-icmp' }

/** The command that asks the kernel the same. */
function askedAs(question: Question): string {
  const { source, destination, ipProtocol, sourcePort, destinationPort, uid } = question
  const byPort = sourcePort !== undefined || destinationPort !== undefined
  const protocol = protocols[ipProtocol] ?? (byPort ? 'tcp' : undefined)
  return [
    `${ipCommand(question)} route get ${destination} from ${source}`,
    ...(protocol ? [`ipproto ${protocol}`] : []),
    ...(sourcePort === undefined ? [] : [`sport ${sourcePort}`]),
    ...(destinationPort === undefined ? [] : [`dport ${destinationPort}`]),
    ...(uid === undefined ? [] : [`uid ${uid}`]),
  ].join(' ')
}

/** Ways that are wrong for want of our rules and tables alone, while no daemon runs. */
export const wantOfShape = ({ assessment, outcomes }: KernelState): string[] =>
  assessment.pending.length === 0
    ? []
    : [
        ...new Set(
          outcomes
            .filter(({ isForeign }) => !isForeign)
            .map(({ question, fate }) => `packets from ${question.source} to ${question.towards} ${fate}`),
        ),
      ].slice(0, 4)

const routers = ({ all, assessment }: KernelState): Finding[] =>
  assessment.desired.enis.flatMap(({ eni, routing: parts }) =>
    parts
      .filter(({ gateway }) => gateway === undefined && eni.link.up)
      .map(({ family }) => {
        const { severity, problem, remedy } = noGateway(all, eni.link, family)
        return { severity, id: 'no-router', what: problem, evidence: [`link ${eni.link.name}`], cure: remedy }
      }),
  )

const inOurBands = ({ assessment: { snapshot, desired } }: KernelState, settings: Evidence['settings']): Finding[] =>
  conflicts(snapshot, desired, settings).map(({ object, problem, remedy }) => {
    // One of two interfaces with one address answers by the other.
    const shared = object.startsWith('address ')
    return {
      severity: shared ? 'error' : 'warning',
      id: 'conflict',
      what: object.startsWith('ip ') ? problem : `${object}: ${problem}`,
      evidence: [object],
      cure: remedy,
    }
  })

const patterns = ({ all }: KernelState, settings: Evidence['settings']): Finding[] =>
  idlePatterns(all.links, settings).map((pattern) => ({
    severity: 'warning',
    id: 'idle-pattern',
    what: `interfaces.include "${pattern}" matches no link`,
    evidence: [`links: ${all.links.map(({ name }) => name).join(', ')}`],
    cure: 'correct the pattern in /etc/eni-routed/config.toml, or leave it if the interface is yet to be attached',
  }))
