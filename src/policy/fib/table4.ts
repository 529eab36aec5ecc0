import { scope } from '../../state/address.ts'
import type { Nexthop, Route } from '../../state/route.ts'
import { type Choice, type Found, nothing, refusal } from './found.ts'
import type { Packet } from './packet.ts'
import type { FibTable } from './picture.ts'

const legacyTosBits = 0x1c

/**
 * The IPv4 route of a table for a packet: the longest prefix that has a usable nexthop, among its routes those of the
 * packet's TOS, then the lowest metric (fib_table_lookup). A packet of a bound socket takes nexthops of that link alone.
 */
export function lookup4(table: FibTable, packet: Packet, oif: number | undefined): Found {
  const usable = (hop: Nexthop) => !hop.dead && (oif === undefined || hop.oif === oif)
  let passedOver: string | undefined
  for (const routes of table.holding(packet.destination)) {
    // Prefixes that begin at one address share a leaf of the kernel's trie, and a nexthop object that is of no use makes
    // it leave the whole leaf: the shorter ones are passed over as well.
    if (routes[0]?.destination.address === passedOver) {
      continue
    }
    for (const route of routes.filter(({ tos }) => tos === 0 || tos === (packet.tos & legacyTosBits))) {
      const refused = refusal(route)
      if (refused) {
        return refused
      }
      const hop = route.nexthops.find(usable)
      if (hop) {
        return { kind: 'route', route, choices: choicesOf({ route, hop }, routes, packet, oif) }
      }
      if (route.nexthopId !== undefined) {
        passedOver = route.destination.address
        break
      }
    }
  }
  return nothing
}

/** The way itself, or all those among which the kernel picks (fib_select_path). */
function choicesOf(first: Choice, routes: readonly Route[], packet: Packet, oif: number | undefined): Choice[] {
  const { route } = first
  if (route.type === 'local' || oif !== undefined) {
    return [first]
  }
  if (route.nexthops.length > 1) {
    return route.nexthops.filter((hop) => !hop.dead).map((hop) => ({ route, hop }))
  }
  const isDefault = route.destination.length === 0 && route.type === 'unicast' && packet.iif === undefined
  return isDefault ? equalDefaults(first, routes, packet) : [first]
}

/**
 * Among default routes of one metric the kernel takes the one whose router is alive (fib_select_default). As there, one of
 * another TOS is compared too.
 */
function equalDefaults(first: Choice, routes: readonly Route[], packet: Packet): Choice[] {
  const found: Choice[] = []
  let { metric } = first.route
  let tos = 0
  for (const route of routes.filter((candidate) => fits(candidate, packet))) {
    if (route.metric > metric && route.tos === tos) {
      if (tos === 0) break
      continue
    }
    const [hop] = route.nexthops
    if (!hop || route.nexthops.every(({ dead }) => dead)) continue
    tos = route.tos
    metric = route.metric
    const throughRouter = hop.gateway !== undefined && route.scope === first.route.scope && route.type === 'unicast'
    if (!throughRouter || route.scope >= scope.link) continue
    if (found.length === 0 && route !== first.route) break
    found.push({ route, hop })
  }
  return found.length === 0 ? [first] : found
}

const fits = ({ tos }: Route, packet: Packet): boolean => tos === 0 || tos === (packet.tos & legacyTosBits)
