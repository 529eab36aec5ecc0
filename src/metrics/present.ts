import type { Verdict } from '../health.ts'
import type { Problem } from '../policy/health.ts'
import type { PassOutcome } from '../reconcile.ts'
import { isRoutable } from '../state/address.ts'
import { familyOf, type Family as IpFamily } from '../state/ip.ts'
import { type Family, gauge, gauges } from './family.ts'

/** The daemon as it is at this moment. */
export interface Present {
  readonly version: string
  readonly since: Date
  readonly health: Verdict
  readonly problems: readonly Problem[]
  /** Objects that somebody keeps undoing. */
  readonly contested: number
  /** The last pass, where there was one. */
  readonly outcome: PassOutcome | undefined
}

const verdicts: readonly Verdict[] = ['starting', 'single', 'in sync', 'repairing', 'degraded']

/** What can be told at any moment, in contrast to what has to be counted as it happens (tally.ts). */
export function presentFamilies({ version, since, health, problems, contested, outcome }: Present): Family[] {
  const count = (severity: Problem['severity']) => problems.filter((problem) => problem.severity === severity).length
  return [
    {
      name: 'eni_routed_build',
      type: 'info',
      help: 'Versions of eni-routed and of the Node that runs it.',
      samples: [{ labels: { version, node: process.version }, value: 1 }],
    },
    gauge('eni_routed_start_time_seconds', 'When the daemon started.', since.getTime() / 1000),
    gauges(
      'eni_routed_health',
      '1 for the state that the daemon is in. single: fewer than two ENIs, nothing to do.',
      'state',
      Object.fromEntries(verdicts.map((state) => [state, Number(state === health)])),
    ),
    gauges('eni_routed_problems', 'Problems that eni-routed status names.', 'severity', {
      error: count('error'),
      warning: count('warning'),
    }),
    gauge('eni_routed_contested_objects', 'Rules and routes that somebody keeps undoing.', contested),
    ...(outcome ? outcomeFamilies(outcome) : []),
    ...processFamilies(),
  ]
}

function outcomeFamilies({ snapshot, desired, refused, withheld }: PassOutcome): Family[] {
  const enis = { managed: 0, bare: 0, down: 0, unmanaged: 0 }
  const addresses = { ipv4: 0, ipv6: 0 }
  for (const { eni } of desired.enis) {
    const own = snapshot.addresses.filter(({ linkIndex }) => linkIndex === eni.link.index)
    const usable = own.filter(isRoutable)
    enis[!eni.managed ? 'unmanaged' : !eni.link.up ? 'down' : usable.length === 0 ? 'bare' : 'managed']++
    for (const { address } of eni.managed ? usable : []) {
      addresses[familyName[familyOf(address)]]++
    }
  }
  return [
    gauges('eni_routed_enis', 'ENIs by state. bare: up, but without an address.', 'state', enis),
    gauges('eni_routed_addresses', 'Addresses of the ENIs that are managed.', 'family', addresses),
    gauge(
      'eni_routed_pending_changes',
      'Changes that the last pass left: refused by the kernel, or held back since somebody keeps undoing them.',
      refused.length + withheld.length,
    ),
  ]
}

const familyName: Readonly<Record<IpFamily, 'ipv4' | 'ipv6'>> = { 4: 'ipv4', 6: 'ipv6' }

/** Under names of our own: `process_…` in a textfile would collide with the node exporter's. */
function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage()
  return [
    gauge('eni_routed_resident_memory_bytes', 'Resident memory of the daemon.', process.memoryUsage.rss()),
    {
      name: 'eni_routed_cpu_seconds',
      type: 'counter',
      help: 'Processor time that the daemon took.',
      samples: [{ labels: {}, value: (user + system) / 1e6 }],
    },
  ]
}
