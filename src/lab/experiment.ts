import { bare } from './addressing.ts'
import { monotonicMs } from './agent.ts'
import { type Answer, look, type Observation } from './look.ts'
import { awaitNoTrace, tableOf } from './trace.ts'
import type { AttachOptions, Vpc } from './vpc.ts'

/** What a step showed; `faults` says what did not turn out as told. */
export interface Findings extends Observation {
  readonly faults: readonly string[]
  readonly firstAnswers?: readonly FirstAnswer[]
}

/** ms from adding an ENI's addresses to the first answer from this one, over TCP from beyond the router. */
export interface FirstAnswer {
  readonly address: string
  readonly afterMs: number | undefined
}

export interface Stage {
  readonly vpc: Vpc
  /** Starts eni-routed in the instance; resolves when it has verified its first pass. */
  startDaemon(): Promise<void>
}

export interface Step {
  readonly title: string
  /** What is being waited for. */
  readonly progress: string
  /** What the step is to show. */
  readonly claim: string
  run(stage: Stage): Promise<Findings>
}

interface LabEni extends AttachOptions {
  readonly addresses: readonly string[]
}

const eth0: LabEni = { name: 'eth0', subnet: 'a', addresses: ['172.31.15.216/20', 'fd00:ec2:0:a::216/64'] }
const eth1: LabEni = { name: 'eth1', subnet: 'a', addresses: ['172.31.0.218/20', 'fd00:ec2:0:a::218/64'] }
const eth2: LabEni = { name: 'eth2', subnet: 'b', addresses: ['172.31.16.217/20', 'fd00:ec2:0:b::217/64'] }

/** The experiment that eni-routed has to win. */
export const experiment: readonly Step[] = [
  {
    title: 'One ENI: eth0 with 172.31.15.216',
    progress: 'probing',
    claim: 'its addresses answer',
    run: oneEni,
  },
  {
    title: 'A second ENI of the same subnet 172.31.0.0/20: eth1 with 172.31.0.218',
    progress: 'probing; what gets no answer takes its time',
    claim: 'its addresses are silent: the replies leave by eth0, and the VPC drops them there',
    run: secondEni,
  },
  {
    title: 'eni-routed starts',
    progress: 'waiting for its first verified pass, then probing',
    claim: 'both ENIs answer, and nothing is dropped any more',
    run: daemonStarts,
  },
  {
    title: 'While it runs, an ENI of the other subnet 172.31.16.0/20 is attached: eth2 with 172.31.16.217',
    progress: 'waiting for its first answers, then probing',
    claim: 'it answers by itself',
    run: eniAttached,
  },
  {
    title: 'eth2 is detached',
    progress: 'waiting until no rule and no route of it is left',
    claim: 'no rule, route or link group of it is left, and the others answer',
    run: eniDetached,
  },
]

async function oneEni({ vpc }: Stage): Promise<Findings> {
  await vpc.attach(eth0)
  const seen = await look(vpc, [eth0])
  return { ...seen, faults: mute(seen.answers) }
}

async function secondEni({ vpc }: Stage): Promise<Findings> {
  await vpc.attach(eth1)
  const seen = await look(vpc, [eth0, eth1])
  const ofSecond = seen.answers.filter(({ eni }) => eni === 'eth1')
  const spoke = ofSecond.filter(({ ok }) => ok).map(({ address, place }) => `${address} answers ${place} already`)
  const unseen = eth1.addresses
    .map(bare)
    .filter((address) => !seen.dropped.some(({ eni, source }) => eni === 'eth0' && source === address))
    .map((address) => `no reply of ${address} was dropped at eth0`)
  return { ...seen, faults: [...mute(seen.answers.filter(({ eni }) => eni === 'eth0')), ...spoke, ...unseen] }
}

async function daemonStarts({ vpc, startDaemon }: Stage): Promise<Findings> {
  await startDaemon()
  const seen = await look(vpc, [eth0, eth1])
  return { ...seen, faults: [...mute(seen.answers), ...lost(seen)] }
}

async function eniAttached({ vpc }: Stage): Promise<Findings> {
  await vpc.attach({ ...eth2, configure: false })
  const start = monotonicMs()
  const [, ...firstAnswers] = await Promise.all([
    vpc.configure('eth2'),
    ...eth2.addresses.map(bare).map(async (address): Promise<FirstAnswer> => {
      const at = await vpc.outside.firstAnswer(address)
      return { address, afterMs: at && at - start }
    }),
  ])
  const seen = await look(vpc, [eth0, eth1, eth2])
  return { ...seen, firstAnswers, faults: [...mute(seen.answers), ...lost(seen)] }
}

async function eniDetached({ vpc }: Stage): Promise<Findings> {
  const table = await tableOf(vpc.instance, bare(eth2.addresses[0]!))
  await vpc.detach('eth2')
  const left = await awaitNoTrace(vpc.instance, { name: 'eth2', table, addresses: eth2.addresses.map(bare) })
  const seen = await look(vpc, [eth0, eth1])
  return { ...seen, faults: [...left.map((line) => `left: ${line}`), ...mute(seen.answers), ...lost(seen)] }
}

const mute = (answers: readonly Answer[]): string[] =>
  answers.filter(({ ok }) => !ok).map(({ eni, address, place }) => `${eni} ${address} does not answer ${place}`)

const lost = ({ dropped }: Observation): string[] =>
  dropped.map(({ eni, source, packets }) => `${packets} packets from ${source} left by ${eni} and were dropped`)
