import type { RequestSocket } from '../../src/netlink/request.ts'
import type { Link } from '../../src/state/link.ts'
import { formatRoute, type Route } from '../../src/state/route.ts'
import { formatRule, type Rule } from '../../src/state/rule.ts'
import { defaultNumbers, type GoldenNumbers } from './golden.ts'

/** The kernel of a namespace, one object a line, each list sorted; duplicates stay. */
export interface Listing {
  /** By README.md's rule of ownership: our protocol inside our bands, and link groups of ours. */
  readonly ours: readonly string[]
  /** Rules, routes outside of main and link groups of everybody else. */
  readonly foreign: readonly string[]
  /** What our objects follow from: links, addresses, and main's routes. */
  readonly world: readonly string[]
}

const families = [4, 6] as const
const main = 254
const local = 255

export function listing(socket: RequestSocket, numbers = defaultNumbers): Listing {
  const links = socket.links().items
  const names = new Map(links.map(({ index, name }) => [index, name]))
  const rules = families.flatMap((family) => socket.rules(family).items)
  const routes = families.flatMap((family) => socket.routes({ family }).items).filter(({ table }) => table !== local)
  const lines = {
    rule: (rule: Rule) => `rule ${rule.family} ${formatRule(rule)}`,
    route: (route: Route) => `route ${route.family} ${formatRoute(route, (index) => names.get(index) ?? `if${index}`)}`,
  }
  const isOurs = { rule: ownsRule(numbers), route: ownsRoute(numbers) }
  const ourGroup = ({ group }: Link) => group === numbers.linkGroup
  const group = ({ name, group }: Link) => `link ${name} group ${group}`
  return {
    ours: [
      ...links.filter(ourGroup).map(group),
      ...rules.filter(isOurs.rule).map(lines.rule),
      ...routes.filter(isOurs.route).map(lines.route),
    ].sort(),
    foreign: [
      ...links.filter((link) => link.group !== 0 && !ourGroup(link)).map(group),
      ...rules.filter((rule) => !isOurs.rule(rule)).map(lines.rule),
      ...routes.filter((route) => route.table !== main && !isOurs.route(route)).map(lines.route),
    ].sort(),
    world: [
      ...links.map(({ index, name, mac, up }) => `link ${index} ${name} ${mac} ${up}`),
      ...socket.addresses().items.map((address) => `address ${JSON.stringify(address)}`),
      ...routes.filter((route) => route.table === main).map(lines.route),
    ].sort(),
  }
}

const within = (number: number, base: number, size: number): boolean => number >= base && number < base + size

const ownsRule =
  ({ protocol, priorityBase, tableBase }: GoldenNumbers) =>
  (rule: Rule): boolean =>
    rule.protocol === protocol &&
    within(rule.priority, priorityBase, 1000) &&
    (rule.action === 'goto' || rule.action === 'nop' || rule.table === main || within(rule.table, tableBase, 10_000))

const ownsRoute =
  ({ protocol, tableBase }: GoldenNumbers) =>
  (route: Route): boolean =>
    route.protocol === protocol && within(route.table, tableBase, 10_000)

/** What is in `a` and not in `b`; an object that is there twice counts twice. */
export function without(a: readonly string[], b: readonly string[]): string[] {
  const left = new Map<string, number>()
  for (const line of b) {
    left.set(line, (left.get(line) ?? 0) + 1)
  }
  return a.filter((line) => {
    const count = left.get(line) ?? 0
    left.set(line, count - 1)
    return count <= 0
  })
}
