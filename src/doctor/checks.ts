import { cloudAgents } from './checks/cloud-agents.ts'
import { daemon } from './checks/daemon.ts'
import { firewall } from './checks/firewall.ts'
import { interfaces } from './checks/interfaces.ts'
import { ipv6 } from './checks/ipv6.ts'
import { kernelFeatures } from './checks/kernel-features.ts'
import { mainRoutes } from './checks/main-routes.ts'
import { metadata } from './checks/metadata.ts'
import { networkPlugins } from './checks/network-plugins.ts'
import { networkd } from './checks/networkd.ts'
import { publishedPorts } from './checks/published-ports.ts'
import { reversePath } from './checks/reverse-path.ts'
import { routing } from './checks/routing.ts'
import { rules } from './checks/rules.ts'
import { standingOrders } from './checks/standing-orders.ts'
import { tables } from './checks/tables.ts'
import { wildcardUdp } from './checks/wildcard-udp.ts'
import type { Check, Evidence } from './evidence.ts'
import { bySeverity, type Finding } from './finding.ts'

/** All checks, the gravest themes first. */
export const checks: readonly Check[] = [
  kernelFeatures,
  daemon,
  routing,
  tables,
  rules,
  reversePath,
  interfaces,
  firewall,
  networkd,
  cloudAgents,
  networkPlugins,
  standingOrders,
  mainRoutes,
  publishedPorts,
  metadata,
  ipv6,
  wildcardUdp,
]

/** What is wrong, most serious first. */
export const diagnose = (evidence: Evidence): Finding[] =>
  bySeverity(withoutRepetition(checks.flatMap(({ find }) => find(evidence))))

/** That a rule is of no use beside ours goes without saying where more is wrong with it: its other findings tell its end. */
function withoutRepetition(findings: readonly Finding[]): Finding[] {
  const told = new Set(findings.filter(({ id }) => id !== general).flatMap(({ evidence }) => evidence))
  return findings.filter(({ id, evidence }) => id !== general || !evidence.every((line) => told.has(line)))
}
const general = 'rule-behind'
