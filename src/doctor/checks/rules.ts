import { isOurRule } from '../../policy/ownership.ts'
import { families } from '../../state/ip.ts'
import { contains, formatPrefix, isHostPrefix } from '../../state/prefix.ts'
import { formatRoute, type Route, table, tableName } from '../../state/route.ts'
import { formatRule, type Rule, ruleMeaning } from '../../state/rule.ts'
import { linkNamer } from '../../state/snapshot.ts'
import { addressesOf, isDefault, isMultihomed, managed, ownerOf, routableOf } from '../enis.ts'
import type { Check, Evidence, KernelState } from '../evidence.ts'
import type { Finding } from '../finding.ts'
import { nearest } from '../nearest.ts'

/** Rules that somebody typed or another tool made: mistyped, doubled, or asking tables that can't carry replies. */
export const rules: Check = {
  reads: [],
  find: ({ kernel, settings }) => {
    if (!kernel) {
      return []
    }
    const foreign = kernel.all.rules.filter((rule) => !isOurRule(settings, rule))
    return [
      ...missing(kernel),
      ...strangers(foreign, kernel),
      ...doubles(foreign),
      ...(isMultihomed(kernel) ? foreign.flatMap((rule) => tableFaults(rule, kernel)) : []),
      ...inFront(foreign, kernel, settings),
    ]
  },
}

/** `ip rule flush` takes the kernel's own rules, too: then main is asked no more, or not even what is local. */
function missing({ all }: KernelState): Finding[] {
  return families.flatMap((family) =>
    [table.local, table.main]
      .filter((number) => all.rules.some((rule) => rule.family === family) && !asks(all.rules, family, number))
      .map((number) => ({
        severity: 'error',
        id: 'kernel-rule-missing',
        what: `no rule asks the table ${tableName(number)} for every IPv${family} packet: somebody deleted the kernel's own`,
        evidence: [`ip -${family} rule show`],
        cure: `ip -${family} rule add priority ${number === table.local ? 0 : 32766} lookup ${tableName(number)}`,
      })),
  )
}

const asks = (present: readonly Rule[], family: 4 | 6, number: number): boolean =>
  present.some(
    (rule) =>
      rule.family === family && rule.table === number && !rule.source && !rule.destination && !rule.iif && !rule.oif,
  )

/** A rule for an address that no interface has, and behind which no container is either. */
function strangers(foreign: readonly Rule[], kernel: KernelState): Finding[] {
  const own = kernel.all.addresses.map(({ address }) => address)
  return foreign
    .filter((rule) => isStranger(rule, own, kernel))
    .map((rule) => {
      const address = rule.source?.address ?? ''
      const meant = nearest(
        address,
        managed(kernel)
          .flatMap((plan) => addressesOf(kernel, plan))
          .map((a) => a.address),
      )
      return {
        severity: 'warning',
        id: 'rule-without-address',
        what: `a rule is for ${address}, which no interface has${meant ? `; ${meant} may be meant` : ''}: it never matches a packet of this host`,
        evidence: [`${ip(rule)} rule ${formatRule(rule)}`],
        cure: `${ip(rule)} rule del ${formatRule(rule)}`,
      }
    })
}

function isStranger(rule: Rule, own: readonly string[], { all, assessment }: KernelState): boolean {
  const { source } = rule
  if (!source || !isHostPrefix(source) || rule.invert || rule.iif || own.includes(source.address)) {
    return false
  }
  const enis = new Set(assessment.desired.enis.map(({ eni }) => eni.link.index))
  const behind = all.routes.some(
    (route) =>
      route.destination.length > 0 &&
      contains(route.destination, source.address) &&
      route.nexthops.some(({ oif }) => oif !== undefined && !enis.has(oif)),
  )
  return !behind
}

/** Of two rules with one selector and one table the second is never of any use. */
function doubles(foreign: readonly Rule[]): Finding[] {
  const first = new Map<string, Rule>()
  return foreign.flatMap((rule) => {
    const key = ruleMeaning({ ...rule, priority: 0, protocol: 0 })
    const before = first.get(key)
    if (!before) {
      first.set(key, rule)
      return []
    }
    return [
      {
        severity: 'warning',
        id: 'rule-doubled',
        what: 'two rules do the same; whoever takes one away will think that it is gone',
        evidence: [before, rule].map((twin) => `${ip(twin)} rule ${formatRule(twin)}`),
        cure: `${ip(rule)} rule del ${formatRule(rule)}`,
      } as const,
    ]
  })
}

