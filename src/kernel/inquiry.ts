import { NetlinkError } from '../netlink/errors.ts'
import { RequestSocket } from '../netlink/request.ts'
import type { KernelWay } from '../policy/fib/answer.ts'
import type { Packet } from '../policy/fib/packet.ts'
import { type Picture, routerKey, tablesAsked } from '../policy/fib/picture.ts'
import type { Reception } from '../policy/fib/reverse.ts'
import type { Address } from '../state/address.ts'
import { type Family, families } from '../state/ip.ts'
import type { Link } from '../state/link.ts'
import type { NftSight } from '../state/netfilter.ts'
import { createDriverLookup } from './driver.ts'
import { Redirections } from './redirections.ts'
import { readSysctl } from './sysctl.ts'

/** linux/in.h */
const IPPROTO = { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58 } as const
/** IP protocols that the kernel takes in a question; it answers EOPNOTSUPP to any other. */
const askable: Readonly<Record<Family, readonly number[]>> = {
  4: [IPPROTO.TCP, IPPROTO.UDP, IPPROTO.ICMP],
  6: [IPPROTO.TCP, IPPROTO.UDP, IPPROTO.ICMPV6],
}

/** Everything that decides about packets, and the addresses by which people name links. */
export type FullPicture = Picture & { readonly addresses: readonly Address[] }

/**
 * Reads the whole of what decides about packets, for people who ask; the daemon's observation reads what it needs and no
 * more. Needs no privilege.
 */
export class Inquiry {
  readonly #socket = RequestSocket.open()
  readonly #redirections = new Redirections()

  /** Reads links, addresses, rules, every table that a rule asks, and what is known of routers. @throws {NetlinkError} */
  picture(): FullPicture {
    const links = this.#links()
    const rules = perFamily((family) => this.#socket.rules(family).items)
    const tables = tablesAsked(rules, links)
    return {
      links,
      addresses: this.#socket.addresses().items,
      rules,
      routes: perFamily((family) => tables.flatMap((table) => this.#socket.routes({ family, table }).items)),
      deadRouters: this.#deadRouters(),
      forwardsIpv6: readSysctl('ipv6/conf/all/forwarding') !== 0,
      localnetLinks: new Set(links.filter(({ name }) => either('route_localnet', name)).map(({ index }) => index)),
    }
  }

  /** Asks the kernel for the way of a packet, with everything that rules can tell it by; sends nothing. */
  wayOf({ ipProtocol, ...packet }: Packet): KernelWay {
    const query = { ...packet, ...(canAsk(packet.family, ipProtocol) ? { ipProtocol } : {}) }
    const way = this.#socket.routeGet(query)
    if (way instanceof NetlinkError) {
      return { error: way.code, message: way.kernelText ?? '' }
    }
    const matched = this.#socket.routeGet({ ...query, fibMatch: true })
    return matched instanceof NetlinkError ? { way } : { way, matched }
  }

  /** The source that the kernel chooses for a program that names none; an errno's name where there is no way. */
  sourceFor({ source: _, ipProtocol, ...packet }: Packet): { source: string } | { error: string } {
    const way = this.#socket.routeGet({ ...packet, ...(canAsk(packet.family, ipProtocol) ? { ipProtocol } : {}) })
    if (way instanceof NetlinkError) return { error: way.code }
    return way.prefsrc === undefined ? { error: 'EADDRNOTAVAIL' } : { source: way.prefsrc }
  }

  /** The settings of a link that decide about packets which come in by it. */
  reception(link: Link): Omit<Reception, 'addressed'> {
    return {
      rpFilter: Math.max(...both('rp_filter', link.name)),
      validMark: either('src_valid_mark', link.name),
      acceptLocal: either('accept_local', link.name),
      sendRedirects: either('send_redirects', link.name),
      routeLocalnet: either('route_localnet', link.name),
      forwarding: readSysctl(`ipv4/conf/${link.name}/forwarding`) !== 0,
      forwardingIpv6:
        readSysctl('ipv6/conf/all/forwarding') !== 0 || readSysctl(`ipv6/conf/${link.name}/force_forwarding`) !== 0,
    }
  }

  /** The rules by which nftables redirects packets. */
  redirections(): NftSight {
    return this.#redirections.see()
  }

  close(): void {
    this.#redirections.close()
    this.#socket.close()
  }

  #links(): Link[] {
    const drivers = createDriverLookup()
    const withDriver = (link: Link): Link => {
      const driver = link.kind === undefined && !link.loopback ? drivers.driverOf(link.name) : undefined
      return driver === undefined ? link : { ...link, driver }
    }
    const links = this.#socket.links().items.map(withDriver)
    drivers.close()
    return links
  }

  #deadRouters(): ReadonlySet<string> {
    const failed = perFamily((family) => (family === 6 ? this.#socket.neighbours(family).items : [])).filter(
      (neighbour) => neighbour.failed,
    )
    return new Set(failed.map(({ linkIndex, address }) => routerKey(linkIndex, address)))
  }
}

/** An IPv4 setting of all links, and of one. */
const both = (setting: string, link: string): number[] =>
  ['all', link].map((name) => readSysctl(`ipv4/conf/${name}/${setting}`))
const either = (setting: string, link: string): boolean => both(setting, link).some((value) => value !== 0)

/** Does RTM_GETROUTE take the IP protocol? */
export const canAsk = (family: Family, ipProtocol: number): boolean => askable[family].includes(ipProtocol)

/** A kernel without IPv6 has nothing of that family. */
function perFamily<T>(read: (family: Family) => readonly T[]): T[] {
  return families.flatMap((family) => {
    try {
      return read(family)
    } catch (error) {
      if (error instanceof NetlinkError && ['EAFNOSUPPORT', 'EOPNOTSUPP'].includes(error.code)) return []
      throw error
    }
  })
}
