import { selectEnis } from '../policy/enis.ts'
import { type Account, exitsOf, ownerOf, type World } from '../policy/explain/account.ts'
import type { Packet } from '../policy/fib/packet.ts'
import { isOurRoute } from '../policy/ownership.ts'
import { isRoutable } from '../state/address.ts'
import { familyOf } from '../state/ip.ts'
import { box, type Picture, text, wrap } from './svg-shapes.ts'
import type { Words } from './words.ts'

/** A link by which packets may leave. */
export interface Card {
  readonly name: string
  readonly kind: string
  readonly lines: readonly string[]
}

/** The card of what is delivered here. */
export const thisHost = 'this host'

/** ENIs beyond this many are drawn only where a way leads to them. */
const mostEnis = 6
const mostAddresses = 3
/** As many as the longest IPv6 address has. */
const cardCharacters = 39

/** The ENIs, and every link that a way of the packet leads to. */
export function cardsOf(world: World, { way, without, packet }: Account, words: Words): Card[] {
  const { fib, addresses, settings } = world
  const enis = selectEnis(fib.picture.links, settings).enis.map(({ link }) => link.index)
  const needed = [...exitsOf(way.fates), ...exitsOf(without.fates), ownerOf(world, packet.source)?.index ?? 0]
  const shown = [...new Set([...enis.filter((index, i) => i < mostEnis || needed.includes(index)), ...needed])]
  const local = [...way.fates, ...without.fates].some(({ kind }) => kind === 'local')
  const cards = shown
    .filter((index) => fib.links.has(index))
    .map((index): Card => {
      const own = addresses
        .filter((a) => a.linkIndex === index && isRoutable(a))
        .map(({ address }) => address)
        // The packet's own first, then those of its family.
        .toSorted((a, b) => rank(b, packet) - rank(a, packet))
      const table = fib.picture.routes.find((r) => isOurRoute(settings, r) && r.nexthops[0]?.oif === index)?.table
      const more = own.length > mostAddresses ? [`and ${own.length - mostAddresses} more`] : []
      return {
        name: words.link(index),
        kind: enis.includes(index) ? `ENI${table === undefined ? '' : `, table ${table}`}` : 'no ENI',
        lines: [...own.slice(0, mostAddresses), ...more],
      }
    })
  return local ? [...cards, { name: thisHost, kind: '', lines: [] }] : cards
}

const rank = (address: string, { source, family }: Packet): number =>
  (address === source ? 2 : 0) + (familyOf(address) === family ? 1 : 0)

export function drawCard({ name, kind, lines }: Card, x: number, y: number, width: number): Picture {
  const all = lines.flatMap((line) => wrap(line, cardCharacters))
  const height = 36 + all.length * 17 + (all.length > 0 ? 4 : 0)
  return {
    body: [
      box(x, y, width, height, 'card', name),
      text(x + 14, y + 22, name, 'head'),
      text(x + width - 14, y + 22, kind, 'dim end'),
      ...all.map((line, i) => text(x + 14, y + 42 + i * 17, line, 'mono')),
    ].join('\n'),
    bottom: y + height,
  }
}
