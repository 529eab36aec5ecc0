import type { Nexthop, Route } from '../../state/route.ts'

/** One way that a packet may take: a route, and one of its nexthops. */
export interface Choice {
  readonly route: Route
  readonly hop: Nexthop
}

/** What one table has for a packet. */
export type Found =
  /** Several choices where the kernel picks by a hash of the packet, or by which router is alive. */
  | { readonly kind: 'route'; readonly route: Route; readonly choices: readonly Choice[] }
  /** blackhole, unreachable, prohibit: the search ends with this error. */
  | { readonly kind: 'reject'; readonly route: Route; readonly error: string }
  /** throw: the table says to go on with the next rule. */
  | { readonly kind: 'throw'; readonly route: Route }
  | { readonly kind: 'nothing' }

export const nothing: Found = { kind: 'nothing' }

const errors: Readonly<Partial<Record<Route['type'], string>>> = {
  blackhole: 'EINVAL',
  unreachable: 'EHOSTUNREACH',
  prohibit: 'EACCES',
  nat: 'EINVAL',
}

/** A route that gives no way (fib_props, fib6_prop); undefined for one that does. */
export function refusal(route: Route): Found | undefined {
  if (route.type === 'throw') {
    return { kind: 'throw', route }
  }
  const error = errors[route.type]
  return error === undefined ? undefined : { kind: 'reject', route, error }
}
