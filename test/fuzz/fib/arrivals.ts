import { execFileSync } from 'node:child_process'
import { worldOf } from '../../../src/policy/explain/account.ts'
import { type Arrival, arrivalOf } from '../../../src/policy/explain/arrival.ts'
import { isDropped } from '../../../src/policy/explain/passage.ts'
import type { Packet } from '../../../src/policy/fib/packet.ts'
import type { Fate } from '../../../src/policy/fib/way.ts'
import { type Family, familyOf } from '../../../src/state/ip.ts'
import { settings } from '../../support/snapshot.ts'
import type { Random } from '../random.ts'
import { Bench } from './bench.ts'
import { frameOf, isAnswer, isSent, parseFrame } from './frames.ts'
import { Ear, type Frame, Tap } from './socket.ts'
import { hopsOf, isHop, isVisible, type WireDisagreement } from './wire.ts'
import { addresses, destinations, links } from './words.ts'

const packetsEach = 25
const lookAgain = 3
const loopback = 1
const tcpPort = 443

/** What became of a packet that came in. */
interface Seen {
  readonly delivered: boolean
  readonly forwarded: readonly Frame[]
  readonly answers: readonly Frame[]
}

/**
 * Lets packets come in over random configurations until `done`, and sees which of them this host takes, by which link
 * and to which neighbour others go on, and by which the kernel's own answers leave: echoes and TCP's handshake.
 */
export function fuzzArrivals(
  random: Random,
  done: (rounds: number) => boolean,
): { rounds: number; sent: number; delivered: number; forwarded: number; answered: number; first?: WireDisagreement } {
  const bench = new Bench()
  const tap = new Tap()
  const ear = new Ear(tcpPort)
  const count = { rounds: 0, sent: 0, delivered: 0, forwarded: 0, answered: 0 }
  const stage: Stage = { bench, tap, ear, random, token: random.below(0xffffffff) }
  execFileSync('sysctl', ['-qw', 'net.ipv4.tcp_synack_retries=0', 'net.ipv4.icmp_echo_ignore_broadcasts=0'])
  try {
    for (; !done(count.rounds); count.rounds++) {
      bench.shuffle(random)
      const marks = receiveAtRandom(random)
      const connections = new Set<string>()
      let view = viewOf(bench)
      for (let i = 0; i < packetsEach; i++) {
        const entrance = random.pick(links)
        const packet = arriving(random, view, entrance, marks.get(entrance) ?? 0)
        const key = `${packet.source} ${packet.sourcePort} ${packet.destination}`
        if (connections.has(key) || packet.source === packet.destination) continue
        connections.add(key)
        for (let tries = 0; ; tries++) {
          const arrival = expected(view, packet)
          if (
            !canCome(view, entrance) ||
            !isVisible(arrival.inward, view.world.fib) ||
            !isKnown(arrival.inward.fates, packet.destination)
          )
            break
          const seen = observe(stage, view, packet, entrance)
          count.sent++
          const fault = faultOf(arrival, packet, seen, view)
          if (fault === undefined) {
            count.delivered += seen.delivered ? 1 : 0
            count.forwarded += seen.forwarded.length
            count.answered += seen.answers.length
            break
          }
          if (tries === lookAgain) {
            if (process.env.DEBUG_CMD)
              console.log(execFileSync('sh', ['-c', process.env.DEBUG_CMD], { encoding: 'utf8' }))
            const { account, fates } =
              fault === 'answer' ? { account: arrival.answer, fates: answerFates(arrival) } : arrival.inward
            const model = { steps: account.way.steps, fates }
            const first = {
              packet: account.packet,
              model,
              picture: view.picture,
              commands: [...bench.commands, ...settingsNow()],
              seen: textOf(seen),
            }
            return { ...count, first }
          }
          // What was read may be of before the kernel noticed a lost carrier.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
          view = viewOf(bench)
        }
      }
    }
    return count
  } finally {
    ear.close()
    tap.close()
    bench.close()
  }
}

interface Stage {
  readonly bench: Bench
  readonly tap: Tap
  readonly ear: Ear
  readonly random: Random
  token: number
}

type View = ReturnType<typeof viewOf>

