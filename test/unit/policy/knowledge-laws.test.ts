import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Desired } from '../../../src/policy/desired.ts'
import { priorities } from '../../../src/policy/settings.ts'
import { contains, parsePrefix, prefixKey } from '../../../src/state/prefix.ts'
import type { Snapshot } from '../../../src/state/snapshot.ts'
import { knowing, type Told } from '../../support/knowledge.ts'
import { desiredOf, snapshot } from '../../support/snapshot.ts'
import { usedWorld, type World } from '../../support/snapshot-arbitraries.ts'

const numRuns = Number(process.env.LAW_RUNS ?? 150)

const ipv4 = fc
  .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 255 }))
  .map(([c, d]) => `${c < 2 ? '172.31' : '10.0'}.${c}.${d}`)
const some = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 })

/** Documents that may be partial, contradict each other and the kernel, and claim what is others'. */
const told: fc.Arbitrary<Omit<Told, 'index'>> = fc.record(
  {
    id: fc.constantFrom('eni-0a', 'eni-0b'),
    device: fc.integer({ min: 0, max: 130 }),
    card: fc.integer({ min: 0, max: 89 }),
    subnets: some(fc.tuple(ipv4, fc.integer({ min: 8, max: 32 })).map(([address, length]) => `${address}/${length}`)),
    delegated: some(ipv4.map((address) => `${address}/28`)),
    ipv4: some(ipv4),
    ipv4Before: some(ipv4),
  },
  { requiredKeys: [] },
)

/** By source address, the ENI whose table its rule asks. */
function waysOf({ rules, tables }: Desired, { circumstances: { settings } }: World): Map<string, number | undefined> {
  const byTable = new Map([...tables].map(([index, { table }]) => [table, index]))
  const { source } = priorities(settings.numbers)
  const sourceRules = rules.filter(({ rule }) => rule.priority === source && rule.source)
  return new Map(sourceRules.map(({ rule }) => [prefixKey(rule.source!), byTable.get(rule.table)]))
}

const addressesOf = (seen: Snapshot) => new Set(seen.addresses.map(({ address }) => address))

test('whatever the metadata tells of ENIs, every address of the kernel leaves by its own', {
  timeout: 20_000 + 20 * numRuns,
}, () => {
  fc.assert(
    fc.property(usedWorld, fc.array(told, { minLength: 1, maxLength: 6 }), fc.boolean(), (world, documents, imds) => {
      const { circumstances, text } = world
      const seen = snapshot(text)
      const without = desiredOf(seen, circumstances)
      const enis = without.enis.map(({ eni }) => eni.link)
      const knowledge = knowing(
        enis.map(({ index }, i) => ({ index, ...documents[i % documents.length] })),
        {
          adopted: new Set(enis.filter((_, i) => i % 2 === 0).map(({ mac }) => mac)),
          due: new Set(enis.filter((_, i) => i % 4 === 0).map(({ mac }) => mac)),
        },
      )
      const settings = {
        ...circumstances.settings,
        knowledge,
        addressing: imds ? ('imds' as const) : ('observe' as const),
      }
      const tables = [...Array.from({ length: 9_100 }, (_, i) => settings.numbers.tableBase + i)]
      const known = desiredOf({ ...seen, tables }, { ...circumstances, settings })
      const ways = waysOf(known, world)
      for (const [source, link] of waysOf(without, world)) {
        expect([source, ways.get(source)]).toEqual([source, link])
      }
      for (const [source, link] of [...ways].filter(([key]) => key.endsWith('/28'))) {
        const prefix = parsePrefix(source)!
        for (const { eni, routing } of known.enis.filter((plan) => plan.eni.link.index !== link)) {
          const theirs = routing.flatMap(({ addresses }) => addresses)
          expect([eni.link.name, ...theirs.filter((address) => contains(prefix, address))]).toEqual([eni.link.name])
        }
      }
      expect([...known.groups.keys()]).toEqual([...without.groups.keys()])
      for (const { address } of known.addressing.remove) {
        expect(addressesOf(seen)).toContain(address)
      }
    }),
    { numRuns },
  )
})
