import { ipCommand } from '../state/ip.ts'
import type { Link } from '../state/link.ts'
import { formatRule, type Rule } from '../state/rule.ts'
import type { Eni } from './enis.ts'
import { enumerate } from './enumerate.ts'
import { isOurRule } from './ownership.ts'
import { bestMatch } from './pattern.ts'
import type { Settings } from './settings.ts'

/** Kinds of link by which the traffic of other networks comes, as that of containers comes by bridges and veths. */
const tunnels: ReadonlySet<string | undefined> = new Set([
  ...['wireguard', 'tun', 'ppp', 'xfrm', 'vti', 'vti6'],
  ...['ipip', 'sit', 'gre', 'ip6gre', 'ip6tnl'],
])

/**
 * ENIs that carry packets of other hosts: those of a router, firewall or VPN server, whose source/destination check is off.
 * By ifindex, with what shows it, for people. The metadata does not tell, and what passes must not decide: anybody can
 * send. So it is read from how the host is set up, and only where nothing else explains that forwarding is on, as
 * containers do. Such ENIs have rules for their own addresses as others have, since the check of those may well be on.
 */
export function transitEnis(
  links: readonly Link[],
  rules: readonly Rule[],
  enis: readonly Eni[],
  settings: Settings,
): ReadonlyMap<number, string> {
  const { manage, transit, knowledge } = settings
  const found = new Map<number, string>()
  if (transit.length === 0 && !enis.some(({ link }) => link.forwards)) {
    return found
  }
  const between = endsOf(links, enis)
  const entering = rules.filter(({ iif }) => iif !== undefined)
  for (const { link, managed } of enis) {
    const named = (patterns: readonly string[]) => bestMatch(patterns, link, knowledge.enis.get(link.mac)?.id)
    if (managed && named(transit)) {
      found.set(link.index, 'interfaces.transit names it')
    } else if (managed && link.forwards && !named(manage)) {
      const because = ruleFor(link, entering, settings) ?? between
      if (because) found.set(link.index, `${because}; interfaces.manage overrules`)
    }
  }
  return found
}

/** Nobody asks a table for what comes in by one link, unless it is to be forwarded. */
function ruleFor({ name }: Link, rules: readonly Rule[], settings: Settings): string | undefined {
  const rule = rules.find((candidate) => candidate.iif === name && !isOurRule(settings, candidate))
  return rule && `forwarding is on, and ${ipCommand(rule)} rule ${formatRule(rule)}`
}

/** Where everything that is up is an ENI or a tunnel, and there are two to forward between, forwarding is for others. */
function endsOf(links: readonly Link[], enis: readonly Eni[]): string | undefined {
  const own = new Set(enis.map(({ link }) => link.index))
  const ends = links.filter(({ index, loopback, up }) => !loopback && (up || own.has(index)))
  const forwarding = ends.filter(({ index, forwards, kind }) => (own.has(index) ? forwards : tunnels.has(kind)))
  const others = ends.some(({ index, kind }) => !own.has(index) && !tunnels.has(kind))
  return others || forwarding.length < 2
    ? undefined
    : `forwarding is on, and there is nothing to forward between but ${enumerate(forwarding.map(({ name }) => name))}`
}