function viewOf({ inquiry }: Bench) {
  const picture = inquiry.picture()
  return { picture, world: worldOf(picture, settings()), inquiry }
}

const numberOf = ({ picture }: View, name: string): number =>
  picture.links.find((link) => link.name === name)?.index ?? 0

function expected(view: View, packet: Packet): Arrival {
  const entrance = view.world.fib.links.get(packet.iif ?? 0)
  if (!entrance) throw new Error('a packet that comes in has a link')
  return arrivalOf(view.world, packet, entrance, view.inquiry)
}

/** Both ends of the link are up. */
const canCome = ({ picture }: View, entrance: string): boolean =>
  [entrance, entrance.replace('f', 'p')].every((name) => picture.links.find((link) => link.name === name)?.up)

/** Sets what decides about packets that come in; returns the mark that each link gives. */
function receiveAtRandom(random: Random): ReadonlyMap<string, number> {
  const values: string[] = []
  for (const link of ['all', ...links]) {
    values.push(`net.ipv4.conf.${link}.rp_filter=${random.pick(link === 'all' ? [0, 0, 0, 0, 0, 2, 1] : [0, 0, 1, 2])}`)
    values.push(`net.ipv4.conf.${link}.src_valid_mark=${random.pick([0, 0, 1])}`)
    values.push(`net.ipv4.conf.${link}.accept_local=${random.pick([0, 0, 0, 1])}`)
    values.push(`net.ipv4.conf.${link}.send_redirects=${random.pick([0, 1])}`)
    values.push(`net.ipv4.conf.${link}.route_localnet=${random.pick([0, 0, 0, 1])}`)
  }
  // After that of "all", which sets every link's.
  values.push('net.ipv4.conf.all.forwarding=1')
  for (const link of links) values.push(`net.ipv4.conf.${link}.forwarding=${random.pick([1, 1, 1, 0])}`)
  execFileSync('sysctl', ['-qw', ...values])
  if (random.below(4) === 0) execFileSync('ip', ['-4', 'address', 'flush', 'dev', random.pick(links)])
  const marks = new Map(links.map((link) => [link, random.pick([0, 0, 1, 0x10, 0x300])]))
  const rules = [...marks].map(([link, mark]) => `iifname ${link} meta mark set ${mark}`).join('; ')
  const table = 'table inet judge'
  execFileSync('nft', ['-f', '-'], {
    input: `${table} {}\ndelete ${table}\n${table} { chain c { type filter hook prerouting priority raw; ${rules}; }; }\n`,
  })
  return marks
}

const settingsNow = (): string[] =>
  execFileSync(
    'sysctl',
    [
      '-a',
      '--pattern',
      'net.ipv4.conf.(all|f.).(rp_filter|src_valid_mark|accept_local|send_redirects|route_localnet|forwarding)$',
    ],
    { encoding: 'utf8' },
  )
    .trim()
    .split('\n')
    .map((line) => `   sysctl ${line}`)

const strange: Readonly<Record<Family, readonly string[]>> = {
  4: ['10.0.0.255', '10.1.0.255', '255.255.255.255', '127.0.0.1', '127.9.9.9', '0.0.0.0', '0.1.2.3', '240.0.0.1'],
  6: ['::1', 'fd00::', 'fe80::99'],
}

function arriving(random: Random, view: View, entrance: string, mark: number): Packet {
  const family: Family = random.pick([4, 4, 6])
  const end = (usual: readonly string[]) => (random.below(12) === 0 ? random.pick(strange[family]) : random.pick(usual))
  const ipProtocol = random.pick([6, 17, family === 4 ? 1 : 58])
  const withPorts = ipProtocol === 6 || ipProtocol === 17
  return {
    family,
    source:
      random.below(30) === 0
        ? family === 4
          ? '224.0.0.9'
          : 'ff02::9'
        : end([...destinations[family], ...destinations[family], ...addresses[family]]),
    destination: end([...addresses[family], ...addresses[family], ...destinations[family]]),
    iif: numberOf(view, entrance),
    mark,
    tos: random.pick([0, 0, 0, 0x10, 0x08]),
    uid: 0,
    ipProtocol,
    sourcePort: withPorts ? random.pick([53, 443, 50_000]) : 0,
    destinationPort: ipProtocol === 6 ? tcpPort : withPorts ? random.pick([53, 443, 8080]) : 0,
  }
}

