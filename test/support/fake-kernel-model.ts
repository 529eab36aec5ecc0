import type { ChangeResult } from '../../src/kernel/port.ts'
import type { Interest } from '../../src/policy/interest.ts'
import type { Answer } from '../../src/policy/outcome.ts'
import type { Question } from '../../src/policy/questions.ts'
import { type Address, addressKey } from '../../src/state/address.ts'
import type { Change } from '../../src/state/change.ts'
import { familyOf } from '../../src/state/ip.ts'
import type { Link } from '../../src/state/link.ts'
import { contains } from '../../src/state/prefix.ts'
import { type Route, routeIdentity, routeKey, table } from '../../src/state/route.ts'
import { type Rule, ruleKey, selectorKey } from '../../src/state/rule.ts'
import { linksByIndex, type Snapshot } from '../../src/state/snapshot.ts'

/** The kernel after one change, and its answer. */
export interface Step {
  readonly snapshot: Snapshot
  readonly result: ChangeResult
}

const done: ChangeResult = { done: true, already: false }
const already: ChangeResult = { done: true, already: true }
const refused = (code: string, message: string): ChangeResult => ({ done: false, code, message })

/** What Linux does with one change (observed on 6.18 with iproute2). */
export function applyChange(snapshot: Snapshot, change: Change): Step {
  switch (change.kind) {
    case 'link':
      return setLink(snapshot, change.link.index, { group: change.group })
    case 'up':
      return setUp(snapshot, change.link.index)
    case 'address':
      return change.op === 'add' ? addAddress(snapshot, change.address) : deleteAddress(snapshot, change.address)
    case 'src_valid_mark':
      return setLink(snapshot, change.link.index, { srcValidMark: change.value })
    case 'nft':
      return setTable(snapshot, change)
    case 'rule':
      return change.op === 'add' ? addRule(snapshot, change.rule) : deleteRule(snapshot, change.rule)
    case 'route':
      return { add: addRoute, replace: replaceRoute, delete: deleteRoute }[change.op](snapshot, change.route)
  }
}

/** Every snapshot on the way, the last one first in hand; and what the kernel said to each change. */
export function applyAll(snapshot: Snapshot, changes: readonly Change[]): { snapshot: Snapshot; steps: Step[] } {
  const steps: Step[] = []
  for (const change of changes) {
    steps.push(applyChange(steps.at(-1)?.snapshot ?? snapshot, change))
  }
  return { snapshot: steps.at(-1)?.snapshot ?? snapshot, steps }
}

function setTable(snapshot: Snapshot, { op, table }: Extract<Change, { kind: 'nft' }>): Step {
  const uses = snapshot.marking?.uses ?? []
  return { snapshot: { ...snapshot, marking: op === 'delete' ? { uses } : { uses, table } }, result: done }
}

function setLink(snapshot: Snapshot, index: number, change: Partial<Link>): Step {
  return snapshot.links.some((link) => link.index === index)
    ? {
        snapshot: { ...snapshot, links: snapshot.links.map((l) => (l.index === index ? { ...l, ...change } : l)) },
        result: done,
      }
    : { snapshot, result: already }
}

function setUp(snapshot: Snapshot, index: number): Step {
  return {
    snapshot: { ...snapshot, links: snapshot.links.map((l) => (l.index === index ? { ...l, up: true } : l)) },
    result: done,
  }
}

/** The kernel's own route of the prefix is not modelled: routes in tables of ours do not need it. */
function addAddress(snapshot: Snapshot, address: Address): Step {
  return snapshot.addresses.some((present) => addressKey(present) === addressKey(address))
    ? { snapshot, result: already }
    : { snapshot: { ...snapshot, addresses: [...snapshot.addresses, address] }, result: done }
}

function deleteAddress(snapshot: Snapshot, address: Address): Step {
  const addresses = snapshot.addresses.filter((present) => addressKey(present) !== addressKey(address))
  const gone = addresses.length < snapshot.addresses.length
  return { snapshot: { ...snapshot, addresses }, result: gone ? done : already }
}

/** With NLM_F_EXCL, blind to where a goto leads; a new rule stands behind those of its priority. */
function addRule(snapshot: Snapshot, rule: Rule): Step {
  if (snapshot.rules.some((present) => selectorKey(present) === selectorKey(rule))) {
    return { snapshot, result: already }
  }
  const rules = [...snapshot.rules, rule].sort((a, b) => a.priority - b.priority)
  return { snapshot: { ...snapshot, rules }, result: done }
}

function deleteRule(snapshot: Snapshot, rule: Rule): Step {
  const at = snapshot.rules.findIndex((present) => ruleKey(present) === ruleKey(rule))
  return at < 0
    ? { snapshot, result: already }
    : { snapshot: { ...snapshot, rules: snapshot.rules.toSpliced(at, 1) }, result: done }
}

/** With NLM_F_EXCL: one key, one route. */
function addRoute(snapshot: Snapshot, route: Route): Step {
  const fault = refusal(snapshot, route)
  if (fault) {
    return { snapshot, result: fault }
  }
  return snapshot.routes.some((present) => routeKey(present) === routeKey(route))
    ? { snapshot, result: already }
    : { snapshot: { ...snapshot, routes: [...snapshot.routes, route] }, result: done }
}

/** Replaces the first route of the key; in IPv6 the first that has a router too, or has none either, if there is one. */
function replaceRoute(snapshot: Snapshot, route: Route): Step {
  const fault = refusal(snapshot, route)
  if (fault) {
    return { snapshot, result: fault }
  }
  const sameKey = snapshot.routes.filter((present) => routeKey(present) === routeKey(route))
  const first =
    (route.family === 6 ? sameKey.find((other) => routed(other) === routed(route)) : undefined) ?? sameKey[0]
  const routes = first ? snapshot.routes.map((r) => (r === first ? route : r)) : [...snapshot.routes, route]
  return { snapshot: { ...snapshot, routes }, result: done }
}

