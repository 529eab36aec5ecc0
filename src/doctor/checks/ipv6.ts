import { familyOf } from '../../state/ip.ts'
import { table } from '../../state/route.ts'
import { isDefault, isMultihomed, managed, routableOf } from '../enis.ts'
import type { Check, Evidence, KernelState } from '../evidence.ts'
import type { Finding } from '../finding.ts'
import { linkSysctl, sysctlName, sysctlText } from '../sysctl.ts'

/** IPv6 that is switched off on one interface alone, or that can't hear its router. */
export const ipv6: Check = {
  reads: ['disable_ipv6', 'accept_ra', 'forwarding'].map((key) => `proc/sys/net/ipv6/conf/*/${key}`),
  find: (evidence) =>
    isMultihomed(evidence.kernel)
      ? [...switchedOff(evidence, evidence.kernel), ...deafToRouters(evidence, evidence.kernel)]
      : [],
}

const hasIpv6 = (kernel: KernelState, plan: ReturnType<typeof managed>[number]): boolean =>
  routableOf(kernel, plan).some(({ address }) => familyOf(address) === 6)

function switchedOff({ files }: Evidence, kernel: KernelState): Finding[] {
  if (!managed(kernel).some((plan) => hasIpv6(kernel, plan))) {
    return []
  }
  return managed(kernel)
    .map(({ eni }) => eni.link.name)
    .filter((name) => linkSysctl(files, 6, name, 'disable_ipv6') === 1)
    .map((name) => ({
      severity: 'warning',
      id: 'ipv6-disabled',
      what: `IPv6 is switched off on ${name}, while other interfaces use it: IPv6 addresses of the VPC on ${name} do not answer`,
      evidence: [sysctlText(6, name, 'disable_ipv6', 1)],
      cure: `sysctl -w ${sysctlName(6, name, 'disable_ipv6')}=0`,
    }))
}

/** A host that forwards hears no router advertisements, unless accept_ra is 2 (ip-sysctl.rst). */
function deafToRouters({ files }: Evidence, kernel: KernelState): Finding[] {
  const defaults = kernel.all.routes.filter((r) => r.family === 6 && r.table === table.main && isDefault(r))
  return managed(kernel)
    .filter((plan) => hasIpv6(kernel, plan))
    .map(({ eni }) => eni.link)
    .filter(({ index }) => !defaults.some(({ nexthops }) => nexthops.some(({ oif }) => oif === index)))
    .flatMap(({ name }): Finding[] => {
      const accept = linkSysctl(files, 6, name, 'accept_ra')
      const forwarding = linkSysctl(files, 6, name, 'forwarding')
      const deaf = accept === 0 || (accept === 1 && forwarding === 1)
      return deaf
        ? [
            {
              severity: 'warning',
              id: 'ipv6-no-advertisements',
              what: `${name} has IPv6 addresses and no default route, and the kernel does not listen to router advertisements there`,
              evidence: [sysctlText(6, name, 'accept_ra', accept), sysctlText(6, name, 'forwarding', forwarding)],
              cure: `sysctl -w ${sysctlName(6, name, 'accept_ra')}=2`,
            },
          ]
        : []
    })
}
