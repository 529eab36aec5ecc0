import { contains } from '../../state/prefix.ts'
import type { Nexthop, Route } from '../../state/route.ts'
import { type Choice, type Found, nothing, refusal } from './found.ts'
import type { Packet } from './packet.ts'
import { type Fib, type FibTable, routerKey } from './picture.ts'

/** How the search of a table treats links and routers. */
interface Search {
  readonly fib: Fib
  /** The link that routes are preferred through: the socket's, or the one that the packet came in by. */
  readonly link: number | undefined
  /** Routes through other links do not count at all (RT6_LOOKUP_F_IFACE). */
  readonly strict: boolean
  /** Routes by dead routers do not count (RT6_LOOKUP_F_REACHABLE). */
  readonly reachable: boolean
}

/**
 * The IPv6 route of a table for a packet (fib6_table_lookup): the longest prefix that has a usable route, its
 * source-specific routes first. If nothing is found by a live router, dead ones count too.
 */
export function lookup6(table: FibTable, packet: Packet, constraints: Omit<Search, 'reachable'>): Found {
  const nodes = nodesOf(table, packet)
  for (const reachable of constraints.fib.picture.forwardsIpv6 ? [false] : [true, false]) {
    const search = { ...constraints, reachable }
    for (const routes of nodes) {
      const best = bestOf(routes, search)
      if (best) {
        const { route } = best
        return refusal(route) ?? { kind: 'route', route, choices: choicesOf(best, search) }
      }
    }
  }
  return nothing
}

/**
 * Groups of routes in the order in which the kernel tries them. It begins at the longest prefix that has a route, and
 * where that prefix has source-specific routes of which none fits, it goes on at once with the next shorter prefix: past
 * the routes without a source (fib6_node_lookup_1). Only from there on each prefix is tried with both (fib6_backtrack).
 */
function nodesOf(table: FibTable, packet: Packet): (readonly Route[])[] {
  const nodes: (readonly Route[])[] = []
  const prefixes = table.holding(packet.destination)
  for (const [i, routes] of prefixes.entries()) {
    const general = routes.filter((route) => !isSourceSpecific(route))
    const specific = routes.filter(isSourceSpecific)
    const fitting = specific.filter(({ source }) => source && contains(source, packet.source))
    const isRoot = i === prefixes.length - 1 && routes[0]?.destination.length === 0
    const skipped = nodes.length === 0 && specific.length > 0 && fitting.length === 0 && !isRoot
    if (!skipped) {
      nodes.push(...bySourceLength(fitting), ...(general.length > 0 ? [general] : []))
    }
  }
  return nodes
}

const isSourceSpecific = ({ source }: Route): boolean => source !== undefined && source.length > 0

function bySourceLength(routes: readonly Route[]): Route[][] {
  const lengths = [...new Set(routes.map(({ source }) => source?.length ?? 0))].sort((a, b) => b - a)
  return lengths.map((length) => routes.filter(({ source }) => source?.length === length))
}

/**
 * The route with the best score among those of the lowest metric; if none of them is usable, among all others, whatever
 * their metric (find_rr_leaf).
 */
function bestOf(routes: readonly Route[], search: Search): Choice | undefined {
  const metric = routes[0]?.metric
  return (
    highest(
      routes.filter((route) => route.metric === metric),
      search,
    ) ??
    highest(
      routes.filter((route) => route.metric !== metric),
      search,
    )
  )
}

function highest(routes: readonly Route[], search: Search): Choice | undefined {
  let best: Choice | undefined
  let most = -1
  for (const route of routes) {
    // The search ends at a blackhole that is a nexthop object, whatever comes after it.
    if (route.nexthopId !== undefined && route.type === 'blackhole') {
      return { route, hop: { onlink: false, weight: 1 } }
    }
    for (const hop of route.nexthops) {
      const score = hop.dead ? undefined : scoreOf(route, hop, search)
      if (score !== undefined && score > most) {
        best = { route, hop }
        most = score
        // Of a nexthop object the first usable one stands for all.
        if (route.nexthopId !== undefined) break
      }
    }
  }
  return best
}

/** Preference of RFC 4191 as a score; medium where nothing is said. */
const preferences = { low: 1, medium: 2, high: 3 } as const

/** undefined: of no use. The link counts less than the router's preference (rt6_score_route). */
function scoreOf(route: Route, hop: Nexthop, { fib, link, strict, reachable }: Search): number | undefined {
  const fits = link === undefined || hop.oif === link
  const dead =
    reachable && hop.gateway !== undefined && fib.picture.deadRouters.has(routerKey(hop.oif ?? 0, hop.gateway))
  return (!fits && strict) || dead ? undefined : (fits ? 2 : 0) | (preferences[route.preference ?? 'medium'] << 2)
}

/**
 * All nexthops among which the kernel picks by a hash (fib6_select_path); of a nexthop object, whatever the link. Where
 * all are dead it takes that of the highest preference: nexthops have one each, and the kernel tells only the first.
 */
function choicesOf(best: Choice, search: Search): Choice[] {
  const { route } = best
  const usable = route.nexthops.filter(
    (hop) =>
      hop === best.hop || (!hop.dead && (route.nexthopId !== undefined || scoreOf(route, hop, search) !== undefined)),
  )
  return usable.length < 2 ? [best] : usable.map((hop) => ({ route, hop }))
}
