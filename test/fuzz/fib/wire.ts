import { errnoName } from '../../../src/netlink/errors.ts'
import type { Packet } from '../../../src/policy/fib/packet.ts'
import { type Fib, fibOf } from '../../../src/policy/fib/picture.ts'
import { type Fate, type Way, wayOut } from '../../../src/policy/fib/way.ts'
import type { Nexthop } from '../../../src/state/route.ts'
import type { Random } from '../random.ts'
import { Bench } from './bench.ts'
import type { Disagreement } from './kernel.ts'
import { randomPacket } from './questions.ts'
import { type Frame, send, Tap } from './socket.ts'
import { macOf } from './words.ts'

const packetsEach = 25
const lookAgain = 3
const IPPROTO_UDP = 17
const loopback = 1

export type WireDisagreement = Omit<Disagreement, 'kernel'> & { readonly seen: string }

/** Sends packets over random configurations until `done`, and sees by which link, and to which neighbour, they leave. */
export function fuzzWire(
  random: Random,
  done: (rounds: number) => boolean,
): { rounds: number; sent: number; left: number; first?: WireDisagreement } {
  const bench = new Bench()
  const tap = new Tap()
  let [rounds, sent, left] = [0, 0, 0]
  try {
    for (; !done(rounds); rounds++) {
      bench.shuffle(random)
      const picture = bench.inquiry.picture()
      // A link that is down has no IPv6 addresses.
      const addresses = new Set(picture.addresses.map(({ address }) => address))
      let fib = fibOf(picture)
      const indexes = fib.picture.links.filter(({ name }) => name.startsWith('f')).map(({ index }) => index)
      for (let i = 0; i < packetsEach; i++) {
        const packet = {
          ...randomPacket(random, indexes),
          ipProtocol: IPPROTO_UDP,
          sourcePort: random.pick([53, 443, 50_000]),
          destinationPort: random.pick([53, 443, 8080]),
        }
        for (let tries = 0; ; tries++) {
          const model = wayOut(fib, packet)
          if (!isVisible(model, fib) || !addresses.has(packet.source)) break
          const seen = observe(tap, fib, packet, Buffer.from(`eni-routed ${sent++}.`))
          if (fits(model, seen)) {
            left += Array.isArray(seen) ? seen.length : 0
            break
          }
          if (tries === lookAgain) {
            return {
              rounds,
              sent,
              left,
              first: { packet, model, picture: fib.picture, commands: bench.commands, seen: seenText(seen) },
            }
          }
          // What was read may be of before the kernel noticed a lost carrier.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
          fib = fibOf(bench.inquiry.picture())
        }
      }
    }
    return { rounds, sent, left }
  } finally {
    tap.close()
    bench.close()
  }
}

/** What became of a packet: the frames that left, or the error of the send. */
function observe(tap: Tap, fib: Fib, packet: Packet, payload: Buffer): Frame[] | string {
  tap.take(payload)
  const errno = send(packet, payload, packet.oif === undefined ? undefined : fib.links.get(packet.oif)?.name)
  return errno === 0 ? tap.take(payload) : errnoName(errno)
}

const seenText = (seen: Frame[] | string): string =>
  typeof seen === 'string' ? seen : JSON.stringify(seen.map(({ linkIndex, mac }) => ({ linkIndex, mac })))

/** A link without carrier drops what it should send, and a dead neighbour is asked for first: neither shows a frame. */
export function isVisible({ fates }: Pick<Way, 'fates'>, { picture, links }: Fib): boolean {
  const carrier = picture.links.find(({ name }) => name === 'p2')?.up
  const hops = fates.flatMap((fate) => hopsOf(fate))
  return hops.every(({ oif, gateway }) => (carrier || links.get(oif ?? 0)?.name !== 'f2') && !gateway?.endsWith('dead'))
}

export function hopsOf(fate: Fate): Nexthop[] {
  if (fate.kind === 'leaves') return fate.choices.map(({ hop }) => hop)
  return fate.kind === 'on-link' ? [fate.hop] : []
}

/** An error of the send says which only roughly: UDP of IPv6 has its own. */
const fits = ({ fates }: Way, seen: Frame[] | string): boolean =>
  fates.some((fate) => {
    if (fate.kind === 'refused') return typeof seen === 'string'
    if (typeof seen === 'string') return false
    if (fate.kind === 'local') return seen.length > 0 && seen.every(({ linkIndex }) => linkIndex === loopback)
    return seen.length === 1 && hopsOf(fate).some((hop) => isHop(hop, seen[0] as Frame))
  })

export const isHop = ({ oif, gateway }: Nexthop, { linkIndex, mac }: Pick<Frame, 'linkIndex' | 'mac'>): boolean =>
  oif === linkIndex && (gateway === undefined ? mac.startsWith('02:01:') : mac === macOf(gateway))
