import type { Link } from '../state/link.ts'
import { table } from '../state/route.ts'
import { formatRule, type Rule } from '../state/rule.ts'
import type { Knowledge } from './knowledge.ts'

/** A container network plug-in that drives ENIs with rules and tables of its own. */
export interface Plugin {
  readonly name: string
  /** What shows that it is here, for people. */
  readonly evidence: string
}

/**
 * Tells from rules and links, with any of several marks: a rule dump may be torn. The Amazon VPC CNI sends what bears its
 * mark to main, and names the host's end of a pod `eni` and eleven digits of a hash; cilium in ENI mode has rules by the
 * source of each pod at priorities of its own (110 and 111), which its other modes have not.
 */
export function networkPlugin(links: readonly Link[], rules: readonly Rule[]): Plugin | undefined {
  const mark = rules.find(isVpcCniMark)
  if (mark) {
    return { name: 'the Amazon VPC CNI', evidence: `ip rule ${formatRule(mark)}` }
  }
  const pod = links.find(isVpcCniPod)
  if (pod) {
    return { name: 'the Amazon VPC CNI', evidence: `link ${pod.name}` }
  }
  const egress = links.some(({ name }) => name === 'cilium_host') ? rules.find(isCiliumEgress) : undefined
  return egress && { name: 'cilium in ENI mode', evidence: `ip rule ${formatRule(egress)}` }
}

/** The host's end of a pod of the Amazon VPC CNI. */
export const isVpcCniPod = ({ name, kind }: Link): boolean => kind === 'veth' && /^eni[0-9a-f]{11}$/.test(name)

export const isVpcCniMark = ({ priority, fwmark, fwmask, action, table: asked }: Rule): boolean =>
  priority >= 512 &&
  priority <= 1536 &&
  fwmark === 0x80 &&
  fwmask === 0x80 &&
  action === 'lookup' &&
  asked === table.main

const isCiliumEgress = ({ priority, source, action, table: asked }: Rule): boolean =>
  (priority === 110 || priority === 111) && source !== undefined && action === 'lookup' && asked !== table.main

/**
 * Of the ENIs of a host with such a plug-in the first is the host's own too: its addresses are the kubelet's and the
 * nodes'. It is the one that the metadata names, else the one with the lowest ifindex, which was there at boot.
 */
export const isShared = (link: Link, enis: readonly Link[], { primaryMac }: Knowledge): boolean =>
  enis.some(({ mac }) => mac === primaryMac) ? link.mac === primaryMac : enis.every(({ index }) => index >= link.index)
