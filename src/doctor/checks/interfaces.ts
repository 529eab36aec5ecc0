import type { Wire } from '../../netlink/link-wire.ts'
import { ec2Drivers } from '../../policy/enis.ts'
import type { Address } from '../../state/address.ts'
import { familyOf, ipCommand } from '../../state/ip.ts'
import { linkWord } from '../../state/link.ts'
import { contains, formatPrefix, isHostPrefix, prefixKey } from '../../state/prefix.ts'
import { table } from '../../state/route.ts'
import { addressesOf, isDefault, isMultihomed, managed, routableOf } from '../enis.ts'
import type { Check, Evidence, KernelState } from '../evidence.ts'
import type { Finding } from '../finding.ts'

/** Interfaces that are there and can't answer. */
export const interfaces: Check = {
  reads: [],
  find: ({ kernel, settings, wires = [] }) => {
    if (!kernel) {
      return []
    }
    return [
      ...unrecognised(kernel, settings),
      ...(isMultihomed(kernel)
        ? [
            ...idle(kernel),
            ...unplugged(kernel, wires),
            ...mtus(kernel, wires),
            ...masks(kernel),
            ...duplicates(kernel),
          ]
        : []),
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
    const onlyLinkLocal = addressesOf(kernel, plan).length > 0
    return routableOf(kernel, plan).length > 0 || waiting
      ? []
      : [
          {
            severity: 'warning',
            id: 'interface-bare',
            what: `${name} is up and has no address${onlyLinkLocal ? ' but a link-local one' : ''}: nothing configures it`,
            evidence: [`link ${name} address ${plan.eni.link.mac}`],
            cure: `have it configured (networkd, netplan, NetworkManager, ifupdown), or set addresses.mode = "imds" in /etc/eni-routed/config.toml`,
          },
        ]
  })
}

/** Up, and nothing passes: no carrier, or nobody is told where the interface is. */
const unplugged = (kernel: KernelState, wires: readonly Wire[]): Finding[] =>
  managed(kernel).flatMap(({ eni: { link } }): Finding[] => {
    const wire = wires.find(({ name }) => name === link.name)
    if (!wire || !link.up || (wire.carrier && wire.arp)) {
      return []
    }
    const word = linkWord(link.name)
    return wire.carrier
      ? [
          {
            severity: 'error',
            id: 'arp-off',
            what: `${link.name} neither asks nor answers by ARP: no host of its subnet finds it`,
            evidence: [`link ${link.name} NOARP`],
            cure: `ip link set dev ${word} arp on`,
          },
        ]
      : [
          {
            severity: 'warning',
            id: 'no-carrier',
            what: `${link.name} is up and has no carrier: nothing comes in or goes out there`,
            evidence: [`link ${link.name} NO-CARRIER`],
            cure: `ip link set dev ${word} down; ip link set dev ${word} up, and where that does not help, detach the ENI and attach it again`,
          },
        ]
  })

/** Two ENIs of one subnet have one MTU: a host that sends as much as the one bears is not heard by the other. */
function mtus(kernel: KernelState, wires: readonly Wire[]): Finding[] {
  const all = managed(kernel).flatMap((plan) => {
    const { name } = plan.eni.link
    const mtu = wires.find((wire) => wire.name === name)?.mtu
    return mtu === undefined
      ? []
      : [{ plan, name, mtu, subnets: routableOf(kernel, plan).map((a) => prefixKey(a.onLink)) }]
  })
  for (const small of all) {
    const large = all.find(({ mtu, subnets }) => mtu > small.mtu && subnets.some((one) => small.subnets.includes(one)))
    if (large) {
      return [
        {
          severity: 'warning',
          id: 'mtu-differs',
          what: `${small.name} has a smaller MTU than ${large.name}, which is in the same subnet: larger packets to ${small.name} are lost`,
          evidence: [large, small].map(({ name, mtu }) => `link ${name} mtu ${mtu}`),
          cure: `ip link set dev ${linkWord(small.name)} mtu ${large.mtu}, and the same where the interface is configured`,
        },
      ]
    }
  }
  return []
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
            cure: `give both the length of their subnet, for instance: ${relength(narrow, wide.onLink.length)}, and the same where the interface is configured`,
          },
        ]
      }
    }
  }
  return []
}

/**
 * `ip address change` changes no length: in IPv4 it adds a second address, in IPv6 it does nothing. In IPv6 the old one is in
 * the way of the new; in IPv4 it goes last, since a link's routes go with its last address.
 */
function relength(
  { address, onLink, name }: Pick<Address, 'address' | 'onLink'> & { name: string },
  length: number,
): string {
  const command = `${ipCommand({ family: familyOf(address) })} address`
  const add = `${command} add ${address}/${length} dev ${linkWord(name)}`
  const remove = `${command} del ${address}/${onLink.length} dev ${linkWord(name)}`
  return (familyOf(address) === 4 ? [add, remove] : [remove, add]).join('; ')
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