function observe(stage: Stage, view: View, packet: Packet, entrance: string): Seen {
  const { tap, ear } = stage
  stage.token = (stage.token + 0x01010103) >>> 0
  const { token } = stage
  const macs = [entrance.replace('f', 'p'), entrance].map(
    (name) => view.picture.links.find((link) => link.name === name)?.mac ?? '',
  ) as [string, string]
  const outside = numberOf(view, entrance.replace('f', 'p'))
  tap.drain()
  ear.drain()
  tap.inject(outside, frameOf(packet, token, ...macs))
  const frames = tap.drain().flatMap((frame) => {
    const parsed = parseFrame(frame.bytes)
    return parsed && frame.linkIndex !== outside ? [{ frame, parsed }] : []
  })
  const delivered = ear.drain().some((one) => isSent(one, token) && one.ipProtocol === packet.ipProtocol)
  const between = (source: string, destination: string) =>
    frames.filter(({ parsed }) => parsed.source === source && parsed.destination === destination)
  const forwarded = between(packet.source, packet.destination).filter(({ parsed }) => isSent(parsed, token))
  const answers = frames.filter(({ parsed }) => parsed.destination === packet.source && isAnswer(parsed, token))
  if (packet.ipProtocol === 6 && delivered) {
    tap.inject(outside, frameOf(packet, token, ...macs, true))
  }
  return { delivered, forwarded: forwarded.map(({ frame }) => frame), answers: answers.map(({ frame }) => frame) }
}

/** Which of both is wrong, the packet's fate or its answer's. */
function faultOf(arrival: Arrival, packet: Packet, seen: Seen, view: View): 'packet' | 'answer' | undefined {
  const { inward } = arrival
  if (!inward.fates.some((fate) => becomes(fate, seen)) || (!isDropped(inward) && !inward.account.agrees)) {
    return 'packet'
  }
  const fates = answerFates(arrival)
  const kernelAnswers = packet.ipProtocol !== 17 && seen.delivered
  if (
    !kernelAnswers ||
    arrival.passage ||
    !isUnicast(inward.fates) ||
    !isVisible({ fates }, view.world.fib) ||
    !isKnown(fates, packet.source)
  ) {
    return undefined
  }
  return fates.some((fate) => leaves(fate, seen.answers)) && arrival.answer.agrees ? undefined : 'answer'
}

const answerFates = ({ answer, passage }: Arrival): readonly Fate[] => passage?.fates ?? answer.way.fates

/** Of a neighbour whose hardware address is not known, the kernel asks first. */
const isKnown = (fates: readonly Fate[], address: string): boolean =>
  fates
    .flatMap(hopsOf)
    .every(({ gateway }) => gateway !== undefined || destinations[familyOf(address)].includes(address))

/** Broadcasts and anycast are answered from another address. */
const isUnicast = (fates: readonly Fate[]): boolean =>
  fates.every((fate) => fate.kind !== 'local' || fate.route?.type === 'local')

const becomes = (fate: Fate, { delivered, forwarded }: Seen): boolean =>
  fate.kind === 'local'
    ? delivered && forwarded.length === 0
    : !delivered && (fate.kind === 'refused' ? forwarded.length === 0 : leaves(fate, forwarded))

const leaves = (fate: Fate, frames: readonly Frame[]): boolean => {
  if (fate.kind === 'refused') return frames.length === 0
  if (fate.kind === 'local') return frames.every(({ linkIndex }) => linkIndex === loopback)
  return frames.length === 1 && hopsOf(fate).some((hop) => isHop(hop, frames[0] as Frame))
}

const textOf = ({ delivered, forwarded, answers }: Seen): string =>
  JSON.stringify({
    delivered,
    ...Object.fromEntries(
      Object.entries({ forwarded, answers }).map(([name, frames]) => [
        name,
        frames.map(({ linkIndex, mac }) => `${linkIndex} ${mac}`),
      ]),
    ),
  })
