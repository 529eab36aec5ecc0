import { enumerate } from '../../policy/enumerate.ts'

import { isVpcCniMark, isVpcCniPod, networkPlugin } from '../../policy/hands-off.ts'

import { formatRule } from '../../state/rule.ts'
import type { Check, Evidence } from '../evidence.ts'
import { pathsLike } from '../files.ts'
import type { Finding } from '../finding.ts'

/** Container network plug-ins that drive ENIs themselves. */
export const networkPlugins: Check = {
  reads: ['etc/cni/net.d/*', 'opt/cni/bin/aws-cni', 'opt/cni/bin/cilium-cni'],
  find: (evidence) => [...vpcCni(evidence), ...cilium(evidence)],
}

function vpcCni({ files, kernel, processes }: Evidence): Finding[] {
  const pods = (kernel?.all.links ?? []).filter(isVpcCniPod)
  const rules = (kernel?.all.rules ?? []).filter(isVpcCniMark)
  return plugin('vpc-cni', `the Amazon VPC CNI plug-in is present: ${attaches}`, [
    ...pathsLike(files, /^\/etc\/cni\/net\.d\/[^/]*aws[^/]*\.conf(list)?$/),
    ...rules.slice(0, 1).map((rule) => `ip rule ${formatRule(rule)}`),
    ...processes.filter(({ name }) => name === 'aws-k8s-agent').map(({ pid }) => `process ${pid} is aws-k8s-agent`),
    ...(pods.length > 0 ? [`links of pods: ${enumerate(pods.map(({ name }) => name))}`] : []),
  ])
}

function cilium({ files, kernel, processes }: Evidence): Finding[] {
  const links = (kernel?.all.links ?? []).filter(({ name }) => /^cilium_(host|net|vxlan)$/.test(name))
  // Tables 2004 and 2005 for marks of its own (cilium: pkg/datapath/linux/linux_defaults).
  const rules = (kernel?.all.rules ?? []).filter(
    ({ table, fwmark }) => fwmark !== undefined && (table === 2004 || table === 2005),
  )
  const all = kernel?.all
  const driving = all && networkPlugin(all.links, all.rules)?.name.startsWith('cilium')
  const does = driving
    ? attaches
    : 'it routes pods by rules and marks of its own, and in ENI mode attaches interfaces for them'
  return plugin('cilium', `cilium is present: ${does}`, [
    ...pathsLike(files, /^\/etc\/cni\/net\.d\/[^/]*cilium[^/]*\.conf(list)?$/),
    ...rules.slice(0, 1).map((rule) => `ip rule ${formatRule(rule)}`),
    ...processes.filter(({ name }) => name === 'cilium-agent').map(({ pid }) => `process ${pid} is cilium-agent`),
    ...(links.length > 0 ? [`links ${links.map(({ name }) => name).join(', ')}`] : []),
  ])
}

const attaches = 'it attaches interfaces for pods and makes rules for them itself'

const plugin = (id: string, what: string, evidence: readonly string[]): Finding[] =>
  evidence.length === 0
    ? []
    : [
        {
          severity: 'warning',
          id,
          what,
          evidence,
          cure: 'eni-routed status tells which interfaces are left to it; name others that it drives under exclude in /etc/eni-routed/config.toml, then: systemctl reload eni-routed',
        },
      ]
