import type { Packet } from '../../../src/policy/fib/packet.ts'
import type { Family } from '../../../src/state/ip.ts'
import type { Random } from '../random.ts'
import { addresses, destinations } from './words.ts'

/** A random packet of this host. */
export function randomPacket(random: Random, linkIndexes: readonly number[]): Packet {
  const family: Family = random.pick([4, 6])
  const withPorts = random.below(2) === 0
  return {
    family,
    source: random.pick(addresses[family]),
    destination: random.pick(destinations[family]),
    ...(random.below(4) === 0 ? { oif: random.pick(linkIndexes) } : {}),
    mark: random.pick([0, 0, 1, 0x10, 0x11, 0x300, 0x1234]),
    tos: random.pick([0, 0, 0, 0x10, 0x08]),
    uid: random.pick([0, 0, 1000, 5000]),
    ipProtocol: random.pick([6, 17, 17, family === 4 ? 1 : 58]),
    sourcePort: withPorts ? random.pick([53, 443, 50_000]) : 0,
    destinationPort: withPorts ? random.pick([53, 443, 1024, 8080]) : 0,
  }
}