const routed = ({ nexthops }: Route): boolean => nexthops.some((hop) => hop.gateway)

function deleteRoute(snapshot: Snapshot, route: Route): Step {
  const at = snapshot.routes.findIndex((present) => routeIdentity(present) === routeIdentity(route))
  return at < 0
    ? { snapshot, result: already }
    : { snapshot: { ...snapshot, routes: snapshot.routes.toSpliced(at, 1) }, result: done }
}

/** What the kernel checks before it takes a route. */
function refusal(snapshot: Snapshot, { family, nexthops, prefsrc, table: number }: Route): ChangeResult | undefined {
  const links = linksByIndex(snapshot)
  for (const { oif, gateway, onlink } of nexthops) {
    const link = oif === undefined ? undefined : links.get(oif)
    if (!link) return refused('ENODEV', 'no such device')
    if (!link.up) return refused('ENETDOWN', 'Device for nexthop is not up')
    const linkLocal = gateway?.startsWith('fe80:')
    if (gateway && !onlink && !linkLocal && !isNeighbour(snapshot, gateway, link.index, [number, table.main])) {
      return refused(family === 4 ? 'ENETUNREACH' : 'EHOSTUNREACH', 'Nexthop has invalid gateway')
    }
  }
  return prefsrc && !snapshot.addresses.some(({ address }) => address === prefsrc)
    ? refused('EINVAL', 'Invalid prefsrc address')
    : undefined
}

const isNeighbour = (snapshot: Snapshot, gateway: string, oif: number, tables: readonly number[]): boolean =>
  snapshot.routes.some(
    ({ table: number, destination, nexthops }) =>
      tables.includes(number) &&
      contains(destination, gateway) &&
      nexthops.some((hop) => hop.oif === oif && !hop.gateway),
  )

/** What an observation reads of everything there is. */
export function readOf(snapshot: Snapshot, { mainThrough, tables, protocols }: Interest): Snapshot {
  const isRead = ({ table: number, nexthops, protocol }: Route) =>
    (number === table.main && nexthops.some(({ oif }) => oif !== undefined && mainThrough.includes(oif))) ||
    tables.includes(number) ||
    protocols.includes(protocol)
  return { ...snapshot, routes: snapshot.routes.filter(isRead), tables }
}

type Packet = Pick<Question, 'family' | 'source' | 'destination' | 'ipProtocol'>

/** By which rules and routes of these types refuse (net/ipv4: fib4_rule_action, fib_props). */
const errors: Readonly<Record<'rule' | 'route', Readonly<Record<string, string>>>> = {
  rule: { unreachable: 'ENETUNREACH', blackhole: 'EINVAL', prohibit: 'EACCES' },
  route: { unreachable: 'EHOSTUNREACH', blackhole: 'EINVAL', prohibit: 'EACCES' },
}

/** `ip route get DESTINATION from SOURCE`: rules in order, in each table the longest prefix and then the lowest metric. */
export function lookup(snapshot: Snapshot, question: Packet): Answer {
  if (snapshot.addresses.some(({ address }) => address === question.destination)) {
    return { route: localRoute(question.destination) }
  }
  const rules = snapshot.rules.filter(
    (rule) => rule.family === question.family && rule.action !== 'nop' && selects(rule, question),
  )
  let resumeAt = 0
  for (const rule of rules) {
    if (rule.priority < resumeAt) {
      continue
    }
    if (rule.action === 'goto') {
      // A goto without a target is passed over.
      const resolved = snapshot.rules.some((r) => r.family === rule.family && r.priority === rule.gotoPriority)
      resumeAt = resolved ? (rule.gotoPriority as number) : 0
      continue
    }
    if (rule.action !== 'lookup') {
      return { error: errors.rule[rule.action] as string }
    }
    const route = bestRoute(snapshot, rule.table, question.destination)
    const error = errors.route[route?.type ?? 'unicast']
    if (error) {
      return { error }
    }
    if (route && !suppressed(snapshot, rule, route)) {
      return { route }
    }
  }
  return { error: 'ENETUNREACH' }
}

const localRoute = (address: string): Route => ({
  family: familyOf(address),
  table: table.local,
  type: 'local',
  destination: { address, length: familyOf(address) === 4 ? 32 : 128 },
  tos: 0,
  metric: 0,
  protocol: 2,
  scope: 254,
  nexthops: [],
  metrics: {},
})

function selects(rule: Rule, { source, destination, ipProtocol }: Packet): boolean {
  const hit =
    (!rule.source || contains(rule.source, source)) &&
    (!rule.destination || contains(rule.destination, destination)) &&
    !rule.iif &&
    !rule.oif &&
    !rule.fwmark &&
    (rule.ipProto === undefined || rule.ipProto === ipProtocol)
  return rule.invert ? !hit : hit
}

function bestRoute(snapshot: Snapshot, number: number, destination: string): Route | undefined {
  return snapshot.routes
    .filter((route) => route.table === number && route.tos === 0 && !route.source)
    .filter((route) => contains(route.destination, destination))
    .toSorted((a, b) => b.destination.length - a.destination.length || a.metric - b.metric)[0]
}

function suppressed(snapshot: Snapshot, rule: Rule, route: Route): boolean {
  const link = linksByIndex(snapshot).get(route.nexthops[0]?.oif ?? -1)
  const short = rule.suppressPrefixLength !== undefined && route.destination.length <= rule.suppressPrefixLength
  return short || (rule.suppressGroup !== undefined && link?.group === rule.suppressGroup)
}
