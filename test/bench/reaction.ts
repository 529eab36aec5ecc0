import { setTimeout as sleep } from 'node:timers/promises'
import { daemon, floor, furnish, nodeFloor, type Reactor, shellOnAddresses, shellOnRules } from './reactors.ts'
import type { Row } from './row.ts'
import { type Spread, spread } from './spread.ts'
import { type Furniture, runProgram, type Stage, withStages } from './stage.ts'
import type { ReactionTask } from './stopwatch-process.ts'
import { inTurn } from './turns.ts'

export interface ReactionEffort {
  readonly rounds: number
  /** A parcel of tries is made of each reactor in a round. */
  readonly parcel: number
}

/** Of eth1's subnet in a stage. */
const awaited = { address: '172.16.16.77', prefixLength: 20 }

export const reactionOf = async (
  stage: Stage,
  tries: number,
  more: Partial<ReactionTask> = {},
): Promise<(number | null)[]> => {
  const linkIndex = await stage.linkIndex('eth1')
  const task: ReactionTask = { kind: 'address', ...awaited, linkIndex, tries, pauseMs: 25, ...more }
  return runProgram(stage.namespace, 'stopwatch-process', task)
}

/** Each with a stage of its own, all there at the same time; ms of each try. */
async function race(
  effort: ReactionEffort,
  contenders: readonly { readonly reactor: Reactor; readonly addresses: number; readonly parcel?: number }[],
  more: Partial<ReactionTask> = {},
): Promise<Spread[]> {
  const furniture = contenders.map(({ addresses }): Furniture => ({ enis: 2, addresses }))
  return withStages(furniture, async (stages) => {
    for (const [i, { reactor }] of contenders.entries()) {
      await furnish(stages[i]!.namespace)
      await reactor(stages[i]!.namespace)
    }
    await sleep(3_000)
    const works = contenders.map(
      ({ parcel = effort.parcel }, i) =>
        () =>
          reactionOf(stages[i]!, parcel, more),
    )
    return (await inTurn(effort.rounds, works)).map(spread)
  })
}

/** Address appears → its rule is there; a deleted rule → back again. */
export async function reactions(effort: ReactionEffort): Promise<Row[]> {
  const few = Math.ceil(effort.parcel / 5)
  const [two, floorOfTwo, nodeOfTwo, shell, many, floorOfMany] = (await race(effort, [
    { reactor: daemon, addresses: 2 },
    { reactor: floor, addresses: 2 },
    { reactor: nodeFloor, addresses: 2 },
    { reactor: shellOnAddresses, addresses: 2, parcel: few },
    { reactor: daemon, addresses: 3_000, parcel: 2 * few },
    { reactor: floor, addresses: 3_000, parcel: 2 * few },
  ])) as [Spread, Spread, Spread, Spread, Spread, Spread]
  // Slower than the leak of a fight's bucket (src/contention.ts), so that this counts as none.
  const healed = { kind: 'rule', address: '172.16.16.5', pauseMs: 200 } as const
  const [back, floorBack, shellBack] = (await race(
    { ...effort, parcel: few },
    [
      { reactor: daemon, addresses: 2 },
      { reactor: floor, addresses: 2 },
      { reactor: shellOnRules, addresses: 2 },
    ],
    healed,
  )) as [Spread, Spread, Spread]
  const row = { item: 'reaction', unit: 'ms' } as const
  return [
    {
      ...{ ...row, what: 'address → rule, 2 addresses', ours: two, goal: { ratio: 1.5, ratio99: 3 } },
      yardsticks: [
        { name: 'C floor', spread: floorOfTwo },
        { name: 'the same in Node', spread: nodeOfTwo },
        { name: 'ip monitor, ip -batch in a shell', spread: shell },
      ],
    },
    {
      ...{ ...row, what: 'address → rule, 3,000 addresses', ours: many, goal: { ratio: 3 } },
      yardsticks: [
        { name: 'ours, 2 addresses', spread: two },
        { name: 'C floor, 3,000 addresses', spread: floorOfMany },
      ],
    },
    {
      ...{ ...row, what: 'a deleted rule → back', ours: back },
      yardsticks: [
        { name: 'C floor', spread: floorBack },
        { name: 'ip monitor, ip -batch in a shell', spread: shellBack },
      ],
    },
  ]
}