/** The addresses of ENIs that the rule sends to a table of its own. */
const sentBy = (rule: Rule, kernel: KernelState): string[] => {
  const { source } = rule
  const special = [table.main, table.local, table.default, 0] as readonly number[]
  if (!source || rule.action !== 'lookup' || special.includes(rule.table) || rule.invert || rule.fwmark) {
    return []
  }
  return managed(kernel)
    .flatMap((plan) => routableOf(kernel, plan))
    .map(({ address }) => address)
    .filter((address) => contains(source, address))
}

/** A table that has no default, or not the address's own subnet, sends part of the replies through main after all. */
function tableFaults(rule: Rule, kernel: KernelState): Finding[] {
  const [address] = sentBy(rule, kernel)
  const owner = address === undefined ? undefined : ownerOf(kernel, address)
  if (address === undefined || !owner) {
    return []
  }
  const { link } = owner.eni
  const name = linkNamer(kernel.all)
  const routes = kernel.all.routes.filter((route) => route.table === rule.table && route.family === rule.family)
  const subnet = kernel.all.addresses.find((own) => own.address === address && own.linkIndex === link.index)?.onLink
  const fault = (id: string, what: string, cure: string, evidence: readonly Route[] = []): Finding => ({
    severity: id === 'table-empty' || id === 'table-wrong-interface' ? 'error' : 'warning',
    id,
    what,
    evidence: [
      `${ip(rule)} rule ${formatRule(rule)}`,
      ...evidence.map((r) => `${ip(r)} route ${formatRoute(r, name)}`),
    ],
    cure,
  })
  const add = (route: string) => `${ip(rule)} route add ${route} dev ${link.name} table ${rule.table}`
  if (routes.length === 0) {
    return [
      fault(
        'table-empty',
        `a rule sends packets from ${address} to table ${rule.table}, which is empty: they take main's default`,
        add('default via ROUTER'),
      ),
    ]
  }
  const defaults = routes.filter(isDefault)
  const wrong = defaults.filter(({ nexthops }) => nexthops.some(({ oif }) => oif !== link.index && isEni(oif, kernel)))
  const refusesAll = routes.some(({ type, destination }) => type !== 'unicast' && destination.length === 0)
  return [
    ...(wrong.length > 0
      ? [
          fault(
            'table-wrong-interface',
            `table ${rule.table} sends packets from ${address}, an address of ${link.name}, through another interface`,
            add('default via ROUTER').replace(' add ', ' replace '),
            wrong,
          ),
        ]
      : []),
    ...(defaults.length === 0 && !refusesAll
      ? [
          fault(
            'table-without-default',
            `table ${rule.table}, which packets from ${address} are sent to, has no default route: beyond its subnets they take main's`,
            add('default via ROUTER'),
          ),
        ]
      : []),
    ...(subnet && !isHostPrefix(subnet) && !routes.some((route) => isOnLink(route, subnet.address, link.index))
      ? [
          fault(
            'table-without-subnet',
            `table ${rule.table}, which packets from ${address} are sent to, lacks the subnet ${formatPrefix(subnet)}: its hosts are answered through the router`,
            add(`${formatPrefix(subnet)} scope link src ${address}`),
          ),
        ]
      : []),
  ]
}

const isEni = (oif: number | undefined, { assessment }: KernelState): boolean =>
  assessment.desired.enis.some(({ eni }) => eni.link.index === oif)

const isOnLink = (route: Route, address: string, linkIndex: number): boolean =>
  route.destination.length > 0 &&
  contains(route.destination, address) &&
  route.nexthops.some(({ oif, gateway }) => oif === linkIndex && gateway === undefined)

/**
 * Once our rules stand, a rule of somebody else for an ENI's address that is asked before them decides in their place:
 * main's routes to containers and VPNs are not seen by its packets, and nobody keeps its table true.
 */
function inFront(foreign: readonly Rule[], kernel: KernelState, { numbers }: Evidence['settings']): Finding[] {
  const ours = kernel.all.rules.some((rule) => rule.protocol === numbers.protocol)
  return (ours ? foreign : [])
    .filter((rule) => rule.priority <= numbers.priorityBase + 2 && sentBy(rule, kernel).length > 0)
    .map((rule) => ({
      severity: 'warning',
      id: 'rule-in-front',
      what: `a rule of somebody else is asked before those of the daemon for ${sentBy(rule, kernel).slice(0, 3).join(', ')}, and decides in their place`,
      evidence: [`${ip(rule)} rule ${formatRule(rule)}`],
      cure: `${ip(rule)} rule del ${formatRule(rule)}`,
    }))
}

const ip = ({ family }: { family: 4 | 6 }): string => (family === 6 ? 'ip -6' : 'ip')
