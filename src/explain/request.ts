import { ExitError, exit } from '../exit.ts'
import { enumerate } from '../policy/enumerate.ts'
import { ownerOf, type World } from '../policy/explain/account.ts'
import { type Packet, plainPacket } from '../policy/fib/packet.ts'
import { internet, nearby } from '../policy/questions.ts'
import { isRoutable } from '../state/address.ts'
import { canonicalAddress, familyOf } from '../state/ip.ts'
import type { Link } from '../state/link.ts'

/** What was typed: `explain SOURCE to DESTINATION tcp dport 443 …`, by words or by options. */
export interface Typed {
  /** Absent: whatever the kernel chooses for a program that names none. */
  readonly source?: string
  readonly to?: string
  readonly protocol?: string
  readonly fromPort?: string
  readonly toPort?: string
  readonly mark?: string
  readonly oif?: string
  readonly in?: string
  readonly uid?: string
  readonly tos?: string
}

/** A packet to explain, and what its destination stands for. */
export interface Subject {
  readonly packet: Packet
  readonly towards?: string
}

const protocols: ReadonlyMap<string, number> = new Map(
  Object.entries({ icmp: 1, tcp: 6, udp: 17, icmpv6: 58, 'ipv6-icmp': 58, sctp: 132 }),
)

/** The name of an IP protocol, or its number. */
export const protocolName = (number: number): string =>
  [...protocols].find(([, value]) => value === number)?.[0] ?? String(number)

const keywords: ReadonlyMap<string, keyof Typed> = new Map(
  Object.entries({
    from: 'source',
    to: 'to',
    ipproto: 'protocol',
    sport: 'fromPort',
    'from-port': 'fromPort',
    dport: 'toPort',
    'to-port': 'toPort',
    port: 'toPort',
    mark: 'mark',
    fwmark: 'mark',
    oif: 'oif',
    iif: 'in',
    in: 'in',
    uid: 'uid',
    tos: 'tos',
  } as const),
)

const usage = (message: string): ExitError => new ExitError(exit.usage, `${message}\n(see: eni-routed explain --help)`)

/** Words after the verb as `ip` has them, and options; an option wins. @throws {ExitError} of code 64 */
export function readWords(words: readonly string[], options: Partial<Typed>): Typed {
  const typed: { -readonly [Key in keyof Typed]?: Typed[Key] } = {}
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string
    const key = keywords.get(word)
    if (key) {
      const value = words[++i]
      if (value === undefined) throw usage(`"${word}" needs a value after it`)
      typed[key] = value
    } else if (protocols.has(word)) {
      typed.protocol = word
    } else if (typed.source === undefined) {
      typed.source = word
    } else if (typed.to === undefined) {
      typed.to = word
    } else {
      throw usage(`"${word}" is not understood; known words: ${[...keywords.keys()].join(', ')}, tcp, udp, icmp`)
    }
  }
  const { source, ...rest } = { ...typed, ...options }
  if (source === undefined && (rest.to === undefined || rest.in !== undefined)) {
    throw usage('whose packets? Name a source address, or a link; without one, at least a destination: to ADDRESS')
  }
  return { ...(source === undefined ? {} : { source }), ...rest }
}

type Chooser = (packet: Packet) => { readonly source: string } | { readonly error: string }

/**
 * The packets to explain: one, or where no destination is named, some to telling destinations. `choose` asks the kernel
 * for the source of a program that names none. @throws {ExitError}
 */
export function subjectsOf(world: World, typed: Typed, choose: Chooser): Subject[] {
  const common = numbersOf(world, typed)
  if (typed.in !== undefined) {
    return [arrivingSubject(world, typed, common)]
  }
  const destination = typed.to === undefined ? undefined : addressOf(typed.to, 'destination')
  if (typed.source === undefined) {
    return [chosenSubject(destination as string, common, choose)]
  }
  const sources = sourcesOf(world, typed.source, destination === undefined ? undefined : familyOf(destination))
  return sources.flatMap((source) => {
    const targets = destination === undefined ? tellingDestinations(world, source) : [{ destination }]
    return targets.map(({ destination: to, ...towards }) => ({
      packet: { ...common, family: familyOf(source), source, destination: to },
      ...towards,
    }))
  })
}

