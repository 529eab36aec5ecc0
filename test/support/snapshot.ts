import { parseConfig } from '../../src/config/parse.ts'
import { settingsOf } from '../../src/config/settings.ts'
import { type Desired, desiredState } from '../../src/policy/desired.ts'
import { diff } from '../../src/policy/diff.ts'
import { noMetadata } from '../../src/policy/knowledge.ts'
import type { Settings } from '../../src/policy/settings.ts'
import type { Tables } from '../../src/policy/tables.ts'
import type { Address } from '../../src/state/address.ts'
import { type Change, formatChange, takesAway } from '../../src/state/change.ts'
import { familyOf } from '../../src/state/ip.ts'
import type { Link } from '../../src/state/link.ts'
import { isHostPrefix, networkOf, parsePrefix } from '../../src/state/prefix.ts'
import { formatRoute, type Route, routeKey, table } from '../../src/state/route.ts'
import { formatRule, type Rule } from '../../src/state/rule.ts'
import { linkNamer, type Snapshot } from '../../src/state/snapshot.ts'
import { defined, options, parseRoute, parseRule } from './snapshot-parse.ts'

/** Tables that were read: of the default band, of those without a device number in it, and of another band. */
const tables = [20_000, 29_000, 30_000].flatMap((base) => Array.from({ length: 20 }, (_, i) => base + i))

/** What every namespace has. */
const bare = `
  link lo index 1 loopback mac 00:00:00:00:00:00
  rule priority 0 lookup 255 protocol kernel
  rule priority 32766 lookup main protocol kernel
  rule priority 32767 lookup 253 protocol kernel
  -6 rule priority 0 lookup 255 protocol kernel
  -6 rule priority 32766 lookup main protocol kernel
`

/**
 * The kernel as a terminal would show it, one object a line; `#` begins a comment. What the kernel adds by itself is
 * added: loopback, its own rules, connected routes, the flag of secondary addresses.
 *
 *     link NAME [index N] [mac M] [driver D | type KIND] [group N] [master NAME] [parent NAME] [altname N] [down] [forwards]
 *     addr ADDRESS/LENGTH dev NAME [peer PREFIX] [tentative] [dadfailed] [noprefixroute] [proto N]
 *     [-6] route [TYPE] DESTINATION [via …] [dev …] [table …] …      as after `ip route add`
 *     [-6] rule [priority N] [from P] … [lookup T] [protocol N]        as after `ip rule add`
 */
export function snapshot(text: string): Snapshot {
  const links: Link[] = []
  const addresses: Address[] = []
  const routes: Route[] = []
  const rules: Rule[] = []
  const linkIndex = (name: string) => linkNamed(name, links).index
  for (const [line, kind, rest] of statements(bare + text)) {
    const family = line.includes('-6 ') ? 6 : undefined
    if (kind === 'link') {
      links.push(parseLink(rest, links))
    } else if (kind === 'addr') {
      const address = parseAddress(rest, addresses, linkIndex)
      addresses.push(address)
      routes.push(...connectedRoutes(address, links, routes))
    } else if (kind === 'route') {
      routes.push(parseRoute(rest, linkIndex, family))
    } else {
      rules.push(parseRule(rest, family))
    }
  }
  return { links, addresses, routes, rules: rules.sort((a, b) => a.priority - b.priority), tables, torn: false }
}

const statements = (text: string): [string, string, string[]][] =>
  text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [kind, ...rest] = line.replace(/^-6 /, '').split(/\s+/) as [string, ...string[]]
      return [line, kind, rest]
    })

function linkNamed(name: string, links: readonly Link[]): Link {
  const link = links.find((candidate) => candidate.name === name)
  if (!link) throw new Error(`no line "link ${name}" comes before its use`)
  return link
}

function parseLink([name, ...words]: string[], links: readonly Link[]): Link {
  const option = options(words, ['down', 'loopback', 'forwards'])
  const index = Number(option.get('index') ?? Math.max(0, ...links.map((link) => link.index)) + 1)
  const linkOf = (role: string) => (option.has(role) ? linkNamed(option.get(role) as string, links) : undefined)
  return defined({
    index,
    name: name as string,
    altnames: option.has('altname') ? [option.get('altname') as string] : [],
    mac: option.get('mac') ?? `02:00:00:00:00:${index.toString(16).padStart(2, '0')}`,
    up: !option.has('down'),
    loopback: option.has('loopback'),
    group: Number(option.get('group') ?? 0),
    kind: option.get('type'),
    driver: option.get('driver'),
    master: linkOf('master')?.index,
    slaveKind: linkOf('master')?.kind,
    parent: linkOf('parent')?.index,
    forwards: option.has('forwards') || undefined,
  })
}

