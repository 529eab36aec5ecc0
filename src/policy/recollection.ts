import { type Address, scope } from '../state/address.ts'
import { addressBits, type Family, families, familyOf } from '../state/ip.ts'
import type { Link } from '../state/link.ts'
import { addressAt, contains, isHostPrefix, networkOf, type Prefix, prefixKey } from '../state/prefix.ts'
import type { Route } from '../state/route.ts'
import type { Rule } from '../state/rule.ts'
import type { Snapshot } from '../state/snapshot.ts'
import { isNamed, mayBeEni } from './enis.ts'
import { Kept } from './kept.ts'
import type { EniFacts } from './knowledge.ts'
import { isOurRoute, isOurRule } from './ownership.ts'
import type { Settings } from './settings.ts'

/** Lengths of the prefixes that the VPC delegates. */
const delegatedLength: Readonly<Record<Family, number>> = { 4: 28, 6: 80 }
/** Prefixes that one rule of the index can stand for: more are no work of ours. */
const mostMerged = 4_096

/** Links and rules tell which ENIs there are; addresses and routes what is known of them. */
type Seen = Pick<Snapshot, 'links' | 'rules'> & Partial<Pick<Snapshot, 'addresses' | 'routes'>>

/**
 * Until the metadata has told something to this run of the program, what it told an earlier one is read from the rules that
 * and routes that stand: links that no pattern and no driver names are ENIs by its word alone, prefixes were delegated by it,
 * and it told the subnet of an address that puts none on the link. A restart while the service is late or gone then takes
 * nothing away.
 */
export function withRecollection(settings: Settings, seen: Seen): Settings {
  if (!settings.knowledge.untold) {
    return settings
  }
  const { links, rules, addresses, routes } = seen
  return recollected.of(`${!addresses} ${!routes}`, [settings, links, rules, addresses, routes], () => {
    const enis = recollect(settings, seen)
    return enis.size === 0
      ? settings
      : { ...settings, knowledge: { ...settings.knowledge, enis: new Map([...enis, ...settings.knowledge.enis]) } }
  })
}

const recollected = new Kept<Settings>()

/** What rules and routes show of ENIs, by MAC. */
export function recollect(
  settings: Settings,
  { links, rules, addresses = [], routes = [] }: Seen,
): ReadonlyMap<string, EniFacts> {
  const ours = rules.filter((rule) => isOurRule(settings, rule))
  const tables = new Map(ours.flatMap((rule) => (rule.oif && rule.table !== 0 ? [[rule.oif, rule.table]] : [])))
  return new Map(
    links.flatMap((link): [string, EniFacts][] => {
      const number = tables.get(link.name)
      if (number === undefined) {
        return []
      }
      const own = addresses.filter(({ linkIndex }) => linkIndex === link.index)
      const delegated = prefixesOf(number, ours)
        .flatMap(partsOf)
        .filter((part) => !isFilled(part, own))
      const inTable = routes.filter((route) => route.table === number && isOurRoute(settings, route))
      const subnets = subnetsOf(link, inTable, own)
      const toldOf = delegated.length > 0 || subnets.length > 0 || isNamedByMetadata(link, settings)
      const recalled = [...subnets, ...delegated]
      return toldOf ? [[link.mac, { mac: link.mac, subnets, vpc: [], delegated, addresses: {}, recalled }]] : []
    }),
  )
}

/** What a pattern names, or named until the configuration was read again, the metadata need not have named. */
const isNamedByMetadata = (link: Link, settings: Settings): boolean =>
  mayBeEni(link) &&
  ![settings, ...settings.retired].some(({ include }) => isNamed(link, { include, knowledge: settings.knowledge }))

/** Subnets on the link by our routes alone, with an address of the ENI in them: it is a host's (/32, /128) to the kernel. */
const subnetsOf = ({ index }: Link, routes: readonly Route[], own: readonly Address[]): Prefix[] =>
  routes
    .filter(({ nexthops }) => nexthops.length === 1 && nexthops[0]?.oif === index && nexthops[0].gateway === undefined)
    .map(({ destination }) => destination)
    .filter((subnet) => subnet.length > 0 && !isHostPrefix(subnet))
    .filter((subnet) => own.some(({ address, scope: where }) => where < scope.link && contains(subnet, address)))
    .filter((subnet) => !own.some(({ onLink }) => prefixKey(onLink) === prefixKey(subnet)))

/** The blocks whose packets are led to the table, by a rule of the plain form or of the index. */
function prefixesOf(number: number, ours: readonly Rule[]): Prefix[] {
  const entries = new Map(families.map((family) => [family, entriesOf(number, family, ours)]))
  return ours.flatMap(({ family, action, source, table: asked, gotoPriority }) => {
    const leads = action === 'goto' ? entries.get(family)?.has(gotoPriority ?? 0) : asked === number
    return leads && source && !isHostPrefix(source) ? [source] : []
  })
}

/** Priorities to which the index sends the packets of the table's ENI: those right before the lookup of its own table. */
const entriesOf = (number: number, family: Family, ours: readonly Rule[]): ReadonlySet<number> =>
  new Set(
    ours
      .filter((rule) => rule.family === family && rule.action === 'lookup' && rule.table === number)
      .filter((rule) => !rule.source && rule.oif === undefined && rule.fwmark === undefined)
      .map(({ priority }) => priority - 1),
  )

/** The delegated prefixes in a block: neighbours share a rule of the index. */
function partsOf(block: Prefix): Prefix[] {
  const family = familyOf(block.address)
  const length = delegatedLength[family]
  const count = 2 ** (length - block.length)
  if (count < 1 || count > mostMerged) {
    return []
  }
  const size = 2 ** Math.min(48, addressBits(family) - length)
  return Array.from({ length: count }, (_, i) => networkOf(addressAt(block, i * size), length))
}

/** Sixteen addresses of the ENI's own that fill a prefix share a rule, too. */
const isFilled = (prefix: Prefix, own: readonly Address[]): boolean =>
  familyOf(prefix.address) === 4 && own.filter(({ address }) => contains(prefix, address)).length === 16
