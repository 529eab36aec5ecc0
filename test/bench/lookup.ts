import { native } from './native.ts'
import { furnish } from './reactors.ts'
import type { Row } from './row.ts'
import { type Spread, spread } from './spread.ts'
import { type Furniture, first, first6, type Stage, scattered, scattered6, withStages } from './stage.ts'

export interface LookupEffort {
  /** Numbers of addresses on 15 ENIs. */
  readonly counts: readonly number[]
  readonly rounds: number
  readonly perRound: number
}

const families = [
  // An address that no rule of ours names, on the loopback device; and a destination that all default routes lead to.
  { name: 'IPv4', foreign: '192.0.2.1', destination: '198.51.100.7', first: first(0), place: scattered },
  { name: 'IPv6', foreign: '2001:db8:1::1', destination: '2001:db8:2::7', first: first6(0), place: scattered6 },
] as const
const enis = 15
const two: Furniture = { enis: 2, addresses: 2, ipv6: true }

/**
 * What a packet pays for the number of addresses: lookups beside those on a host with two, and on one that has the same
 * addresses and no rules of ours.
 */
export function lookups({ counts, rounds, perRound }: LookupEffort): Promise<Row[]> {
  const furnitures = [two, ...counts.map((addresses): Furniture => ({ enis, addresses, ipv6: true }))]
  return withStages([...furnitures, ...furnitures], async (stages) => {
    for (const { namespace } of stages) {
      await namespace.batch(['addr add 192.0.2.1/32 dev lo', 'addr add 2001:db8:1::1/128 dev lo nodad'])
    }
    const [ruled, bare] = [stages.slice(0, furnitures.length), stages.slice(furnitures.length)]
    for (const { namespace } of ruled) await furnish(namespace)
    const asked = stages.flatMap((stage, i) => questions(stage, furnitures[i % furnitures.length]!.addresses))
    const took = await measure(asked, rounds, perRound)
    const spreadOf = (stage: Stage, like: Question, kind: Kind): Spread =>
      took[asked.findIndex((one) => one.stage === stage && one.what === like.what)]![kind]
    return asked
      .filter(({ stage }) => ruled.slice(1).includes(stage))
      .flatMap((question) =>
        kinds.map((kind): Row => {
          const { stage, what, count, addresses } = question
          return {
            ...{ item: 'lookup', what: `${kind}, ${what}, ${count} on ${enis} ENIs`, unit: 'µs' },
            ours: spreadOf(stage, question, kind),
            yardsticks: [
              { name: 'with 2 addresses', spread: spreadOf(ruled[0]!, question, kind) },
              { name: 'the same without our rules', spread: spreadOf(bare[ruled.indexOf(stage)]!, question, kind) },
            ],
            ...(addresses >= 3_000 ? { goal: { ratio: 2 } } : {}),
          }
        }),
      )
  })
}

interface Question {
  readonly stage: Stage
  readonly what: string
  readonly addresses: number
  readonly count: string
  readonly source: string
  readonly destination: string
}

/**
 * From one of the last addresses and from one that is not ours, in both families. It is an address of eth0, by which main
 * leads too: what an answer of IPv6 costs depends on the link that it names (docs/decisions/ipv6-source-walk.md).
 */
function questions(stage: Stage, addresses: number): Question[] {
  return families.flatMap(({ name, foreign, destination, first, place }) => {
    const further = addresses - stage.enis
    const own = further > 0 ? place(further - 1 - ((further - 1) % stage.enis)) : first
    const common = {
      stage,
      addresses,
      destination,
      count: `${addresses.toLocaleString('en')} ${addresses === 1 ? 'address' : 'addresses'}`,
    }
    return [
      { ...common, what: `${name}, matching source`, source: own },
      { ...common, what: `${name}, foreign source`, source: foreign },
    ]
  })
}

const kinds = ['RTM_GETROUTE', 'RTM_GETROUTE fibmatch', 'sendto'] as const
type Kind = (typeof kinds)[number]

async function measure(
  questions: readonly Question[],
  rounds: number,
  perRound: number,
): Promise<Record<Kind, Spread>[]> {
  const input = questions.map(({ stage, source, destination }) => `${stage.namespace.name} ${source} ${destination}\n`)
  // In any namespace: it goes to each.
  const text = await questions[0]!.stage.namespace.exec(
    native('lookup'),
    [String(rounds), String(perRound)],
    input.join(''),
  )
  return text
    .trim()
    .split('\n')
    .map((line) => line.split('|').map((words) => spread(words.trim().split(' ').map(Number))))
    .map((spreads) => Object.fromEntries(kinds.map((kind, i) => [kind, spreads[i]!])) as Record<Kind, Spread>)
}
