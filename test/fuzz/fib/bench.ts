import { execFileSync, spawnSync } from 'node:child_process'
import { Inquiry } from '../../../src/kernel/inquiry.ts'
import { type Family, families } from '../../../src/state/ip.ts'
import { enterNewNetworkNamespace } from '../../support/netlink.ts'
import type { Random } from '../random.ts'
import { addresses, destinations, links, macOf, nexthops, routersOf, routeWords, ruleWords, tables } from './words.ts'

/** A network namespace of this thread whose rules and routes are random, and the model's view of it. */
export class Bench {
  readonly inquiry: Inquiry
  readonly #leave = enterNewNetworkNamespace()
  /** The commands that made the present configuration. */
  commands: readonly string[] = []

  constructor() {
    execFileSync('sysctl', [
      '-qw',
      'net.ipv6.conf.all.accept_dad=0',
      'net.ipv6.conf.default.accept_dad=0',
      'net.ipv4.conf.all.rp_filter=0',
      'net.ipv4.conf.default.rp_filter=0',
      'net.ipv4.conf.all.forwarding=1',
    ])
    batch(4, setUp)
    this.inquiry = new Inquiry()
  }

  /** Takes the last configuration away and makes another one. */
  shuffle(random: Random): void {
    const linkChanges = links.map((link) => `link set dev ${link} group ${random.pick([0, 0, 7, 8])}`)
    // A link without carrier, and one that is down, pass over their routes in ways of their own.
    linkChanges.push(`link set dev f3 ${random.pick(['up', 'up', 'up', 'down'])}`)
    linkChanges.push(`link set dev p2 ${random.pick(['up', 'up', 'down'])}`)
    // Half of the links change after the routes were made. A link that goes down takes IPv6 routes with it.
    const late = random.below(2) === 0
    const fresh = new Map(families.map((family) => [family, freshOf(random, family, late)]))
    batch(4, ['link set dev f3 up', 'link set dev p2 up'])
    batch(undefined, ['nexthop flush'])
    for (const family of families) batch(family, [...cleared, ...restored(family)])
    batch(undefined, families.flatMap(nexthops))
    // Before the routes: of a multipath route the kernel reckons with it at changes of links and routes alone.
    execFileSync('sysctl', [
      '-qw',
      `net.ipv6.conf.all.forwarding=${random.below(2)}`,
      `net.ipv4.conf.f2.ignore_routes_with_linkdown=${random.below(2)}`,
      `net.ipv6.conf.f2.ignore_routes_with_linkdown=${random.below(2)}`,
    ])
    if (!late) batch(4, linkChanges)
    for (const family of families) batch(family, fresh.get(family) ?? [])
    if (late) batch(4, linkChanges)
    this.commands = [
      ...linkChanges,
      ...families.flatMap((family) => (fresh.get(family) ?? []).map((c) => `-${family} ${c}`)),
    ]
  }

  close(): void {
    this.inquiry.close()
    this.#leave()
  }
}

const many = <T>(random: Random, most: number, make: () => T): T[] =>
  Array.from({ length: 1 + random.below(most) }, make)

const freshOf = (random: Random, family: Family, late: boolean): string[] => [
  ...soundRoutes(
    many(random, 40, () => routeWords(random, family)),
    late,
  ),
  ...many(random, 16, () => ruleWords(random, family)),
  ...random.pick([['rule add priority 32766 lookup main'], []]),
  // The local table asked later, as those have it who want rules of their own in front of it.
  ...(random.below(8) === 0 ? [`rule add priority ${10 + random.below(30)} lookup local`, 'rule del priority 0'] : []),
]

/**
 * Without those that would make the kernel's tree forget source-specific routes which it still lists. Where one is refused
 * as a second one, or the prefix loses another route (`losing`: a link goes down), the node of the prefix gets the leaf of
 * another (fib6_find_prefix; seen on 6.18). No listing shows that state, so that no model can know it.
 */
function soundRoutes(commands: readonly string[], losing: boolean): string[] {
  const seen = new Set<string>()
  return commands.filter((command) => {
    const [, source] = / from (\S+)/.exec(command) ?? []
    if (source === undefined) {
      return true
    }
    const [, prefix] = /route \S+ (?:(?:blackhole|unreachable|prohibit|throw) )?(\S+)/.exec(command) ?? []
    const key = `${/ table \d+/.exec(command)} ${prefix} ${source}`
    const sound = !losing && !seen.has(key)
    seen.add(key)
    return sound
  })
}

/** Some commands fail, as a nexthop in a link that is down: what the kernel took is read back. */
function batch(family: Family | undefined, commands: readonly string[]): void {
  const { error } = spawnSync('ip', [...(family ? [`-${family}`] : []), '-force', '-batch', '-'], {
    input: commands.join('\n'),
  })
  if (error) throw error
}

const setUp: readonly string[] = [
  'link set dev lo up',
  ...links.flatMap((link, i) => [
    `link add ${link} type veth peer name p${i}`,
    `link set dev p${i} up`,
    `link set dev ${link} up`,
  ]),
]

/** Of a family: its random rules and routes. */
const cleared: readonly string[] = [
  'rule add priority 0 lookup local',
  'rule flush',
  ...tables.map((number) => `route flush table ${number}`),
  'route flush table 255 proto boot',
  ...links.map((link) => `addr flush dev ${link}`),
]

/** What a link that went down took with it. */
const restored = (family: Family): readonly string[] => [
  ...links.flatMap((link, i) => [
    ...addresses[family]
      .filter((address) => address.startsWith(family === 4 ? `10.${i}.` : `fd0${i}:`))
      .map((address) => `addr add ${address}/${family === 4 ? 24 : 64} dev ${link}${family === 6 ? ' nodad' : ''}`),
    ...neighbours(link, i, family),
  ]),
]

/** Everybody's hardware address is known, so that packets leave at once: of routers a telling one, of others any. */
function neighbours(link: string, i: number, family: Family): string[] {
  const known = (address: string, mac: string) => `neigh replace ${address} lladdr ${mac} dev ${link} nud permanent`
  return [
    ...routersOf(family, link).map((router) =>
      router.endsWith('dead') ? `neigh replace ${router} dev ${link} nud failed` : known(router, macOf(router)),
    ),
    ...destinations[family].map((address, n) => known(address, `02:01:00:${family}0:0${i}:0${n}`)),
  ]
}
