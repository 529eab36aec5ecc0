import { enumerate } from '../../policy/enumerate.ts'
import { isMultihomed, managed } from '../enis.ts'
import type { Check, Evidence, KernelState } from '../evidence.ts'
import type { Finding } from '../finding.ts'
import { effectiveSysctl, linkSysctl, sysctlName, sysctlText } from '../sysctl.ts'
import { startOf } from './daemon.ts'
import { towardsContainers } from './published-ports.ts'

const strict = 1

/** Settings of the kernel by which an interface is deaf although its routing is right. */
export const reversePath: Check = {
  reads: ['rp_filter', 'src_valid_mark', 'arp_ignore'].map((key) => `proc/sys/net/ipv4/conf/*/${key}`),
  find: (evidence) =>
    isMultihomed(evidence.kernel)
      ? [
          ...strictWithRedirection(evidence, evidence.kernel),
          ...strictWithoutShape(evidence, evidence.kernel),
          ...deafToArp(evidence, evidence.kernel),
        ]
      : [],
}

const strictLinks = ({ files }: Evidence, kernel: KernelState): string[] =>
  managed(kernel)
    .map(({ eni }) => eni.link.name)
    .filter((name) => effectiveSysctl(files, name, 'rp_filter') === strict)

/** The sysctls that make them strict: the link's own, or that of all. */
const settingsOf = ({ files }: Evidence, links: readonly string[], key: string, value: number): string[] =>
  ['all', ...links]
    .filter((link) => linkSysctl(files, 4, link, key) === value)
    .map((link) => sysctlText(4, link, key, value))

/** A redirected packet has the container's address when it is checked, and no rule by source is for that. */
function strictWithRedirection(evidence: Evidence, kernel: KernelState): Finding[] {
  const links = strictLinks(evidence, kernel)
  const [redirection] = towardsContainers(evidence, kernel)
  if (links.length === 0 || !redirection) {
    return []
  }
  const connmark = String(evidence.config.routing.containers) === 'connmark'
  const valid = links.every((link) => (effectiveSysctl(evidence.files, link, 'src_valid_mark') ?? 0) > 0)
  if (connmark && valid) {
    return []
  }
  return [
    {
      severity: 'error',
      id: 'rp-filter-dnat',
      what: connmark
        ? `strict rp_filter on ${links.join(', ')} checks redirected packets without their mark and drops them`
        : `strict rp_filter on ${links.join(', ')} drops packets to published ports that come in by another interface than main's default`,
      evidence: [...settingsOf(evidence, links, 'rp_filter', strict), redirection.text],
      cure: connmark
        ? 'sysctl -w net.ipv4.conf.all.src_valid_mark=1, and the same in /etc/sysctl.d'
        : `${links.map((link) => `sysctl -w ${sysctlName(4, link, 'rp_filter')}=2`).join('; ')}, and the same in /etc/sysctl.d`,
    },
  ]
}

/** While nothing of ours stands, a second ENI of a subnet is deaf, not only dumb. */
function strictWithoutShape(evidence: Evidence, kernel: KernelState): Finding[] {
  const links = strictLinks(evidence, kernel)
  const standing = kernel.assessment.pending.length === 0 || evidence.daemon.state === 'running'
  if (standing || links.length === 0 || kernel.outcomes.length === 0) {
    return []
  }
  return [
    {
      severity: 'error',
      id: 'rp-filter-strict',
      what: `strict rp_filter on ${links.join(', ')} drops what comes in by an interface that main would not answer by, before any program sees it`,
      evidence: settingsOf(evidence, links, 'rp_filter', strict),
      cure: `${startOf(evidence.files)}; under the daemon's rules local services pass the strict filter, too`,
    },
  ]
}

/** ip-sysctl.rst, arp_ignore: 8 answers for no address of the host. */
const answersNothing = 8

/** The greater of the link's value and that of `all` counts, so that each one of them has to go. */
function deafToArp({ files }: Evidence, kernel: KernelState): Finding[] {
  const deaf = managed(kernel)
    .map(({ eni }) => eni.link.name)
    .filter((name) => effectiveSysctl(files, name, 'arp_ignore') === answersNothing)
  const causes = ['all', ...deaf].filter((name) => linkSysctl(files, 4, name, 'arp_ignore') === answersNothing)
  return deaf.length === 0
    ? []
    : [
        {
          severity: 'warning',
          id: 'arp-ignored',
          what: `no ARP request is answered on ${enumerate(deaf)}: hosts of the subnet may not find this one there`,
          evidence: causes.map((name) => sysctlText(4, name, 'arp_ignore', answersNothing)),
          cure: causes.map((name) => `sysctl -w ${sysctlName(4, name, 'arp_ignore')}=0`).join('; '),
        },
      ]
}
