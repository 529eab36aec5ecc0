import { expect } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import type { AttachOptions, Vpc } from '../../src/lab/vpc.ts'
import { familyOf } from '../../src/state/ip.ts'
import { type GoldenEni, golden } from './golden.ts'
import type { Judge } from './judge.ts'

/** An ENI of a test, with its addresses. */
export type Attached = AttachOptions & { readonly addresses: readonly string[] }

/** The ENIs of the experiment, and one of the other subnet. */
export const eth0: Attached = { name: 'eth0', subnet: 'a', addresses: ['172.31.15.216/20', 'fd00:ec2:0:a::216/64'] }
export const eth1: Attached = { name: 'eth1', subnet: 'a', addresses: ['172.31.0.218/20', 'fd00:ec2:0:a::218/64'] }
export const eth2: Attached = { name: 'eth2', subnet: 'b', addresses: ['172.31.16.217/20', 'fd00:ec2:0:b::217/64'] }

/** ms; an answer takes one or two. */
const timeoutMs = 1000

/** Who gets no answer: every address is asked from its subnet, another one and beyond the router, by TCP, IPv4 also by ping. */
export async function silent(vpc: Vpc, enis: readonly Attached[]): Promise<string[]> {
  const places = Object.entries({ 'subnet a': vpc.client('a'), 'subnet b': vpc.client('b'), outside: vpc.outside })
  const probes = enis
    .flatMap(({ addresses }) => addresses.map(bare))
    .flatMap((address) => places.map(([place, host]) => ({ address, place, host })))
    .flatMap(({ address, place, host }) => [
      { what: `${address} by TCP from ${place}`, answer: host.tcp(address, { timeoutMs }) },
      // ICMPv6 echo replies leave by the arrival interface and prove nothing.
      ...(familyOf(address) === 4
        ? [{ what: `${address} by ping from ${place}`, answer: host.ping(address, { timeoutMs }) }]
        : []),
    ])
  const answers = await Promise.all(probes.map(async ({ what, answer }) => ({ what, ...(await answer) })))
  return answers.flatMap((answer) => (answer.ok ? [] : [`${answer.what}: ${answer.error}`]))
}

/** Packets that the VPC has dropped so far. */
export const droppedPackets = async (vpc: Vpc): Promise<number> =>
  (await vpc.dropped()).reduce((sum, { packets }) => sum + packets, 0)

/** The ENI in the golden listing, under the router of its subnet. */
export function goldenOf(vpc: Vpc, eni: Attached, table: number): GoldenEni {
  const { router } = vpc.subnet(eni.subnet)
  return {
    ...{ name: eni.name, table, addresses: eni.addresses },
    ...{ gateway4: bare(router.ipv4), gateway6: router.linkLocal },
  }
}

/** Waits until exactly this is there of ours, or 5 s; then says what differs. */
export async function becomes(judge: Judge, enis: readonly GoldenEni[]): Promise<void> {
  await judge.watch({ ours: golden(enis), gone: [] })
  const { missing, surplus } = await judge.verdict({ patienceMs: 5000, quietMs: 20 })
  expect({ missing, surplus }).toEqual({ missing: [], surplus: [] })
}

/** Everything that ip(8) shows of rules, routes and link groups, byte for byte. */
export async function everything({ instance }: Vpc): Promise<string> {
  const commands = ['rule', '-6 rule', 'route show table all', '-6 route show table all']
  const lists = await Promise.all(commands.map((command) => instance.ip(command)))
  const groups = (await instance.ip('-o link show')).replaceAll(/state \S+ /g, '')
  return [...lists, groups].join('\n')
}
