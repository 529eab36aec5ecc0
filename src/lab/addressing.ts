import { formatAddress, parseAddress } from '../state/ip.ts'
import { addressAt, parsePrefix } from '../state/prefix.ts'

/** The networks of a subnet, in CIDR notation. */
export interface SubnetOptions {
  readonly ipv4: string
  readonly ipv6: string
}

/** An address with the length of its subnet, as `ip address add` takes it. */
export interface Attachment {
  readonly ipv4: string
  readonly ipv6: string
}

/** A subnet of the VPC, or the network beyond the router: who has which address in it. */
export interface Subnet {
  /** Letter or word by which callers name it; `outside` for the network beyond the router. */
  readonly name: string
  /** The link of the router in this subnet: a bridge, or a veth end for `outside`. */
  readonly device: string
  /** As in a VPC, the router has the first address of the subnet. */
  readonly router: Attachment & { readonly mac: string; readonly linkLocal: string }
  /** The host in this subnet that probes are sent from. */
  readonly host: Attachment
}

/** What every VPC router answers to beside its EUI-64 link-local (Amazon VPC user guide, "Configure route tables"). */
export const ec2RouterLinkLocal = 'fe80:ec2::1'

export function subnetOf(name: string, number: number, { ipv4, ipv6 }: SubnetOptions): Subnet {
  const mac = macOf('0a:00:00', number)
  return {
    name,
    device: `subnet-${name}`,
    router: { ipv4: place(ipv4, 1), ipv6: place(ipv6, 1), mac, linkLocal: linkLocalOf(mac) },
    host: { ipv4: place(ipv4, 10), ipv6: place(ipv6, 10) },
  }
}

/** A MAC address from three given bytes and a number. */
export function macOf(vendor: string, number: number): string {
  const bytes = [number >> 16, number >> 8, number].map((byte) => (byte & 255).toString(16).padStart(2, '0'))
  return [vendor, ...bytes].join(':')
}

/** The link-local address that the kernel makes of a MAC address (RFC 4291, appendix A). */
export function linkLocalOf(mac: string): string {
  const [first, ...rest] = mac.split(':').map((byte) => Number.parseInt(byte, 16)) as [number, ...number[]]
  const identifier = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)]
  return formatAddress(Uint8Array.of(...parseAddress('fe80::')!.subarray(0, 8), ...identifier))
}

/** An address without the length of its subnet. */
export const bare = (address: string): string => address.split('/')[0]!

function place(network: string, offset: number): string {
  const prefix = parsePrefix(network)
  if (!prefix) {
    throw new TypeError(`not a network in CIDR notation: ${network}`)
  }
  return `${addressAt(prefix, offset)}/${prefix.length}`
}
