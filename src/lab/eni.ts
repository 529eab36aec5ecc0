import { familyOf } from '../state/ip.ts'
import { bare, linkLocalOf, type Subnet } from './addressing.ts'
import { addAddress, type Ipv6Mode } from './network.ts'
import type { Sources } from './source-check.ts'

/** An elastic network interface, as the VPC knows it. */
export interface Eni {
  /** Name of its link in the instance, and of its port in the fabric. */
  readonly name: string
  readonly subnet: Subnet
  readonly mac: string
  /** Its addresses, each with the length that it has on the link (`172.31.0.218/20`). Others are dropped. */
  readonly addresses: readonly string[]
  /** Metric of its default routes in the instance's main table. */
  readonly defaultMetric: number
}

/** What the source check lets the ENI send with: its addresses and the link-local of its MAC. */
export const sourcesOf = ({ name, mac, addresses }: Eni): Sources => ({
  name,
  mac,
  addresses: [linkLocalOf(mac), ...addresses.map(bare)],
})

/** In the fabric: a veth that ends in the instance under the ENI's name and MAC, as if just plugged in. */
export const plugCommands = ({ name, mac, subnet }: Eni, instance: string): string[] => [
  `link add name ${name} type veth peer name ${name} address ${mac} netns ${instance}`,
  `link set dev ${name} master ${subnet.device} up`,
]

/**
 * The VPC answers ARP and neighbour discovery for an ENI's address by itself, whatever the instance does: fixed
 * neighbours on those who send. Without them a first packet that is too early costs a second until the next query,
 * and each ENI of the subnet would answer queries for the addresses of the others.
 */
export const mapCommands = (mac: string, addresses: readonly string[], device: string): string[] =>
  addresses.map((address) => `neighbour replace ${bare(address)} lladdr ${mac} nud permanent dev ${device}`)

export const unmapCommands = (addresses: readonly string[], device: string): string[] =>
  addresses.map((address) => `neighbour delete ${bare(address)} dev ${device}`)

/** In the instance: what a DHCP client sets up, and for IPv6 the default route, unless router advertisements bring it. */
export function configureCommands(
  { name, subnet, addresses, defaultMetric }: Eni,
  { ipv6, dad }: { ipv6: Ipv6Mode; dad: boolean },
): string[] {
  const primary = addresses.find((address) => familyOf(address) === 4)
  const hasIpv6 = addresses.some((address) => familyOf(address) === 6)
  const viaRouter = (router: string) => `route add default via ${router} dev ${name} metric ${defaultMetric}`
  return [
    `link set dev ${name} up`,
    ...addresses.map((address) => addAddress(address, name, dad)),
    ...(primary ? [`${viaRouter(bare(subnet.router.ipv4))} proto dhcp src ${bare(primary)}`] : []),
    ...(hasIpv6 && ipv6 === 'static' ? [`${viaRouter(subnet.router.linkLocal)} proto ra`] : []),
  ]
}
