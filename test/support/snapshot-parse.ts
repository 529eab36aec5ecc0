import { type Family, familyOf } from '../../src/state/ip.ts'
import { anyPrefix, type Prefix, parsePrefix } from '../../src/state/prefix.ts'
import { type Nexthop, type Route, type RouteType, routeMetrics, routeTypes, table } from '../../src/state/route.ts'
import type { NumberRange, Rule, RuleAction } from '../../src/state/rule.ts'

/** The object without the properties that are undefined, as exactOptionalPropertyTypes wants it. */
export const defined = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as never

/** Words as `KEY VALUE` pairs, and keys that stand alone. */
export function options(words: readonly string[], alone: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (let i = 0; i < words.length; i++) {
    const key = words[i] as string
    found.set(key, alone.includes(key) ? '' : (words[++i] as string))
  }
  return found
}

const protocols: Readonly<Record<string, number>> = { kernel: 2, boot: 3, static: 4, ra: 9, dhcp: 16 }
const scopes: Readonly<Record<string, number>> = { global: 0, site: 200, link: 253, host: 254 }
const numbered = (names: Readonly<Record<string, number>>, text: string): number => names[text] ?? Number(text)

/** What follows `ip route add`. The family is told by the addresses in it, unless given. */
export function parseRoute(words: readonly string[], linkIndex: (name: string) => number, given?: Family): Route {
  const typed = (routeTypes as readonly string[]).includes(words[0] as string)
  const [destination, ...rest] = (typed ? words.slice(1) : words).filter((word) => word !== 'inet6')
  const [first, ...more] = splitAt(rest, 'nexthop').map((part) => options(part, ['onlink'])) as [
    ReadonlyMap<string, string>,
    ...ReadonlyMap<string, string>[],
  ]
  const family = given ?? (words.includes('inet6') ? 4 : familyOf(words.join(' ')))
  const source = parsePrefix(first.get('from') ?? '')
  const metrics = Object.keys(routeMetrics).filter((name) => first.has(name))
  const nexthops = (more.length > 0 ? more : first.has('dev') || first.has('via') ? [first] : []).map((hop) =>
    parseNexthop(hop, linkIndex),
  )
  const onLink = family === 4 && nexthops.length === 1 && !nexthops[0]?.gateway
  return defined({
    family,
    table: numbered(table, first.get('table') ?? 'main'),
    type: (typed ? words[0] : 'unicast') as RouteType,
    destination: destination === 'default' ? anyPrefix(family) : (parsePrefix(destination as string) as Prefix),
    tos: Number(first.get('tos') ?? 0),
    metric: Number(first.get('metric') ?? (family === 6 ? 1024 : 0)),
    protocol: numbered(protocols, first.get('proto') ?? 'boot'),
    scope: numbered(scopes, first.get('scope') ?? (onLink ? 'link' : 'global')),
    nexthops,
    prefsrc: first.get('src'),
    source,
    metrics: Object.fromEntries(metrics.map((name) => [name, Number(first.get(name))])),
    nexthopId: first.has('nhid') ? Number(first.get('nhid')) : undefined,
  })
}

const parseNexthop = (hop: ReadonlyMap<string, string>, linkIndex: (name: string) => number): Nexthop =>
  defined({
    oif: hop.has('dev') ? linkIndex(hop.get('dev') as string) : undefined,
    gateway: hop.get('via'),
    onlink: hop.has('onlink'),
    weight: Number(hop.get('weight') ?? 1),
  })

function splitAt(words: readonly string[], separator: string): string[][] {
  const parts: string[][] = [[]]
  for (const word of words) {
    if (word === separator) parts.push([])
    else (parts.at(-1) as string[]).push(word)
  }
  return parts
}

const range = (text: string | undefined): NumberRange | undefined => {
  const [from, to] = text?.split('-').map(Number) ?? []
  return from === undefined ? undefined : { from, to: to ?? from }
}

const actions: readonly string[] = ['nop', 'blackhole', 'unreachable', 'prohibit']

/** What follows `ip rule add`. The family is told by the addresses in it, unless given. */
export function parseRule(words: readonly string[], given?: Family): Rule {
  const option = options(words, ['not', 'l3mdev', ...actions])
  const selector = (name: string) => parsePrefix(option.get(name) ?? '')
  const number = (name: string) => (option.has(name) ? Number(option.get(name)) : undefined)
  const [fwmark, fwmask] = option.get('fwmark')?.split('/').map(Number) ?? []
  const alone = actions.find((action) => option.has(action))
  const lookup = option.has('lookup') || option.has('l3mdev')
  return defined({
    family: given ?? familyOf(`${option.get('from')}${option.get('to')}`),
    priority: Number(option.get('priority')),
    action: (lookup ? 'lookup' : (alone ?? 'goto')) as RuleAction,
    table: numbered(table, option.get('lookup') ?? '0'),
    protocol: numbered(protocols, option.get('protocol') ?? 'boot'),
    source: selector('from'),
    destination: selector('to'),
    iif: option.get('iif'),
    oif: option.get('oif'),
    tos: number('tos'),
    fwmark,
    fwmask,
    invert: option.has('not') ? (true as const) : undefined,
    suppressPrefixLength: number('suppress_prefixlength'),
    suppressGroup: number('suppress_ifgroup'),
    gotoPriority: number('goto'),
    l3mdev: option.has('l3mdev') ? (true as const) : undefined,
    uidRange: range(option.get('uidrange')),
    ipProto: number('ipproto'),
    sourcePort: range(option.get('sport')),
    destinationPort: range(option.get('dport')),
  })
}
