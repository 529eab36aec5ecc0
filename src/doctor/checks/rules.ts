import { enumerate } from '../../policy/enumerate.ts'
import { networkPlugin } from '../../policy/hands-off.ts'
import { isOurRule } from '../../policy/ownership.ts'
import { families, ipCommand } from '../../state/ip.ts'
import { contains, formatPrefix, isHostPrefix } from '../../state/prefix.ts'
import { formatRoute, table, tableName } from '../../state/route.ts'
import { formatRule, type Rule, ruleMeaning } from '../../state/rule.ts'
import { linkNamer } from '../../state/snapshot.ts'
import { addressesOf, isDefault, isMultihomed, managed } from '../enis.ts'
import type { Check, Evidence, KernelState } from '../evidence.ts'
import { type Files, numberIn } from '../files.ts'
import type { Finding } from '../finding.ts'
import { agentOf, asksOwnTable, hasSelectorsBesides, isShadowed, sentBy } from '../foreign-rules.ts'
import { nearest } from '../nearest.ts'

/** Rules that somebody typed or another tool made: mistyped, doubled, or in the way of ours. */
export const rules: Check = {
  reads: ['proc/sys/net/ipv4/ip_forward', 'proc/sys/net/ipv6/conf/all/forwarding'],
  find: ({ kernel, settings, files }) => {
    if (!kernel) {
      return []
    }
    const foreign = kernel.all.rules.filter((rule) => !isOurRule(settings, rule))
    return [
      ...missing(kernel),
      ...strangers(foreign, kernel),
      ...futile(foreign, kernel, files),
      // An agent's rules have one end, and one finding.
      ...doubles(foreign.filter((rule) => !agentOf(rule))),
      ...besideOurs(foreign, kernel, settings),
      ...partial(
        foreign.filter((rule) => futility(rule, kernel, files) === undefined),
        kernel,
        settings,
      ),
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
        evidence: [`${ipCommand(rule)} rule ${formatRule(rule)}`],
        cure: `${ipCommand(rule)} rule del ${formatRule(rule)}`,
      }
    })
}

/** cilium's rules have priorities up to 112, those of the VPC CNI up to 1536. */
const lastOfPlugins = 1536

