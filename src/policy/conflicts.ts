import { ipCommand } from '../state/ip.ts'
import { linkWord } from '../state/link.ts'
import { formatRoute, type Route, routeKey } from '../state/route.ts'
import { formatRule, type Rule } from '../state/rule.ts'
import { linkNamer, type Snapshot } from '../state/snapshot.ts'
import type { Desired } from './desired.ts'
import { isOurRoute, isOurRule, mayHaveGrouped, ourGroups } from './ownership.ts'
import { inPriorityBand, inTableBand, type Settings } from './settings.ts'

/** Something in our bands that is not ours. It stays; a person should know. */
export interface Conflict {
  /** What it is, as one would type it. */
  readonly object: string
  readonly problem: string
  readonly remedy: string
}

export function conflicts(snapshot: Snapshot, desired: Desired, settings: Settings): Conflict[] {
  if (!desired.active) {
    return []
  }
  return [
    ...foreignRules(snapshot, settings),
    ...foreignRoutes(snapshot, desired, settings),
    ...foreignGroups(snapshot, desired, settings),
    ...sharedAddresses(desired),
  ]
}

function foreignRules(snapshot: Snapshot, settings: Settings): Conflict[] {
  return snapshot.rules
    .filter((rule) => concerns(rule, settings) && !isOurRule(settings, rule))
    .map((rule) => ({
      object: `${ipCommand(rule)} rule ${formatRule(rule)}`,
      problem: 'a rule of another program that has a priority or asks a table of ours; it is left alone',
      remedy: `give it a priority outside ${settings.numbers.priorityBase}-${settings.numbers.priorityBase + 999}, or set routing.priority-base`,
    }))
}

const concerns = (rule: Rule, { numbers }: Settings): boolean =>
  inPriorityBand(numbers, rule.priority) || inTableBand(numbers, rule.table)

function foreignRoutes(snapshot: Snapshot, desired: Desired, settings: Settings): Conflict[] {
  const replaced = new Set(desired.routes.map(({ route }) => routeKey(route)))
  const foreign = (route: Route) =>
    inTableBand(settings.numbers, route.table) && !isOurRoute(settings, route) && !replaced.has(routeKey(route))
  return snapshot.routes.filter(foreign).map((route) => ({
    object: `${ipCommand(route)} route ${formatRoute(route, linkNamer(snapshot))}`,
    problem: 'a route of another program inside our band of tables; it is left alone',
    remedy: 'move it to a table of its own, or set routing.table-base',
  }))
}

function foreignGroups(snapshot: Snapshot, desired: Desired, settings: Settings): Conflict[] {
  const ours = ourGroups(settings)
  const strays = snapshot.links
    .filter((link) => !desired.groups.has(link.index) && ours.has(link.group) && !mayHaveGrouped(settings, link))
    .map((link) => ({
      object: `link ${link.name} group ${link.group}`,
      problem: "it is in our link group and no ENI: packets of ENIs pass over main's routes through it",
      remedy: `ip link set dev ${linkWord(link.name)} group 0`,
    }))
  const foreign = snapshot.links
    .filter((link) => desired.groups.has(link.index) && link.group !== 0 && !ours.has(link.group))
    .map((link) => ({
      object: `link ${link.name} group ${link.group}`,
      problem: 'the ENI is in a link group of somebody else; replies of other ENIs to its subnet may leave by it',
      remedy: `ip link set dev ${linkWord(link.name)} group ${settings.numbers.linkGroup}, or routing.link-group = ${link.group} if every ENI is in it`,
    }))
  return [...foreign, ...strays]
}

function sharedAddresses(desired: Desired): Conflict[] {
  const owners = new Map<string, string>()
  const found: Conflict[] = []
  for (const { eni, routing } of desired.enis) {
    for (const address of routing.flatMap((part) => part.addresses)) {
      const owner = owners.get(address)
      if (owner === undefined) {
        owners.set(address, eni.link.name)
      } else if (owner !== eni.link.name) {
        found.push({
          object: `address ${address}`,
          problem: `both ${owner} and ${eni.link.name} have it; it is routed through ${owner}`,
          remedy: `ip address del ${address} dev ${eni.link.name}, if the VPC gave it to ${owner}`,
        })
      }
    }
  }
  return found
}
