import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nothingDesired } from '../../../src/policy/desired.ts'
import { diff } from '../../../src/policy/diff.ts'
import type { Holding, WantedRule } from '../../../src/policy/holding.ts'
import { isOurRule } from '../../../src/policy/ownership.ts'
import { plainRules, plainSources, wantedRules } from '../../../src/policy/rules.ts'
import { type Family, formatAddress } from '../../../src/state/ip.ts'
import { contains, hostPrefix, networkOf, type Prefix } from '../../../src/state/prefix.ts'
import { table } from '../../../src/state/route.ts'
import { selectorKey } from '../../../src/state/rule.ts'
import { added, deleted, type RuleList, walk } from '../../support/rule-walk.ts'
import { settings, snapshot } from '../../support/snapshot.ts'

const numRuns = Number(process.env.LAW_RUNS ?? 60)
const given = settings()
const { numbers } = given
const anyNumbers = fc.constantFrom(numbers, { ...numbers, linkGroup: 0 })

/** Addresses lie close together, far apart, in rows, and anywhere: of each kind the number that is drawn. */
const draw = {
  4: (near: number, far: number) => formatAddress(Uint8Array.of(172, 31, far, near)),
  6: (near: number, far: number) =>
    formatAddress(
      Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, far & 3, 0, 0, far % 5 === 0 ? 0 : far, near, 0, 0, 0, 0, near, far),
    ),
}

const addressOf = (family: Family): fc.Arbitrary<string> =>
  fc
    .tuple(fc.nat(255), fc.oneof(fc.constantFrom(0, 1, 16, 240), fc.nat(255)))
    .map(([near, far]) => draw[family](near, far))

interface Host {
  readonly family: Family
  readonly holdings: readonly Holding[]
}

/** Some ENIs, each with some of the addresses; none is of two. */
const hostOf = (family: Family): fc.Arbitrary<Host> =>
  fc
    .record({
      scattered: fc.uniqueArray(addressOf(family), { minLength: 0, maxLength: 220 }),
      rows: fc.array(fc.tuple(fc.nat(7), fc.nat(255), fc.nat(90)), { maxLength: 3 }),
      enis: fc.integer({ min: 2, max: 9 }),
    })
    .map(({ scattered, rows, enis }) => {
      const row = rows.flatMap(([far, start, count]) =>
        Array.from({ length: Math.min(count, 256 - start) }, (_, i) => draw[family](start + i, far)),
      )
      const addresses = [...new Set([...row, ...scattered])]
      // Runs of one ENI, so that prefixes are filled.
      return { family, holdings: holdingsOf(family, addresses, (i) => Math.floor(i / 40) % enis, enis) }
    })

const holdingsOf = (family: Family, addresses: readonly string[], eniOf: (i: number) => number, enis: number) =>
  Array.from({ length: enis }, (_, eni) => ({
    family,
    link: `eth${eni}`,
    table: 20_000 + eni,
    sources: addresses.filter((_, i) => eniOf(i) === eni).map(hostPrefix),
  }))

const host: fc.Arbitrary<Host> = fc.oneof(hostOf(4), hostOf(6))

/** The same host with addresses more, less, and at another ENI. */
const change = (family: Family) =>
  fc.record({
    more: fc.array(addressOf(family), { maxLength: 60 }),
    lost: fc.array(fc.nat(400), { maxLength: 60 }),
  })

const hostAndNext = host.chain(({ family, holdings }) =>
  change(family).map(({ more, lost }) => {
    const present = new Set(holdings.flatMap(({ sources }) => sources.map(({ address }) => address)))
    const gone = new Set([...present].filter((_, i) => lost.includes(i)))
    const next = holdings.map((holding, eni) => ({
      ...holding,
      sources: [
        ...holding.sources.filter(({ address }) => !gone.has(address)),
        ...[...new Set(more)].filter((a, i) => !present.has(a) && i % holdings.length === eni).map(hostPrefix),
      ],
    }))
    return { family, before: holdings, after: next }
  }),
)

const listOf = (wanted: readonly WantedRule[]): RuleList =>
  wanted.map(({ rule }) => rule).sort((a, b) => a.priority - b.priority)

const rulesOf = (holdings: readonly Holding[], by = numbers): RuleList => listOf(wantedRules(holdings, by))

const changesBetween = (rules: RuleList, wanted: readonly WantedRule[]) =>
  diff({ ...snapshot(''), rules }, { ...nothingDesired, active: true, rules: wanted }, given)

const owner = (holdings: readonly Holding[], source: string): Holding | undefined =>
  holdings.find(({ sources }) => sources.some((own) => contains(own, source)))

/** Sources that matter: every address, its neighbours, the ends of the space. */
const sourcesOf = (holdings: readonly Holding[], extra: readonly string[] = []): string[] => {
  const own = holdings.flatMap(({ sources }) => sources.map(({ address }) => address))
  return [...own, ...own.flatMap(neighbours), ...extra]
}

function neighbours(address: string): string[] {
  const bits = address.includes(':') ? [128, 127, 124, 100, 68] : [32, 31, 28, 24, 20]
  return bits.map((length) => flipped(address, length))
}

const flipped = (address: string, length: number): string => {
  const half = networkOf(address, length)
  const other: Prefix = { address: half.address, length }
  return other.address === address ? networkOf(address, length - 1).address : half.address
}