function isStranger(rule: Rule, own: readonly string[], { all, assessment }: KernelState): boolean {
  const { source } = rule
  if (!source || !isHostPrefix(source) || rule.invert || rule.iif || own.includes(source.address)) {
    return false
  }
  // The plug-in keeps rules for pods, also while a pod's link is yet to come or gone already.
  if (rule.priority <= lastOfPlugins && networkPlugin(all.links, all.rules)) {
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

/** Rules that look as if they chose the way of an ENI's replies, and are never asked for one of them. */
const futile = (foreign: readonly Rule[], kernel: KernelState, files: Files): Finding[] =>
  foreign.flatMap((rule): Finding[] => {
    const what = futility(rule, kernel, files)
    return what === undefined
      ? []
      : [
          {
            severity: 'warning',
            id: 'rule-futile',
            what,
            evidence: [`${ipCommand(rule)} rule ${formatRule(rule)}`],
            cure: `${ipCommand(rule)} rule del ${formatRule(rule)}`,
          },
        ]
  })

/** Why no reply of this host is ever led by the rule; undefined where one may be. */
function futility(rule: Rule, kernel: KernelState, files: Files): string | undefined {
  if (!asksOwnTable(rule)) {
    return undefined
  }
  const { destination, iif, oif } = rule
  const names = kernel.all.links.flatMap(({ name, altnames }) => [name, ...altnames])
  const gone = [iif, oif].find((name) => name !== undefined && hardware.test(name) && !names.includes(name))
  if (gone !== undefined) {
    return `a rule is for the interface ${gone}, which is not there`
  }
  const own = managed(kernel).flatMap((plan) => addressesOf(kernel, plan).map(({ address }) => address))
  if (destination && isHostPrefix(destination) && own.includes(destination.address)) {
    return `a rule is for packets to ${destination.address}, which is this host's own: what comes in for it asks the table local alone, and replies have it as their source ("from", not "to")`
  }
  const isEni = kernel.assessment.desired.enis.some(({ eni }) => eni.link.name === iif)
  const forwards = rule.family === 4 ? 'ipv4/ip_forward' : 'ipv6/conf/all/forwarding'
  return isEni && numberIn(files, `/proc/sys/net/${forwards}`) === 0
    ? `a rule is for packets that come in by ${iif} and are forwarded: this host forwards none, and its replies come from itself ("from ADDRESS", not "iif")`
    : undefined
}

/** Names that the kernel or udev gives to interfaces of hardware; a VPN's comes and goes. */
const hardware = /^(eth|en[ospx])\d/

/** Of two rules with one selector the second is never of any use, whether its table is the same or another. */
function doubles(foreign: readonly Rule[]): Finding[] {
  const first = new Map<string, Rule>()
  return foreign.flatMap((rule): Finding[] => {
    // Another table is a slip where both are tables of somebody's own: main, with routes passed over, comes before others.
    const key = ruleMeaning({ ...rule, priority: 0, protocol: 0, table: asksOwnTable(rule) ? 0 : rule.table })
    const before = first.get(key)
    if (!before) {
      first.set(key, rule)
      return []
    }
    const same = before.table === rule.table
    return [
      {
        severity: 'warning',
        id: same ? 'rule-doubled' : 'rule-contradicted',
        what: same
          ? 'two rules do the same; whoever takes one away will think that it is gone'
          : `two rules send the same packets to different tables: table ${rule.table} gets only what table ${before.table} has no route for`,
        evidence: [before, rule].map((twin) => `${ipCommand(twin)} rule ${formatRule(twin)}`),
        cure: `${ipCommand(rule)} rule del ${formatRule(rule)}`,
      },
    ]
  })
}

/**
 * Once our rules stand, a rule of somebody else for an ENI's address either decides in their place, so that main's routes
 * to containers and VPNs are not seen and nobody keeps its table true; or it is never asked, until ours are gone.
 */
function besideOurs(foreign: readonly Rule[], kernel: KernelState, settings: Evidence['settings']): Finding[] {
  const ours = new Set(kernel.all.rules.filter((rule) => isOurRule(settings, rule)).map(({ family }) => family))
  return foreign
    .filter((rule) => ours.has(rule.family) && sentBy(rule, kernel).length > 0 && !agentOf(rule))
    .map((rule) => {
      const addresses = enumerate(sentBy(rule, kernel))
      const behind = isShadowed(rule, kernel, settings)
      const wide = rule.source && !isHostPrefix(rule.source)
      const prefix = wide ? ` for a whole prefix, ${formatPrefix(rule.source)},` : ''
      return {
        severity: 'warning',
        id: behind ? 'rule-behind' : 'rule-in-front',
        what: behind
          ? `a rule of somebody else${prefix} repeats those of the daemon for ${addresses} and is never asked; when they are gone, it decides`
          : `a rule of somebody else${prefix} is asked before those of the daemon for ${addresses}, and decides in their place`,
        evidence: [`${ipCommand(rule)} rule ${formatRule(rule)}`],
        cure: `${ipCommand(rule)} rule del ${formatRule(rule)}`,
      }
    })
}

/** A rule for some packets of every address, by port or user, whose table leads through one ENI. */
function partial(foreign: readonly Rule[], kernel: KernelState, settings: Evidence['settings']): Finding[] {
  const name = linkNamer(kernel.all)
  const enis = new Set(managed(kernel).map(({ eni }) => eni.link.index))
  return foreign
    .filter(
      (rule) => asksOwnTable(rule) && !rule.source && !rule.iif && !rule.oif && hasSelectorsBesides(rule, 'source'),
    )
    .filter((rule) => isMultihomed(kernel) && !isShadowed(rule, kernel, settings))
    .flatMap((rule) => {
      const way = kernel.all.routes.find((r) => r.table === rule.table && r.family === rule.family && isDefault(r))
      const oif = way?.nexthops[0]?.oif
      return way && oif !== undefined && enis.has(oif)
        ? [
            {
              severity: 'warning',
              id: 'rule-partial',
              what: `a rule sends some packets of every address through ${name(oif)}: those of other interfaces' addresses are dropped there`,
              evidence: [
                `${ipCommand(rule)} rule ${formatRule(rule)}`,
                `${ipCommand(way)} route ${formatRoute(way, name)}`,
              ],
              cure: `add "from ADDRESS" of ${name(oif)} to that rule, or: ${ipCommand(rule)} rule del ${formatRule(rule)}`,
            } as const,
          ]
        : []
    })
}