/** TCP, and UDP that connects, look for the way once more with the source that was chosen: that one is explained. */
function chosenSubject(
  destination: string,
  common: Omit<Packet, 'family' | 'source' | 'destination'>,
  choose: Chooser,
): Subject {
  const family = familyOf(destination)
  const packet = { ...common, family, source: family === 4 ? '0.0.0.0' : '::', destination }
  const chosen = choose(packet)
  if ('error' in chosen) {
    throw new ExitError(
      exit.failed,
      `the kernel has no way to ${destination} for a program that names no source: ${chosen.error}`,
    )
  }
  return {
    packet: { ...packet, source: chosen.source },
    towards: 'the source is what the kernel chooses where a program names none',
  }
}

function arrivingSubject(
  world: World,
  typed: Typed,
  common: Omit<Packet, 'family' | 'source' | 'destination'>,
): Subject {
  const entrance = linkOf(world, typed.in as string)
  const source = addressOf(typed.source ?? '', 'source of an incoming connection')
  const own = world.addresses.find(
    (a) => a.linkIndex === entrance.index && familyOf(a.address) === familyOf(source) && isRoutable(a),
  )
  const destination = typed.to === undefined ? own?.address : addressOf(typed.to, 'destination')
  if (destination === undefined) {
    throw usage(`${entrance.name} has no address of that family: name the destination with "to ADDRESS"`)
  }
  if (familyOf(destination) !== familyOf(source)) {
    throw usage(`${source} and ${destination} are of different families`)
  }
  return { packet: { ...common, family: familyOf(source), source, destination, iif: entrance.index } }
}

/** Where the way of an ENI's packets shows: a neighbour, the VPC, the Internet. */
function tellingDestinations(world: World, source: string): { destination: string; towards: string }[] {
  const family = familyOf(source)
  const onLink = world.addresses.find(({ address }) => address === source)?.onLink
  const taken = new Set(world.addresses.map(({ address }) => address))
  return [
    ...(onLink ? nearby(onLink, family) : []),
    { destination: internet[family][0] as string, towards: 'the Internet' },
  ].filter(({ destination }) => !taken.has(destination))
}

/** An address as it is; for a link, an ENI or a MAC the first routable addresses. */
function sourcesOf(world: World, text: string, family: 4 | 6 | undefined): string[] {
  const address = canonicalAddress(text)
  if (address !== undefined) {
    if (family !== undefined && familyOf(address) !== family) {
      throw usage(`${address} and the destination are of different families`)
    }
    requireOwner(world, address)
    return [address]
  }
  if (/^[\d.]+$/.test(text)) {
    throw noOwner(world, text)
  }
  if (text.includes('/') || text.includes('::')) {
    throw usage(`"${text}" is no address; a source is one address, such as 172.31.0.218, or the name of a link`)
  }
  const link = linkOf(world, text)
  const own = world.addresses.filter((a) => a.linkIndex === link.index && isRoutable(a)).map((a) => a.address)
  const firsts = ([4, 6] as const)
    .filter((wanted) => family === undefined || family === wanted)
    .flatMap((wanted) => own.find((candidate) => familyOf(candidate) === wanted) ?? [])
  if (firsts.length === 0) {
    throw new ExitError(
      exit.failed,
      `${link.name} has no${family ? ` IPv${family}` : ''} address that packets could come from`,
    )
  }
  return firsts
}

function requireOwner(world: World, address: string): void {
  const isLocal = ownerOf(world, address) !== undefined || address === '127.0.0.1' || address === '::1'
  if (!isLocal) {
    throw noOwner(world, address)
  }
}