describe('the index', () => {
  test('means for every source, bound to a device or not, what one rule an address would mean', {
    timeout: 120_000,
  }, () => {
    fc.assert(
      fc.property(host, fc.array(addressOf(4), { maxLength: 20 }), anyNumbers, ({ holdings }, foreign, by) => {
        const index = rulesOf(holdings, by)
        const plain = listOf(plainRules(holdings, by))
        for (const source of sourcesOf(holdings, foreign)) {
          for (const packet of [{ source }, { source, oif: 'eth1' }]) {
            expect(walk(index, packet).tables, `${source}`).toEqual(walk(plain, packet).tables)
          }
        }
      }),
      { numRuns },
    )
  })

  test('covers not an address more', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(host, ({ holdings }) => {
        const all = [...new Set(holdings.flatMap(({ sources }) => sources.map(({ address }) => address)))]
        const leading = rulesOf(holdings).filter(
          ({ gotoPriority = 0 }) => gotoPriority >= 20_807 && gotoPriority < 20_999,
        )
        for (const { source, family } of leading) {
          const size = 2 ** ((family === 4 ? 32 : 128) - (source as Prefix).length)
          const held = all.filter((address) => contains(source as Prefix, address)).length
          expect(held).toBe(size)
        }
      }),
      { numRuns },
    )
  })

  test('has rules that the kernel can tell apart, all of them ours, and none that leads back', {
    timeout: 120_000,
  }, () => {
    fc.assert(
      fc.property(host, anyNumbers, ({ holdings }, by) => {
        const rules = rulesOf(holdings, by)
        expect(new Set(rules.map(selectorKey)).size).toBe(rules.length)
        expect(rules.filter((rule) => !isOurRule(given, rule))).toEqual([])
        expect(
          rules.filter(({ priority, gotoPriority }) => gotoPriority !== undefined && gotoPriority <= priority),
        ).toEqual([])
        const ends = new Set(rules.map(({ priority }) => priority))
        expect(rules.filter(({ gotoPriority }) => gotoPriority !== undefined && !ends.has(gotoPriority))).toEqual([])
      }),
      { numRuns },
    )
  })
})

describe('from one set of addresses to another', () => {
  /** The first table of an ENI that is asked decides; main has to be asked before. */
  const way = (rules: RuleList, source: string) => {
    const { tables } = walk(rules, { source })
    const at = tables.findIndex((number) => number !== table.main)
    return { mainFirst: at > 0 && tables[0] === table.main, table: tables[at] }
  }

  test('no address that stays is without its way at any moment, and no foreign one is led anywhere', {
    timeout: 240_000,
  }, () => {
    fc.assert(
      fc.property(hostAndNext, fc.infiniteStream(fc.nat(1_000_000)), ({ before, after }, choice) => {
        let rules = rulesOf(before)
        const present = sourcesOf(before)
        const all = [...new Set([...present, ...sourcesOf(after)])]
        for (const step of changesBetween(rules, wantedRules(after, numbers))) {
          const rule = step.kind === 'rule' ? step.rule : (undefined as never)
          rules = step.op === 'add' ? added(rules, rule) : deleted(rules, rule)
          for (let i = 0; i < 12 && all.length > 0; i++) {
            const source = all[(choice.next().value as number) % all.length] as string
            const [was, is] = [owner(before, source), owner(after, source)]
            const seen = way(rules, source)
            if (was && is && was.table === is.table) {
              expect(seen, source).toEqual({ mainFirst: true, table: is.table })
            } else {
              expect([undefined, was?.table, is?.table]).toContain(seen.table)
            }
          }
        }
        expect(changesBetween(rules, wantedRules(after, numbers))).toEqual([])
      }),
      { numRuns },
    )
  })

  test('one address more or less changes few rules, however many there are', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(host.filter(isLarge), fc.nat(), fc.nat(255), ({ family, holdings }, pick, near) => {
        const all = holdings.flatMap(({ sources }) => sources.map(({ address }) => address))
        const gone = all[pick % all.length] as string
        const less = holdings.map((h) => ({ ...h, sources: h.sources.filter(({ address }) => address !== gone) }))
        const extra = hostPrefix(draw[family](near, pick & 255))
        const more = holdings.map((h, i) => (i === 1 ? { ...h, sources: [...h.sources, extra] } : h))
        for (const next of [less, owner(holdings, extra.address) ? holdings : more]) {
          const changes = changesBetween(rulesOf(holdings), wantedRules(next, numbers))
          expect(changes.length).toBeLessThanOrEqual(80)
        }
      }),
      { numRuns: 4 * numRuns },
    )
  })

  const isLarge = ({ holdings }: Host) =>
    holdings.reduce((sum, { sources }) => sum + sources.length, 0) > plainSources + 1
})

describe('what a packet pays', () => {
  const scattered = (family: Family, count: number, enis: number) => {
    const addresses = new Set<string>()
    for (let i = 0; addresses.size < count; i++) {
      const [a, b] = [(i * 73) & 255, (i * 151 + (i >> 8) * 37) & 255]
      addresses.add(draw[family](a, b))
    }
    return holdingsOf(family, [...addresses], (i) => i % enis, enis)
  }

  test.each([
    { family: 4, count: 3000 },
    { family: 6, count: 3000 },
  ] as const)(
    'IPv$family: few of the rules of $count addresses, whether the source is ours or not',
    ({ family, count }) => {
      const holdings = scattered(family, count, 15)
      const rules = rulesOf(holdings)
      const own = holdings.flatMap(({ sources }) => sources.map(({ address }) => address))
      const steps = (sources: string[]) => sources.map((source) => walk(rules, { source }).steps)
      const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
      expect(mean(steps(own.filter((_, i) => i % 10 === 0)))).toBeLessThan(80)
      expect(
        mean(steps(own.filter((_, i) => i % 10 === 0).map((address) => flipped(address, family === 4 ? 31 : 127)))),
      ).toBeLessThan(80)
      expect(mean(steps([family === 4 ? '10.1.2.3' : 'fd00::1']))).toBeLessThan(40)
      expect(rules.length).toBeLessThan(1.4 * count)
    },
  )
})
