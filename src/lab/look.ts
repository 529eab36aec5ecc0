import { familyOf } from '../state/ip.ts'
import { bare } from './addressing.ts'
import type { Host } from './host.ts'
import type { AttachOptions, Dropped, Vpc } from './vpc.ts'

/** Where probes come from, as the ENI's subnet sees it. */
export const places = ['from the same subnet', 'from another subnet', 'from beyond the router'] as const
export type Place = (typeof places)[number]

/** One probe of one address: IPv4 by ping, IPv6 by TCP, since ICMPv6 echo replies leave by the arrival interface. */
export interface Answer {
  readonly eni: string
  readonly address: string
  readonly place: Place
  readonly ok: boolean
  readonly rttMs?: number
}

export interface Observation {
  readonly answers: readonly Answer[]
  /** What the VPC's source check dropped meanwhile. */
  readonly dropped: readonly Dropped[]
}

/** ms after which an address counts as silent; an answer takes less than one. */
const patience = 500

/** Probes every address of the ENIs from everywhere, all at once. */
export async function look(vpc: Vpc, enis: readonly AttachOptions[]): Promise<Observation> {
  const before = await vpc.dropped()
  const answers = await Promise.all(enis.flatMap((eni) => probes(vpc, eni)))
  return { answers, dropped: newIn(await vpc.dropped(), before) }
}

function probes(vpc: Vpc, { name, subnet, addresses = [] }: AttachOptions): Promise<Answer>[] {
  const hosts = [vpc.client(subnet), vpc.client(subnet === 'a' ? 'b' : 'a'), vpc.outside]
  return places.flatMap((place, index) =>
    addresses
      .map(bare)
      .map(async (address) => ({ eni: name, address, place, ...(await probe(hosts[index]!, address)) })),
  )
}

const probe = (host: Host, address: string) =>
  familyOf(address) === 4 ? host.ping(address, { timeoutMs: patience }) : host.tcp(address, { timeoutMs: patience })

function newIn(after: readonly Dropped[], before: readonly Dropped[]): Dropped[] {
  const packetsBefore = ({ eni, reason, source }: Dropped) =>
    before.find((one) => one.eni === eni && one.reason === reason && one.source === source)?.packets ?? 0
  return after
    .map((one) => ({ ...one, packets: one.packets - packetsBefore(one) }))
    .filter(({ packets }) => packets > 0)
}
