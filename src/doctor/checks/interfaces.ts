import { ec2Drivers } from '../../policy/enis.ts'
import { linkWord } from '../../state/link.ts'
import { contains, formatPrefix, isHostPrefix } from '../../state/prefix.ts'
import { table } from '../../state/route.ts'
import { addressesOf, isDefault, isMultihomed, managed, routableOf } from '../enis.ts'
import type { Check, Evidence, KernelState } from '../evidence.ts'
import type { Finding } from '../finding.ts'

/** Interfaces that are there and can't answer. */
export const interfaces: Check = {
  reads: [],
  find: ({ kernel, settings }) => {
    if (!kernel) {
      return []
    }
    return [
      ...unrecognised(kernel, settings),
      ...(isMultihomed(kernel) ? [...idle(kernel), ...masks(kernel), ...duplicates(kernel)] : []),
    ]
  },
}

function idle(kernel: KernelState): Finding[] {
  return managed(kernel).flatMap((plan): Finding[] => {
    const { name, up } = plan.eni.link
    if (!up) {
      return [
        {
          severity: 'warning',
          id: 'interface-down',
          what: `${name} is attached and down: its addresses do not answer`,
          evidence: [`link ${name} state DOWN`],
          cure: `ip link set dev ${linkWord(name)} up, or have it configured: networkd, netplan, ifupdown, or addresses.mode = "imds"`,
        },
      ]
    }
    const waiting = addressesOf(kernel, plan).some(({ tentative, dadFailed }) => tentative && !dadFailed)
    return routableOf(kernel, plan).length > 0 || waiting
      ? []
      : [
          {
            severity: 'warning',
            id: 'interface-bare',
            what: `${name} is up and has no address: nothing configures it`,
            evidence: [`link ${name} address ${plan.eni.link.mac}`],
            cure: `have it configured (networkd, netplan, NetworkManager, ifupdown), or set addresses.mode = "imds" in /etc/eni-routed/config.toml`,
          },
        ]
  })
}

/** In a VPC no subnet lies in another: of two prefixes that overlap, one has a mistyped length. */
function masks(kernel: KernelState): Finding[] {
  const all = managed(kernel).flatMap((plan) =>
    routableOf(kernel, plan)
      .filter(({ onLink }) => !isHostPrefix(onLink))
      .map((address) => ({ ...address, name: plan.eni.link.name })),
  )
  for (const [i, one] of all.entries()) {
    for (const two of all.slice(i + 1)) {
      const [wide, narrow] = one.onLink.length < two.onLink.length ? [one, two] : [two, one]
      if (wide.onLink.length !== narrow.onLink.length && contains(wide.onLink, narrow.onLink.address)) {
        return [
          {
            severity: 'warning',
            id: 'prefix-length',
            what: `${formatPrefix(narrow.onLink)} on ${narrow.name} lies in ${formatPrefix(wide.onLink)} on ${wide.name}: subnets of a VPC do not overlap, so one of the lengths is wrong`,
            evidence: [wide, narrow].map(
              ({ address, onLink, name }) => `address ${address}/${onLink.length} dev ${name}`,
            ),
            cure: `give both the length of their subnet, for instance: ip address change ${narrow.address}/${wide.onLink.length} dev ${linkWord(narrow.name)}`,
          },
        ]
      }
    }
  }
  return []
}

/** Duplicate address detection says that somebody else has the address. */
const duplicates = (kernel: KernelState): Finding[] =>
  managed(kernel).flatMap((plan) =>
    addressesOf(kernel, plan)
      .filter(({ dadFailed }) => dadFailed)
      .map(({ address, onLink }) => ({
        severity: 'error',
        id: 'duplicate-address',
        what: `another host of the subnet has ${address}: the kernel will not use it`,
        evidence: [`address ${address}/${onLink.length} dev ${plan.eni.link.name} dadfailed`],
        cure: `ip -6 address del ${address}/${onLink.length} dev ${linkWord(plan.eni.link.name)}`,
      })),
  )

/** Several interfaces of hardware lead out, and fewer than two of them are taken for ENIs. */
function unrecognised(kernel: KernelState, { include }: Evidence['settings']): Finding[] {
  const { all, assessment } = kernel
  if (assessment.desired.active) {
    return []
  }
  const leading = all.links.filter(
    ({ index, kind, loopback, slaveKind }) =>
      kind === undefined &&
      !loopback &&
      slaveKind === undefined &&
      all.routes.some((r) => r.table === table.main && isDefault(r) && r.nexthops.some(({ oif }) => oif === index)),
  )
  return leading.length < 2
    ? []
    : [
        {
          severity: 'warning',
          id: 'interfaces-not-included',
          what: `${leading.map(({ name }) => name).join(' and ')} both have a default route, and fewer than two of them are taken for elastic network interfaces: nothing is done`,
          evidence: [
            ...leading.map(({ name, driver }) => `link ${name} driver ${driver ?? 'unknown'}`),
            `interfaces.include: ${[...new Set([...include, ...ec2Drivers.map((driver) => `driver:${driver}`)])].join(', ')}`,
          ],
          cure: `include = [${leading.map(({ name }) => JSON.stringify(name)).join(', ')}] under [interfaces] in /etc/eni-routed/config.toml, then: systemctl reload eni-routed`,
        },
      ]
}