function parseAddress(
  [local, ...words]: string[],
  others: readonly Address[],
  linkIndex: (name: string) => number,
): Address {
  const option = options(words, ['tentative', 'dadfailed', 'noprefixroute'])
  const [address, length] = (local as string).split('/') as [string, string]
  const onLink = parsePrefix(option.get('peer') ?? '') ?? networkOf(address, Number(length))
  const index = linkIndex(option.get('dev') as string)
  return {
    linkIndex: index,
    address,
    onLink,
    scope: address.startsWith('fe80:') ? 253 : 0,
    secondary:
      familyOf(address) === 4 &&
      others.some(
        (a) => a.linkIndex === index && a.onLink.address === onLink.address && a.onLink.length === onLink.length,
      ),
    tentative: option.has('tentative'),
    dadFailed: option.has('dadfailed'),
    noPrefixRoute: option.has('noprefixroute'),
    ...(option.has('proto') ? { protocol: Number(option.get('proto')) } : {}),
  }
}

/** The route that the kernel puts into main with an address; a link that is down has none. */
function connectedRoutes(address: Address, links: readonly Link[], routes: readonly Route[]): Route[] {
  const link = links.find(({ index }) => index === address.linkIndex)
  const family = familyOf(address.address)
  const own = family === 4 && isHostPrefix(address.onLink) && address.onLink.address === address.address
  if (!link?.up || address.noPrefixRoute || own) {
    return []
  }
  const { onLink } = address
  const text = `${onLink.address}/${onLink.length} dev ${link.name} proto kernel ${family === 4 ? `scope link src ${address.address}` : 'metric 256'}`
  const route = parseRoute(text.split(' '), () => link.index)
  const present = routes.some((r) => routeKey(r) === routeKey(route) && r.nexthops[0]?.oif === link.index)
  return present ? [] : [route]
}

/** The settings of a configuration text; every default without one. */
export const settings = (toml = '', retired: Settings['retired'] = [], knowledge = noMetadata): Settings =>
  settingsOf(parseConfig(toml, 'test.toml'), retired, knowledge)

/** Settings under which every link named `eth…` is an ENI, with further lines of the table [routing]. */
export const ethSettings = (routing = ''): Settings =>
  settings(`[interfaces]\ninclude = ["eth*"]\n[routing]\n${routing}`)

export interface Circumstances {
  readonly settings?: Settings
  readonly tables?: Tables
}

export const desiredOf = (seen: Snapshot, { settings: given, tables }: Circumstances = {}): Desired =>
  desiredState(seen, given ?? settings(), tables ?? new Map())

export const changesOf = (seen: Snapshot, circumstances: Circumstances = {}): Change[] =>
  diff(seen, desiredOf(seen, circumstances), circumstances.settings ?? settings())

export const planLines = (changes: readonly Change[], seen: Snapshot): string[] =>
  changes.map((change) => `${takesAway(change) ? '-' : '+'} ${formatChange(change, linkNamer(seen))}`)

/** What `eni-routed plan` would print. */
export const planOf = (seen: Snapshot, circumstances: Circumstances = {}): string[] =>
  planLines(changesOf(seen, circumstances), seen)

/** The routes that should be there, as typed after `ip route add`. */
export const wantedRouteLines = (seen: Snapshot, circumstances: Circumstances = {}): string[] =>
  desiredOf(seen, circumstances).routes.map(({ route }) => formatRoute(route, linkNamer(seen)))

/** The rules that should be there, as typed after `ip rule add`. */
export const wantedRuleLines = (seen: Snapshot, circumstances: Circumstances = {}): string[] =>
  desiredOf(seen, circumstances).rules.map(({ rule }) => formatRule(rule))

/** A route or rule as a line of the text that `snapshot` reads. */
export const routeLine = (route: Route, seen: Snapshot): string =>
  `${route.family === 6 ? '-6 ' : ''}route ${formatRoute(route, linkNamer(seen))}`
export const ruleLine = (rule: Rule): string => `${rule.family === 6 ? '-6 ' : ''}rule ${formatRule(rule)}`

/** The snapshot's routes of one table, as lines. */
export const tableLines = (seen: Snapshot, number: number = table.main): string[] =>
  seen.routes.filter((route) => route.table === number).map((route) => routeLine(route, seen))
