import { type Subnet, type SubnetOptions, subnetOf } from './addressing.ts'
import { namePrefix } from './cleanup.ts'
import { Host } from './host.ts'
import { Namespace } from './namespace.ts'
import type { Ipv6Mode } from './network.ts'

export interface VpcOptions {
  readonly ipv6?: Ipv6Mode
  /** The subnets by name; each has a router at its first address and a client at its tenth. */
  readonly subnets?: Readonly<Record<string, SubnetOptions>>
  /** The network beyond the router. */
  readonly outside?: SubnetOptions
  /** Duplicate address detection in the instance, which holds an IPv6 address back for a second or two. */
  readonly dad?: boolean
  /** Reverse path filter in the instance: 0 off, 1 strict, 2 loose. */
  readonly rpFilter?: 0 | 1 | 2
}

/** The addresses of the experiment: two /20 of EC2's default VPC, and documentation networks beyond the router. */
export const defaultOptions: Required<VpcOptions> = {
  ipv6: 'static',
  subnets: {
    a: { ipv4: '172.31.0.0/20', ipv6: 'fd00:ec2:0:a::/64' },
    b: { ipv4: '172.31.16.0/20', ipv6: 'fd00:ec2:0:b::/64' },
  },
  outside: { ipv4: '203.0.113.0/24', ipv6: '2001:db8:203::/64' },
  dad: false,
  rpFilter: 0,
}

/** A network and the host in it that is not the instance. */
export interface Site {
  readonly subnet: Subnet
  readonly client: Host
}

/** The namespaces of a VPC, and who has which address. */
export interface Topology {
  /** Bridges and router. */
  readonly fabric: Namespace
  readonly instance: Host
  readonly sites: ReadonlyMap<string, Site>
  /** The network beyond the router. */
  readonly outside: Site
}

/** The topology that the options ask for; `name` starts the name of each namespace. */
export function planTopology(name: string, options: Required<VpcOptions>): Topology {
  const sites = Object.entries(options.subnets).map(([subnet, networks], index): [string, Site] => [
    subnet,
    { subnet: subnetOf(subnet, index + 1, networks), client: new Host(`${name}-client-${subnet}`) },
  ])
  return {
    fabric: new Namespace(`${name}-fabric`),
    instance: new Host(`${name}-instance`),
    sites: new Map(sites),
    outside: { subnet: subnetOf('outside', 0, options.outside), client: new Host(`${name}-outside`) },
  }
}

/** A name for a topology's namespaces that this process has not used yet. */
export const freshName = (): string => `${namePrefix}-${process.pid}-${++named}`
let named = 0

export const hostsOf = ({ instance, sites, outside }: Topology): Host[] => [
  instance,
  outside.client,
  ...[...sites.values()].map(({ client }) => client),
]

export const namespacesOf = (topology: Topology): Namespace[] => [topology.fabric, ...hostsOf(topology)]
