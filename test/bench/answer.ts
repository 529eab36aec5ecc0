import { setTimeout as sleep } from 'node:timers/promises'
import { bare } from '../../src/lab/addressing.ts'
import { Vpc } from '../../src/lab/vpc.ts'
import type { AnswerTask } from './answer-process.ts'
import { daemon, floor, furnish, type Reactor, ruleBeforehand, shellOnAddresses } from './reactors.ts'
import type { Row } from './row.ts'
import { type Spread, spread } from './spread.ts'
import { runProgram } from './stage.ts'
import { inTurn } from './turns.ts'

/** A further address of eth1, in the subnet of both ENIs: until its rule is there, replies leave by eth0 and are dropped. */
const awaited = '172.31.0.219'

/** Address appears → the first packet that is answered, in a VPC that drops what leaves by the wrong ENI. */
export async function answers({ rounds, parcel }: { rounds: number; parcel: number }): Promise<Row[]> {
  const contenders = [
    { reactor: daemon, tries: parcel, ruled: true },
    { reactor: floor, tries: parcel, ruled: true },
    { reactor: shellOnAddresses, tries: Math.ceil(parcel / 5), ruled: true },
    { reactor: ruleBeforehand(awaited), tries: parcel, ruled: false },
  ]
  const vpcs: Vpc[] = []
  try {
    for (const { reactor } of contenders) vpcs.push(await prepared(reactor))
    await sleep(2_000)
    const works = vpcs.map((vpc, i) => () => measure(vpc, contenders[i]!))
    const [ours, inC, shell, before] = (await inTurn(rounds, works)).map(spread) as [Spread, Spread, Spread, Spread]
    return [
      {
        ...{ item: 'answer', what: 'address → first answered packet, 2 ENIs', unit: 'ms', ours },
        yardsticks: [
          { name: 'C floor', spread: inC },
          { name: 'ip monitor, ip -batch in a shell', spread: shell },
          { name: 'rule there beforehand', spread: before },
        ],
        goal: { ratio: 1.5, ratio99: 3 },
      },
    ]
  } finally {
    for (const vpc of vpcs) await vpc.destroy()
  }
}

async function prepared(reactor: Reactor): Promise<Vpc> {
  const vpc = await Vpc.create({ ipv6: 'none' })
  await vpc.attach({ name: 'eth0', subnet: 'a', addresses: ['172.31.15.216/20'] })
  await vpc.attach({ name: 'eth1', subnet: 'a', addresses: ['172.31.0.218/20'] })
  await vpc.assign('eth1', `${awaited}/20`)
  await vpc.instance.batch(routerOfEth0(vpc))
  await furnish(vpc.instance)
  await reactor(vpc.instance)
  return vpc
}

/**
 * Replies that leave by eth0 ask for its router with a source that the VPC drops. Those that wait for its answer fill the
 * buffer of the kernel's one ICMP socket, which then sends nothing by eth1 either, for a second or two.
 */
const routerOfEth0 = (vpc: Vpc): string[] => {
  const { router } = vpc.subnet('a')
  return [`neighbour replace ${bare(router.ipv4)} lladdr ${router.mac} dev eth0 nud permanent`]
}

type Tries = Pick<AnswerTask, 'tries' | 'ruled'>

async function measure(vpc: Vpc, { tries, ruled }: Tries): Promise<(number | null)[]> {
  const linkIndex = Number((await vpc.instance.ip('-o link show eth1')).split(':')[0])
  const task: AnswerTask = {
    ...{ instance: vpc.instance.name, address: awaited, prefixLength: 20, linkIndex },
    ...{ tries, ruled, pauseMs: 25 },
  }
  return runProgram(vpc.outside, 'answer-process', task)
}