/** The very slip of the procedure by hand: a rule for an address that no interface has. */
function noOwner(world: World, address: string): ExitError {
  const own = world.addresses.filter((a) => isRoutable(a) && familyOf(a.address) === familyOf(address))
  const nearest = own
    .map((a) => ({ a, distance: distance(a.address, address) }))
    .sort((x, y) => x.distance - y.distance)[0]
  const name = (index: number) => world.fib.links.get(index)?.name ?? `if${index}`
  const hint =
    nearest && nearest.distance <= 3
      ? `did you mean ${nearest.a.address} on ${name(nearest.a.linkIndex)}?`
      : `present: ${
          own
            .map((a) => `${a.address} (${name(a.linkIndex)})`)
            .slice(0, 8)
            .join(', ') || 'none'
        }`
  return new ExitError(
    exit.failed,
    `no interface has ${address}; ${hint}\nFor a packet that comes in from ${address}, name the link that it comes in by: --in LINK`,
  )
}

/** Edits between two words, an exchange of neighbours counting as one (Damerau-Levenshtein, restricted). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const before = rows[i - 1] as number[]
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min((before[j] as number) + 1, (row[j - 1] as number) + 1, (before[j - 1] as number) + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, ((rows[i - 2] as number[])[j - 2] as number) + 1)
      }
      row.push(least)
    }
    rows.push(row)
  }
  return (rows[a.length] as number[])[b.length] as number
}

/** A host of many containers has thousands of links. */
const mostNames = 20

/** A link by name, alternative name, MAC, or the ENI's id. */
export function linkOf({ fib, settings }: World, text: string): Link {
  const { links } = fib.picture
  const wanted = text.toLowerCase()
  const mac = [...settings.knowledge.enis.values()].find(({ id }) => id === wanted)?.mac ?? wanted
  const link =
    links.find(({ name, altnames }) => name === text || altnames.includes(text)) ??
    links.find((l) => l.mac !== '' && l.mac === mac)
  if (!link) {
    throw new ExitError(
      exit.failed,
      `there is no link ${JSON.stringify(text)}; present: ${enumerate(
        links.map(({ name }) => name),
        mostNames,
      )}`,
    )
  }
  return link
}

function addressOf(text: string, role: string): string {
  const address = canonicalAddress(text)
  if (address === undefined) {
    throw usage(`"${text}" is no address; a ${role} is one address, such as 172.31.0.218 or 2001:db8::1`)
  }
  return address
}

function numbersOf(world: World, typed: Typed): Omit<Packet, 'family' | 'source' | 'destination'> {
  const { protocol, fromPort, toPort, mark, uid, tos, oif } = typed
  // What comes in belongs to no user: the kernel looks it up as user 0.
  const own = typed.in === undefined ? (process.getuid?.() ?? 0) : 0
  return {
    ...plainPacket,
    ipProtocol:
      protocol === undefined
        ? plainPacket.ipProtocol
        : (protocols.get(protocol) ?? numberOf(protocol, 'protocol', 255)),
    sourcePort: fromPort === undefined ? 0 : numberOf(fromPort, 'source port', 65_535),
    destinationPort: toPort === undefined ? 0 : numberOf(toPort, 'destination port', 65_535),
    mark: mark === undefined ? 0 : numberOf(mark, 'mark', 0xffffffff),
    tos: tos === undefined ? 0 : numberOf(tos, 'TOS', 255),
    uid: uid === undefined ? own : numberOf(uid, 'user id', 0xffffffff),
    ...(oif === undefined ? {} : { oif: linkOf(world, oif).index }),
  }
}

function numberOf(text: string, what: string, most: number): number {
  const value = /^(0x[\da-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN
  if (!(value <= most)) {
    throw usage(`"${text}" is no ${what}: a number from 0 to ${most}, decimal or 0x…`)
  }
  return value
}
