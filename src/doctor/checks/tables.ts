import type { EniPlan } from '../../policy/desired.ts'
import { isOurRule } from '../../policy/ownership.ts'
import type { Settings } from '../../policy/settings.ts'
import { ipCommand } from '../../state/ip.ts'
import { contains, formatPrefix, isHostPrefix, type Prefix } from '../../state/prefix.ts'
import { formatRoute, type Route } from '../../state/route.ts'
import { formatRule, type Rule } from '../../state/rule.ts'
import { linkNamer } from '../../state/snapshot.ts'
import { isDefault, isMultihomed, ownerOf } from '../enis.ts'
import type { Check, KernelState } from '../evidence.ts'
import type { Finding } from '../finding.ts'
import { agentOf, hasSelectorsBesides, isShadowed, sentBy } from '../foreign-rules.ts'
import { isOutside, routerOf } from '../routers.ts'

/** Tables of others that rules send an ENI's packets to, and that can't carry all replies. */
export const tables: Check = {
  reads: [],
  find: ({ kernel, settings }) =>
    isMultihomed(kernel)
      ? kernel.all.rules
          .filter((rule) => !isOurRule(settings, rule) && !agentOf(rule) && !hasSelectorsBesides(rule, 'source'))
          .flatMap((rule) =>
            casesOf(rule, kernel, settings).flatMap((one) => faultsOf(one, isShadowed(rule, kernel, settings))),
          )
      : [],
}

/** One ENI whose packets the rule sends to its table, by the first of its addresses. */
interface Case {
  readonly rule: Rule
  readonly address: string
  readonly eni: EniPlan
  /** The subnet of the address, where it has one. */
  readonly subnet: Prefix | undefined
  readonly routes: readonly Route[]
  readonly kernel: KernelState
  /** Rules of ours stand: what the table has no route for falls to them, or never came to it. */
  readonly ours: boolean
}

function casesOf(rule: Rule, kernel: KernelState, settings: Settings): Case[] {
  const ours = kernel.all.rules.some((other) => other.family === rule.family && isOurRule(settings, other))
  const routes = kernel.all.routes.filter((route) => route.table === rule.table && route.family === rule.family)
  const byEni = new Map<number, Case>()
  for (const address of sentBy(rule, kernel)) {
    const eni = ownerOf(kernel, address)
    if (eni && !byEni.has(eni.eni.link.index)) {
      const own = kernel.all.addresses.find((a) => a.address === address && a.linkIndex === eni.eni.link.index)
      const subnet = own && !isHostPrefix(own.onLink) ? own.onLink : undefined
      byEni.set(eni.eni.link.index, { rule, address, eni, subnet, routes, kernel, ours })
    }
  }
  const cases = [...byEni.values()]
  return routes.length === 0 ? cases.slice(0, 1) : cases
}

/** `shadowed`: rules of ours are asked before, so that nothing goes wrong as long as the daemon runs. */
function faultsOf(it: Case, shadowed: boolean): Finding[] {
  const found =
    it.routes.length === 0
      ? [empty(it)]
      : [...[wrongInterface(it) ?? withoutSubnet(it)], withoutDefault(it), withoutRouter(it), strangeRouter(it)]
  const faults = found.filter((finding) => finding !== undefined)
  // The table is of no use beside ours, so it need not be completed: whatever is wrong with it, that ends it.
  return shadowed ? faults.slice(0, 1).map((fault) => ({ ...fault, severity: 'warning', cure: deleting(it) })) : faults
}

/** Beside rules of ours nobody needs the table. */
const completing = (it: Case, command: string): string =>
  it.ours ? `${deleting(it)}, or: ${command}` : `${command}, or: ${deleting(it)}`

const empty = (it: Case): Finding => ({
  severity: it.ours ? 'warning' : 'error',
  id: 'table-empty',
  what: `a rule sends packets from ${it.address} to table ${it.rule.table}, which is empty: they take ${it.ours ? "the daemon's way" : "main's default"}`,
  evidence: [ruleText(it)],
  cure: completing(it, addingDefault(it)),
})

