import { decodeAddress } from '../../src/netlink/address.ts'
import { eachMessage } from '../../src/netlink/framing.ts'
import { decodeLink } from '../../src/netlink/link.ts'
import { decodeMarkUse } from '../../src/netlink/mark-use.ts'
import { decodeChain, decodeElements, decodeNftRule, decodeSet } from '../../src/netlink/nft-ruleset.ts'
import { nftEvents } from '../../src/netlink/nftables.ts'
import { decodeRoute } from '../../src/netlink/route.ts'
import { encodeRoute } from '../../src/netlink/route-request.ts'
import { decodeRule } from '../../src/netlink/rule.ts'
import { encodeRule } from '../../src/netlink/rule-request.ts'
import { bitsOfTable } from '../../src/netlink/xt-table.ts'
import type { Random } from './random.ts'

const decoders: readonly ((bytes: Buffer) => unknown)[] = [
  ...[decodeLink, decodeAddress, decodeRoute, decodeRule, decodeMarkUse],
  ...[decodeChain, decodeNftRule, decodeSet, decodeElements],
  (bytes) => nftEvents(bytes, 'eni-routed'),
  (bytes) => bitsOfTable(bytes, 4),
  (bytes) => bitsOfTable(bytes, 6),
]

/** Real bodies to start from: what is nearly right goes deepest. */
const seeds: readonly Buffer[] = [
  encodeRule({ family: 4, priority: 1, action: 'lookup', table: 300, protocol: 4, iif: 'eth0', fwmark: 1, ipProto: 6 }),
  encodeRoute({
    family: 6,
    table: 300,
    type: 'unicast',
    destination: { address: 'fd00::', length: 8 },
    tos: 0,
    metric: 1024,
    protocol: 4,
    scope: 0,
    nexthops: [1, 2].map((oif) => ({ oif, gateway: 'fe80::1', onlink: false, weight: 1 })),
    metrics: { mtu: 1400 },
  }),
  legacyEntry(),
]

/** A rule of iptables-legacy with a match and a target: -m mark -j MARK. */
function legacyEntry(): Buffer {
  const [match, target, end] = [112, 112 + 48, 112 + 48 + 40]
  const bytes = Buffer.alloc(end)
  bytes.writeUInt16LE(target, 88)
  bytes.writeUInt16LE(end, 90)
  bytes.writeUInt16LE(target - match, match)
  bytes.write('mark', match + 2)
  bytes.writeUInt16LE(end - target, target)
  bytes.write('MARK', target + 2)
  return bytes
}

/** Feeds the decoders bytes until `deadline` (ms of performance.now()); returns how many inputs. Throws what they throw. */
export function fuzzBytes(random: Random, deadline: number): number {
  let inputs = 0
  while (performance.now() < deadline) {
    for (let i = 0; i < 1_000; i++, inputs++) {
      const bytes = random.below(3) === 0 ? noise(random) : damaged(random)
      try {
        for (const decode of decoders) decode(bytes)
        eachMessage(bytes, ({ payload }) => decoders.forEach((decode) => void decode(payload)))
      } catch (error) {
        throw new Error(`a decoder threw on ${bytes.toString('hex')}`, { cause: error })
      }
    }
  }
  return inputs
}

const noise = (random: Random): Buffer =>
  Buffer.from(Array.from({ length: random.below(200) }, () => random.below(256)))

function damaged(random: Random): Buffer {
  const bytes = Buffer.from(random.pick(seeds))
  for (let i = random.below(4) + 1; i > 0; i--) {
    bytes[random.below(bytes.length)] = random.below(256)
  }
  return bytes.subarray(0, bytes.length - random.below(8))
}
