import type { Route } from '../../state/route.ts'
import type { Rule } from '../../state/rule.ts'
import type { Choice, Found } from './found.ts'
import type { Packet } from './packet.ts'
import type { Fib } from './picture.ts'
import { type Miss, missOf, vrfTableOf } from './selectors.ts'

/** What became of the packet at one rule. */
export type Event =
  | { readonly kind: 'missed'; readonly miss: Miss }
  | { readonly kind: 'jump'; readonly to: number }
  /** goto without a rule of that priority: passed over. */
  | { readonly kind: 'astray'; readonly to: number }
  | { readonly kind: 'nop' }
  | { readonly kind: 'refused'; readonly error: string }
  | { readonly kind: 'nothing'; readonly table: number }
  | { readonly kind: 'throw'; readonly table: number; readonly route: Route }
  | { readonly kind: 'suppressed'; readonly table: number; readonly route: Route; readonly by: Suppressor }
  | { readonly kind: 'rejected'; readonly table: number; readonly route: Route; readonly error: string }
  /** `partly`: by what some nexthops of an IPv6 multipath route are passed over, so that the search may go on. */
  | {
      readonly kind: 'taken'
      readonly table: number
      readonly route: Route
      readonly choices: readonly Choice[]
      readonly partly?: Suppressor
    }

export type Suppressor = 'suppress_prefixlength' | 'suppress_ifgroup'

export interface Step {
  readonly rule: Rule
  readonly event: Event
}

/** How the search for a packet's way went: every rule that it came to, and where it ended. */
export interface Search {
  readonly steps: readonly Step[]
  /** Ways found, one of which the kernel takes; empty where it ends with an error. */
  readonly choices: readonly Choice[]
  /** Where no way is found, or (IPv6, some nexthops of a multipath route suppressed) may not be found. */
  readonly error?: string
}

export type LookupTable = (number: number) => Found

/** Asks the rules in their order until one settles the matter (fib_rules_lookup). `lookup` searches one table. */
export function askRules(fib: Fib, packet: Packet, lookup: LookupTable): Search {
  const rules = fib.rules(packet.family)
  const steps: Step[] = []
  const choices: Choice[] = []
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i] as Rule
    const event = eventAt(rule, packet, fib, lookup)
    if (event.kind === 'jump') {
      const target = rules.findIndex(({ priority }) => priority === event.to)
      steps.push({ rule, event: target < 0 ? { kind: 'astray', to: event.to } : event })
      i = target < 0 ? i : target - 1
      continue
    }
    steps.push({ rule, event })
    if (event.kind === 'refused' || event.kind === 'rejected') {
      return { steps, choices, error: event.error }
    }
    if (event.kind === 'taken') {
      choices.push(...event.choices)
      if (!event.partly) {
        return { steps, choices }
      }
    }
  }
  return { steps, choices, error: 'ENETUNREACH' }
}

const refusals: Readonly<Record<string, string>> = { unreachable: 'ENETUNREACH', prohibit: 'EACCES' }

function eventAt(rule: Rule, packet: Packet, fib: Fib, lookup: LookupTable): Event {
  const miss = missOf(rule, packet, fib)
  if (miss) return { kind: 'missed', miss }
  if (rule.action === 'goto') return { kind: 'jump', to: rule.gotoPriority ?? 0 }
  if (rule.action === 'nop') return { kind: 'nop' }
  // The kernel treats an action that it does not know like a blackhole.
  if (rule.action !== 'lookup') return { kind: 'refused', error: refusals[rule.action] ?? 'EINVAL' }
  const number = rule.l3mdev ? (vrfTableOf(packet, fib) ?? 0) : rule.table
  const found = lookup(number)
  if (found.kind === 'nothing') return { kind: 'nothing', table: number }
  if (found.kind === 'throw') return { kind: 'throw', table: number, route: found.route }
  if (found.kind === 'reject') return { kind: 'rejected', table: number, route: found.route, error: found.error }
  const { route } = found
  const left = found.choices.filter((choice) => suppressorOf(rule, choice, fib) === undefined)
  const by = found.choices.map((choice) => suppressorOf(rule, choice, fib)).find((suppressor) => suppressor)
  if (by && left.length === 0) return { kind: 'suppressed', table: number, route, by }
  return { kind: 'taken', table: number, route, choices: left, ...(by ? { partly: by } : {}) }
}

/**
 * By what a rule passes over what it found; undefined where it accepts it. IPv4 looks at the link of the route's first
 * nexthop, IPv6 at that of the nexthop which it has picked.
 */
function suppressorOf(rule: Rule, { route, hop }: Choice, fib: Fib): Suppressor | undefined {
  if (rule.suppressPrefixLength !== undefined && route.destination.length <= rule.suppressPrefixLength) {
    return 'suppress_prefixlength'
  }
  const { oif } = route.family === 4 ? (route.nexthops[0] ?? hop) : hop
  const group = fib.links.get(oif ?? 0)?.group
  return rule.suppressGroup !== undefined && group === rule.suppressGroup ? 'suppress_ifgroup' : undefined
}