function wrongInterface(it: Case): Finding | undefined {
  const enis = new Set(it.kernel.assessment.desired.enis.map(({ eni }) => eni.link.index))
  const { index, name } = it.eni.eni.link
  const wrong = it.routes
    .filter(isDefault)
    .filter(({ nexthops }) => nexthops.some(({ oif }) => oif !== undefined && oif !== index && enis.has(oif)))
  return wrong.length === 0
    ? undefined
    : {
        severity: 'error',
        id: 'table-wrong-interface',
        what: `table ${it.rule.table} sends packets from ${it.address}, an address of ${name}, through another interface`,
        evidence: [ruleText(it), ...wrong.map((route) => routeText(it, route))],
        cure: completing(it, replacingDefault(it)),
      }
}

function withoutDefault(it: Case): Finding | undefined {
  const refusesAll = it.routes.some(({ type, destination }) => type !== 'unicast' && destination.length === 0)
  const halves = it.routes.some(({ destination }) => destination.length === 1)
  return it.routes.some(isDefault) || refusesAll || halves
    ? undefined
    : {
        severity: 'warning',
        id: 'table-without-default',
        what: `table ${it.rule.table}, which packets from ${it.address} are sent to, has no default route: beyond its subnets they take ${it.ours ? "the daemon's way" : "main's"}`,
        evidence: [ruleText(it), ...it.routes.slice(0, 3).map((route) => routeText(it, route))],
        cure: completing(it, addingDefault(it)),
      }
}

/** A default by a router that is in no subnet of the ENI: nobody there answers for it. */
function strangeRouter(it: Case): Finding | undefined {
  const { index } = it.eni.eni.link
  const far = it.routes
    .filter(isDefault)
    .find((route) => route.nexthops.some(({ oif, gateway }) => oif === index && isOutside(it.kernel, it.eni, gateway)))
  return (
    far && {
      severity: 'error',
      id: 'router-outside',
      what: `the router of table ${it.rule.table}, which packets from ${it.address} are sent to, is in no subnet of ${it.eni.eni.link.name}`,
      evidence: [ruleText(it), routeText(it, far)],
      cure: completing(it, replacingDefault(it)),
    }
  )
}

/** A default through the ENI itself, but not by a router: the VPC answers no ARP for the Internet. */
function withoutRouter(it: Case): Finding | undefined {
  const { index } = it.eni.eni.link
  const bare = it.routes
    .filter(isDefault)
    .find(
      ({ nexthops, nexthopId }) =>
        nexthopId === undefined && nexthops.some(({ oif, gateway }) => oif === index && gateway === undefined),
    )
  return (
    bare && {
      severity: 'warning',
      id: 'table-without-router',
      what: `the default of table ${it.rule.table}, which packets from ${it.address} are sent to, names no router: every host is looked for in the subnet`,
      evidence: [ruleText(it), routeText(it, bare)],
      cure: completing(it, replacingDefault(it)),
    }
  )
}

function withoutSubnet(it: Case): Finding | undefined {
  const { subnet, routes } = it
  const { index } = it.eni.eni.link
  return subnet === undefined || routes.some((route) => isOnLink(route, subnet.address, index))
    ? undefined
    : {
        severity: 'warning',
        id: 'table-without-subnet',
        what: `table ${it.rule.table}, which packets from ${it.address} are sent to, lacks the subnet ${formatPrefix(subnet)}: its hosts are answered through the router`,
        evidence: [ruleText(it), ...routes.slice(0, 3).map((route) => routeText(it, route))],
        cure: completing(
          it,
          adding(it, `${formatPrefix(subnet)}${it.rule.family === 4 ? ' scope link' : ''} src ${it.address}`),
        ),
      }
}

const isOnLink = (route: Route, address: string, linkIndex: number): boolean =>
  route.destination.length > 0 &&
  contains(route.destination, address) &&
  route.nexthops.some(({ oif, gateway }) => oif === linkIndex && gateway === undefined)

const ruleText = ({ rule }: Case): string => `${ipCommand(rule)} rule ${formatRule(rule)}`
const routeText = ({ kernel }: Case, route: Route): string =>
  `${ipCommand(route)} route ${formatRoute(route, linkNamer(kernel.all))}`
const adding = ({ rule, eni }: Case, route: string): string =>
  `${ipCommand(rule)} route add ${route} dev ${eni.eni.link.name} table ${rule.table}`
const addingDefault = (it: Case): string => adding(it, `default via ${routerOf(it.kernel, it.eni, it.rule.family)}`)
const replacingDefault = (it: Case): string => addingDefault(it).replace(' add ', ' replace ')
const deleting = ({ rule }: Case): string => `${ipCommand(rule)} rule del ${formatRule(rule)}`
