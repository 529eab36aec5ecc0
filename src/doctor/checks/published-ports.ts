import { table } from '../../state/route.ts'
import { addressesOf, isMultihomed, managed } from '../enis.ts'
import type { Check, Evidence, KernelState, Process, Redirection } from '../evidence.ts'
import type { Finding } from '../finding.ts'

/** Ports of containers that are published on every address answer on one interface alone, unless connections are marked. */
export const publishedPorts: Check = {
  reads: ['proc/sys/net/netfilter/nf_conntrack_max'],
  find: (evidence) =>
    isMultihomed(evidence.kernel) ? [...unmarked(evidence, evidence.kernel), ...untracked(evidence)] : [],
}

/** Redirections that hold on an ENI other than the one that main's default leaves by. */
export function towardsContainers({ redirections = [] }: Evidence, kernel: KernelState): Redirection[] {
  const others = enisByDefault(kernel).slice(1)
  const names = others.map(({ eni }) => eni.link.name)
  const own = new Set(others.flatMap((plan) => addressesOf(kernel, plan)).map(({ address }) => address))
  // A prefix or a set by name may hold any of them.
  const holds = (address: string) => own.has(address) || /[/@]/.test(address)
  return redirections.filter(
    ({ addresses, iif }) =>
      (iif === undefined || names.includes(iif)) && (addresses.length === 0 || addresses.some(holds)),
  )
}

/** ENIs, the one that main's best default leaves by first. */
function enisByDefault(kernel: KernelState) {
  const metric = (index: number) =>
    Math.min(
      ...kernel.all.routes
        .filter((r) => r.table === table.main && r.family === 4 && r.destination.length === 0)
        .filter((r) => r.nexthops.some(({ oif }) => oif === index))
        .map((r) => r.metric),
    )
  return managed(kernel)
    .map((plan) => ({ plan, metric: metric(plan.eni.link.index) }))
    .sort((a, b) => (a.metric === b.metric ? 0 : a.metric - b.metric))
    .map(({ plan }) => plan)
}

function unmarked(evidence: Evidence, kernel: KernelState): Finding[] {
  if (String(evidence.config.routing.containers) !== 'off') {
    return []
  }
  const rules = towardsContainers(evidence, kernel).map(({ text }) => text)
  const proxies = evidence.processes
    .filter(isOpenProxy)
    .map(({ pid, command }) => `process ${pid}: ${command.join(' ')}`)
  const seen = rules.length > 0 ? rules : proxies
  const first = enisByDefault(kernel)[0]?.eni.link.name ?? 'the first interface'
  return seen.length === 0
    ? []
    : [
        {
          severity: 'warning',
          id: 'published-ports',
          what: `published ports of containers or VMs answer on ${first} alone, since routing.containers is "off": the reply to what comes in by another interface leaves by ${first}`,
          evidence: seen.slice(0, 4),
          cure: `containers = "connmark" under [routing] in /etc/eni-routed/config.toml, then: systemctl reload eni-routed`,
        },
      ]
}

/** docker-proxy tells its port where the packet filter may not be read. */
function isOpenProxy({ command }: Process): boolean {
  const host = command[command.indexOf('-host-ip') + 1]
  return command[0]?.endsWith('docker-proxy') === true && (host === '0.0.0.0' || host === '::')
}

function untracked({ config, files }: Evidence): Finding[] {
  if (config.routing.containers !== 'connmark' || files.has('/proc/sys/net/netfilter/nf_conntrack_max')) {
    return []
  }
  return [
    {
      severity: 'error',
      id: 'conntrack-missing',
      what: 'routing.containers = "connmark" needs connection tracking, which the kernel has not loaded',
      evidence: ['/proc/sys/net/netfilter/nf_conntrack_max is not there'],
      cure: 'modprobe nf_conntrack, and a line nf_conntrack in /etc/modules-load.d/eni-routed.conf',
    },
  ]
}
