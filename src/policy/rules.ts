import { type Family, families } from '../state/ip.ts'
import { formatPrefix, type Prefix, prefixKey } from '../state/prefix.ts'
import { table } from '../state/route.ts'
import type { Holding, WantedRule } from './holding.ts'
import { Kept, KeptList } from './kept.ts'
import { defaultLength } from './main-routes.ts'
import { indexedRules } from './rule-index.ts'
import { type Numbers, priorities } from './settings.ts'

/**
 * Sources of a family up to which each has rules of its own, as people expect them. A rule costs a packet about 16 ns:
 * beyond, an index (rule-index.ts) makes what a packet pays nearly independent of the number.
 */
export const plainSources = 32

const ofFamily = new Kept<readonly WantedRule[]>()

/** The rules of all ENIs. An address that two of them have belongs to the first: two rules would never both be asked. */
export function wantedRules(holdings: readonly Holding[], numbers: Numbers): readonly WantedRule[] {
  const [ipv4, ipv6] = families.map((family) => {
    const own = holdings.filter((holding) => holding.family === family)
    return ofFamily.of(String(family), [numbers, ...own], () => {
      const count = own.reduce((sum, { sources }) => sum + sources.length, 0)
      return (count > plainSources ? rulesOfMany(family, own, numbers) : undefined) ?? plainRules(own, numbers)
    })
  }) as [readonly WantedRule[], readonly WantedRule[]]
  return ofFamily.of('all', [ipv4, ipv6], () => [...ipv4, ...ipv6])
}

/** The last priority at which a rule of ours is: who stands behind it can't take a packet from us. */
export const lastPriority = (rules: readonly WantedRule[], numbers: Numbers): number =>
  rules.reduce((last, { rule }) => Math.max(last, rule.priority), priorities(numbers).device)

/** Sources that two ENIs have are rare: only where they stand in the way they are looked for. */
const rulesOfMany = (family: Family, holdings: readonly Holding[], numbers: Numbers) =>
  indexedRules(family, holdings, numbers) ?? indexedRules(family, firstOfEach(holdings), numbers)

/** One rule or two for each source. */
export const plainRules = (holdings: readonly Holding[], numbers: Numbers): WantedRule[] =>
  firstOfEach(holdings).flatMap((holding) => rulesOf(holding, numbers))

function firstOfEach(holdings: readonly Holding[]): Holding[] {
  const taken = new Set<string>()
  return holdings.map((holding) => {
    const sources = holding.sources.filter((source) => {
      const key = prefixKey(source)
      return !taken.has(key) && taken.add(key)
    })
    return { ...holding, sources }
  })
}

const mainRules = new KeptList<Prefix, WantedRule>()
const sourceRules = new KeptList<Prefix, WantedRule>()
const deviceRules = new Kept<WantedRule>()

function rulesOf({ family, link, table: number, sources }: Holding, numbers: Numbers): WantedRule[] {
  const at = priorities(numbers)
  const key = `${family} ${link} ${number} ${Object.values(numbers)}`
  const common = { family, action: 'lookup', protocol: numbers.protocol } as const
  const suppress = { suppressPrefixLength: defaultLength[family], suppressGroup: numbers.linkGroup }
  const ofMain = mainRules.of(key, sources, (source) => ({
    rule: { ...common, priority: at.main, source, table: table.main, ...suppress },
    why: `${formatPrefix(source)}: main's routes that are no default and leave by no ENI`,
  }))
  const ofSources = sourceRules.of(key, sources, (source) => ({
    rule: { ...common, priority: at.source, source, table: number },
    why: `${formatPrefix(source)}: leaves by ${link}`,
  }))
  const ofDevice = deviceRules.of(key, [], () => ({
    rule: { ...common, priority: at.device, oif: link, table: number },
    why: `sockets bound to ${link}`,
  }))
  // Without link groups the main lookup would find the other ENIs' subnets, the very fault to be cured.
  return [...(numbers.linkGroup === 0 ? [] : ofMain), ...ofSources, ofDevice]
}
