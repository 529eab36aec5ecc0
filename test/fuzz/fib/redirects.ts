import { execFileSync, spawnSync } from 'node:child_process'
import { worldOf } from '../../../src/policy/explain/account.ts'
import { arrivalOf } from '../../../src/policy/explain/arrival.ts'
import type { Packet } from '../../../src/policy/fib/packet.ts'
import type { Family } from '../../../src/state/ip.ts'
import { settings } from '../../support/snapshot.ts'
import type { Random } from '../random.ts'
import { Bench } from './bench.ts'
import { frameOf, isSent, parseFrame } from './frames.ts'
import { iptablesRules, nftRules, own } from './redirect-words.ts'
import { Ear, Tap } from './socket.ts'

const packetsEach = 20

/** A packet that went elsewhere than the model says. */
export interface Misled {
  readonly packet: Packet
  readonly rules: string
  readonly said: string
  readonly seen: string
}

/**
 * Lets packets come in over random rules of nftables and of iptables-nft until `done`, and sees where they are sent.
 * `vague` counts those of which the model says that it does not know.
 */
export function fuzzRedirects(
  random: Random,
  done: (rounds: number) => boolean,
): { rounds: number; sent: number; redirected: number; vague: number; first?: Misled } {
  const bench = new Bench()
  const tap = new Tap()
  const ear = new Ear(1)
  const count = { rounds: 0, sent: 0, redirected: 0, vague: 0 }
  prepare()
  let token = random.below(0xffffffff)
  try {
    for (; !done(count.rounds); count.rounds++) {
      const rules = writeRules(random)
      const picture = bench.inquiry.picture()
      const world = worldOf(picture, settings())
      const link = (name: string) => picture.links.find((candidate) => candidate.name === name)
      const entrance = link('f0')
      if (!entrance) throw new Error('the bench has a link f0')
      for (let i = 0; i < packetsEach; i++, count.sent++) {
        const packet = arriving(random, count.sent, entrance.index)
        const arrival = arrivalOf(world, packet, entrance, bench.inquiry)
        const { redirection, inward } = arrival
        token = (token + 0x01010103) >>> 0
        tap.drain()
        ear.drain()
        tap.inject(link('p0')?.index ?? 0, frameOf(packet, token, link('p0')?.mac ?? '', entrance.mac))
        const seen = whereSeen(tap, ear, token, packet)
        if (redirection.doubts.length > 0) {
          count.vague++
          continue
        }
        const { destination, destinationPort } = redirection.packet
        const fate = inward.fates[0]?.kind
        const said =
          fate === 'local'
            ? `here ${portOf(packet, destinationPort)}`
            : `${destination} ${portOf(packet, destinationPort)}`
        if (seen !== said) {
          return { ...count, first: { packet, rules, said: `${said} by ${redirection.by}`, seen } }
        }
        count.redirected += redirection.by === undefined ? 0 : 1
      }
    }
    return count
  } finally {
    ear.close()
    tap.close()
    bench.close()
  }
}

const portOf = ({ ipProtocol }: Packet, port: number): number => (ipProtocol === 6 || ipProtocol === 17 ? port : 0)

function whereSeen(tap: Tap, ear: Ear, token: number, packet: Packet): string {
  const port = (rest: Buffer) => portOf(packet, rest.readUInt16BE(2))
  const delivered = ear.drain().find((one) => one.ipProtocol === packet.ipProtocol && isSent(one, token))
  if (delivered) {
    return `here ${port(delivered.rest)}`
  }
  const left = tap.drain().flatMap(({ bytes }) => {
    const parsed = parseFrame(bytes)
    return parsed && isSent(parsed, token) && parsed.source === packet.source ? [parsed] : []
  })
  return left.map(({ destination, rest }) => `${destination} ${port(rest)}`).join() || 'nowhere'
}

/** What is redirected is forwarded to neighbours behind f1 and f2, or delivered. */
function prepare(): void {
  const behind = Array.from({ length: 9 }, (_, i) => [`4 172.17.0.${i + 1}`, `6 fd17::${i + 1}`]).flat()
  const commands = [
    ...own[4].map((address) => `addr add ${address}/24 dev f0`),
    ...own[6].map((address) => `addr add ${address}/64 dev f0 nodad`),
    'addr add 172.17.9.1/16 dev f1',
    'addr add fd17::9:1/64 dev f1 nodad',
    'route add default dev f2',
    '-6 route add default dev f2',
    ...behind.map((text) => `neigh replace ${text.split(' ')[1]} lladdr 02:01:00:00:00:01 dev f1 nud permanent`),
    ...['203.0.113.7', '2001:db8::7'].map((to) => `neigh replace ${to} lladdr 02:01:00:00:00:02 dev f2 nud permanent`),
  ]
  for (const command of commands) execFileSync('ip', command.split(' '))
  execFileSync('sysctl', [
    '-qw',
    'net.ipv6.conf.all.forwarding=1',
    'net.ipv4.conf.all.rp_filter=0',
    'net.ipv4.conf.f0.rp_filter=0',
  ])
}

/** Takes the last rules away and writes others; returns them for people. */
function writeRules(random: Random): string {
  execFileSync('nft', ['flush', 'ruleset'])
  const written: string[] = []
  const nft = nftRules(random)
  if (spawnSync('nft', ['-f', '-'], { input: nft }).status === 0) written.push(nft)
  for (const family of [4, 6] as const) {
    const commands = random.below(3) > 0 ? iptablesRules(random, family) : []
    const program = family === 4 ? 'iptables-nft-restore' : 'ip6tables-nft-restore'
    const input = `*nat\n${commands.join('\n')}\nCOMMIT\n`
    if (commands.length > 0 && spawnSync(program, ['--noflush'], { input }).status === 0)
      written.push(`${program}\n${input}`)
  }
  return written.join('\n')
}

/** Each with a source of its own: of a connection that is known, nothing is asked again. */
function arriving(random: Random, n: number, iif: number): Packet {
  const family: Family = random.pick([4, 6])
  const ipProtocol = random.pick([6, 6, 17, family === 4 ? 1 : 58])
  const ported = ipProtocol === 6 || ipProtocol === 17
  return {
    family,
    source:
      family === 4 ? `99.${(n >> 16) & 127}.${(n >> 8) & 255}.${n & 255}` : `2001:db8:99::${(n + 1).toString(16)}`,
    destination: random.pick([...own[family], ...own[family], family === 4 ? '203.0.113.7' : '2001:db8::7']),
    iif,
    mark: 0,
    tos: 0,
    uid: 0,
    ipProtocol,
    sourcePort: ported ? random.pick([53, 40_000, 50_000]) : 0,
    destinationPort: ported ? random.pick([53, 80, 443, 8080, 8081]) : 0,
  }
}
