import { prefixKey } from '../../state/prefix.ts'
import type { Nexthop, Route } from '../../state/route.ts'
import type { Fate, Way } from './way.ts'

/** What the kernel says to RTM_GETROUTE: an errno's name with its own words, or the way. */
export type KernelWay =
  | { readonly error: string; readonly message: string }
  | {
      /** What the packet gets: a nexthop of that route, and the source that it would choose. */
      readonly way: Route
      /** The table's entry that matched; undefined where there is none. */
      readonly matched?: Route
    }

/** Do the model and the kernel agree? Where the kernel picks one of several nexthops, any of them will do. */
export const agrees = (model: Way, kernel: KernelWay): boolean =>
  model.fates.some((fate) =>
    'error' in kernel ? fate.kind === 'refused' && fate.error === kernel.error : isWay(fate, kernel),
  )

/** Types of what stays on this host: a broadcast that comes in, and an IPv6 router's anycast address. */
const delivered: readonly string[] = ['local', 'broadcast', 'anycast']

function isWay(fate: Fate, { way, matched }: Exclude<KernelWay, { error: string }>): boolean {
  switch (fate.kind) {
    case 'refused':
      return false
    case 'local':
      return delivered.includes(way.type)
    case 'on-link':
      return way.type !== 'local' && isHop(fate.hop, way.nexthops[0])
    case 'leaves':
      // Two questions: between equal default routes the kernel may change its mind.
      return (
        way.type !== 'local' &&
        fate.choices.some(({ hop }) => isHop(hop, way.nexthops[0])) &&
        (!matched || fate.choices.some(({ route }) => isEntry(route, matched)))
      )
  }
}

const isHop = (a: Nexthop, b: Nexthop | undefined): boolean =>
  b !== undefined && a.oif === b.oif && a.gateway === b.gateway

const isEntry = (a: Route, b: Route): boolean =>
  a.table === b.table && prefixKey(a.destination) === prefixKey(b.destination) && a.metric === b.metric

/**
 * Does the kernel use a route that its own listing does not show? It leaves out an IPv6 route that stands between the
 * nexthops of a multipath route of the same destination and metric (fib6_dump_node).
 */
export const isHidden = (kernel: KernelWay, routes: readonly Route[]): boolean => {
  const matched = 'matched' in kernel ? kernel.matched : undefined
  return (
    matched !== undefined &&
    !routes.some(
      (route) =>
        isEntry(route, matched) && matched.nexthops.every((hop) => route.nexthops.some((other) => isHop(hop, other))),
    )
  )
}
