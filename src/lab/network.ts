import { familyOf } from '../state/ip.ts'
import { bare, ec2RouterLinkLocal, type Subnet } from './addressing.ts'
import type { Namespace } from './namespace.ts'

/** How IPv6 is in the VPC: routes set by `attach` as a DHCP client would, from router advertisements, or off. */
export type Ipv6Mode = 'static' | 'ra' | 'none'

/** `address add` that may be followed at once by what needs the address: duplicate detection is left out. */
export const addAddress = (address: string, device: string, dad = false): string =>
  `address add ${address} dev ${device}${familyOf(address) === 6 && !dad ? ' nodad' : ''}`

/** The router's side of a subnet: a bridge that the host of the subnet and the ENIs are ports of. */
export function bridgeCommands({ name, device, router }: Subnet, host: Namespace, ipv6: Ipv6Mode): string[] {
  return [
    // Without multicast snooping: it would hold neighbour solicitations back until reports have been seen.
    `link add name ${device} address ${router.mac} type bridge mcast_snooping 0`,
    ...routerAddressCommands({ device, router }, ipv6),
    `link add name host-${name} type veth peer name eth0 netns ${host.name}`,
    `link set dev host-${name} master ${device} up`,
  ]
}

/** The router's side of the network beyond it: a link to the one host there. */
export function outsideCommands({ device, router }: Subnet, host: Namespace, ipv6: Ipv6Mode): string[] {
  return [
    `link add name ${device} address ${router.mac} type veth peer name eth0 netns ${host.name}`,
    ...routerAddressCommands({ device, router }, ipv6),
  ]
}

function routerAddressCommands({ device, router }: Pick<Subnet, 'device' | 'router'>, ipv6: Ipv6Mode): string[] {
  const addresses = [router.ipv4, ...(ipv6 === 'none' ? [] : [router.ipv6, `${ec2RouterLinkLocal}/64`])]
  return [`link set dev ${device} up`, ...addresses.map((address) => addAddress(address, device))]
}

/** A probing host's side: its address and its default route by the router. */
export function hostCommands({ router, host }: Subnet, ipv6: Ipv6Mode): string[] {
  const commands = [
    'link set dev lo up',
    'link set dev eth0 up',
    addAddress(host.ipv4, 'eth0'),
    defaultRoute(router.ipv4),
  ]
  return ipv6 === 'none' ? commands : [...commands, addAddress(host.ipv6, 'eth0'), defaultRoute(router.ipv6)]
}

const defaultRoute = (router: string): string => `route add default via ${bare(router)} dev eth0`

/** Kernel settings of the router's namespace. */
export function routerSysctls(ipv6: Ipv6Mode): Record<string, number> {
  return {
    ...hostSysctls({ ipv6, dad: false, rpFilter: 0 }),
    'net.ipv4.ip_forward': 1,
    // A VPC's router forwards between hosts of one subnet without a word.
    'net.ipv4.conf.all.send_redirects': 0,
    'net.ipv4.conf.default.send_redirects': 0,
    ...(ipv6 === 'none' ? {} : { 'net.ipv6.conf.all.forwarding': 1 }),
  }
}

/** Kernel settings of a host. A new namespace takes the IPv4 ones from the machine, so they are all set here. */
export function hostSysctls({ ipv6, dad, rpFilter }: { ipv6: Ipv6Mode; dad: boolean; rpFilter: number }) {
  const forIpv6 = ipv6 === 'none' ? { disable_ipv6: 1 } : { accept_dad: dad ? 1 : 0 }
  return {
    ...onAllLinks('net.ipv4.conf', { rp_filter: rpFilter }),
    ...onAllLinks('net.ipv6.conf', forIpv6),
  }
}

/** `all` for the links that there are, `default` for those to come; the kernel looks at the greater of the two. */
function onAllLinks(path: string, settings: Record<string, number>): Record<string, number> {
  const entries = Object.entries(settings)
  return Object.fromEntries(
    ['all', 'default'].flatMap((links) => entries.map(([key, value]) => [`${path}.${links}.${key}`, value])),
  )
}
