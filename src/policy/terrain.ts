import { placeIn } from '../state/halving.ts'
import { contains, type Prefix } from '../state/prefix.ts'
import { ascending, type Block, blockOf, cover, holds, joined } from './cover.ts'
import { between } from './kept.ts'

/** A block of addresses, and where the search ends for them. */
export interface Item {
  readonly block: Block
  readonly link: string
  /** Priority of the ENI's first rule. */
  readonly entry: number
}

/** The sources that end at one entry, of one ENI. */
export interface Claim {
  readonly link: string
  readonly entry: number
  readonly sources: readonly Prefix[]
}

/** More sources that came or went at once are no quicker taken one by one. */
const stepwise = 64

/**
 * The items of all ENIs of a family in ascending order: of each ENI the fewest prefixes that hold its sources and not an
 * address more. It keeps them, and takes what came since one by one. undefined where sources of two ENIs, or of one,
 * overlap: two that are equal alone count as one, of an ENI.
 */
export class Terrain {
  #claims: readonly Claim[] = []
  #items: readonly Item[] | undefined

  over(claims: readonly Claim[]): readonly Item[] | undefined {
    const next = this.#items && changed(this.#items, this.#claims, claims)
    this.#items = next ?? anew(claims)
    this.#claims = claims
    return this.#items
  }
}

function anew(claims: readonly Claim[]): readonly Item[] | undefined {
  const sorted = claims
    .flatMap(({ link, entry, sources }) => cover(sources).map((block) => ({ block, link, entry })))
    .sort((a, b) => ascending(a.block, b.block))
  const overlap = sorted.some(({ block }, i) => i > 0 && holds((sorted[i - 1] as Item).block, block))
  return overlap ? undefined : sorted
}

/** undefined where that is better made anew. */
function changed(items: readonly Item[], before: readonly Claim[], claims: readonly Claim[]): Item[] | undefined {
  const alike = (claim: Claim, i: number) => before[i]?.link === claim.link && before[i]?.entry === claim.entry
  if (before.length !== claims.length || !claims.every(alike)) {
    return undefined
  }
  const deltas = claims.map((claim, i) => ({ claim, ...between((before[i] as Claim).sources, claim.sources) }))
  if (deltas.reduce((sum, { gone, come }) => sum + gone.length + come.length, 0) > stepwise) {
    return undefined
  }
  const next = [...items]
  const left = deltas.every(({ claim, gone }) =>
    gone.every((source) => !isIn(source, claim.sources) && remove(next, blockOf(source))),
  )
  const taken = left && deltas.every(({ claim, come }) => come.every((source) => insert(next, blockOf(source), claim)))
  return taken ? next : undefined
}

/** Is it there once more, or a part of it by itself? An address may lie in a prefix that the VPC delegates to its ENI. */
const isIn = (gone: Prefix, sources: readonly Prefix[]): boolean =>
  sources.some(({ address, length }) =>
    length === gone.length ? address === gone.address : length > gone.length && contains(gone, address),
  )

/** false where the block is a part of one that other sources fill, too. */
function remove(items: Item[], block: Block): boolean {
  const at = placeOf(items, block)
  if (items[at]?.block.prefix.length !== block.prefix.length || items[at].block.digits !== block.digits) {
    return false
  }
  items.splice(at, 1)
  return true
}

/** false where it overlaps another. */
function insert(items: Item[], block: Block, { link, entry }: Claim): boolean {
  const at = placeOf(items, block)
  const [lower, upper] = [items[at - 1], items[at]]
  if ((lower && holds(lower.block, block)) || (upper && holds(block, upper.block))) {
    return false
  }
  items.splice(at, 0, { block, link, entry })
  for (let i = at; ; ) {
    const first = joinable(items, i - 1) ? i - 1 : joinable(items, i) ? i : undefined
    if (first === undefined) {
      return true
    }
    const whole = joined((items[first] as Item).block, (items[first + 1] as Item).block) as Block
    items.splice(first, 2, { block: whole, link, entry })
    i = first
  }
}

/** Are the items at this place and the next the halves of one block, of one ENI? */
const joinable = (items: readonly Item[], at: number): boolean => {
  const [lower, upper] = [items[at], items[at + 1]]
  return lower !== undefined && upper?.link === lower.link && joined(lower.block, upper.block) !== undefined
}

/** The place of the first item that does not come before the block. */
const placeOf = (items: readonly Item[], block: Block): number =>
  placeIn(items, (item) => ascending(item.block, block) < 0)
