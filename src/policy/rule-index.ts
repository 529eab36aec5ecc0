import { placeIn } from '../state/halving.ts'
import type { Family } from '../state/ip.ts'
import type { Prefix } from '../state/prefix.ts'
import type { Block } from './cover.ts'
import type { Holding, WantedRule } from './holding.ts'
import { barrierAt, digitBits, eniAt, eniSlotsOf } from './index-numbers.ts'
import { IndexRules, prefixOf } from './index-rules.ts'
import { Kept } from './kept.ts'
import type { Numbers } from './settings.ts'
import { type Item, Terrain } from './terrain.ts'

/** Addresses that are asked one after the other. More make a section, which parts them by the digit in which they differ. */
const bucketSize = 16

/**
 * The same meaning as the plain form, in fewer rules of which a packet meets few: sections lead by the digits of the
 * source to a bucket, which leads to the rules of the ENI that has the address; whatever finds no way on, and what no
 * table of ours has a route for, goes to the end. Undefined where the ENIs' sources overlap, or are too many ENIs.
 */
export function indexedRules(
  family: Family,
  holdings: readonly Holding[],
  numbers: Numbers,
): readonly WantedRule[] | undefined {
  const slots = eniSlotsOf(
    holdings.map((holding) => holding.table),
    numbers,
  )
  if (!slots) {
    return undefined
  }
  const { rules, terrain, search } = makersOf(family, numbers)
  const slotOf = (holding: Holding) => slots.get(holding.table) as number
  const items = terrain.over(
    holdings.map((holding) => ({
      ...{ link: holding.link, sources: holding.sources },
      entry: eniAt(numbers, slotOf(holding)).entry,
    })),
  )
  if (!items) {
    return undefined
  }
  return [
    ...search.over(items),
    rules.exit(barrierAt(numbers)),
    ...holdings.flatMap((holding) => rules.eni(holding, slotOf(holding))),
    rules.end(),
    ...holdings.map((holding) => rules.device(holding)),
  ]
}

/** What is kept from one pass to the next. */
interface Makers {
  readonly rules: IndexRules
  readonly terrain: Terrain
  readonly search: Search
}

const makers = new WeakMap<Numbers, Map<Family, Makers>>()

function makersOf(family: Family, numbers: Numbers): Makers {
  const ofNumbers = makers.get(numbers) ?? new Map<Family, Makers>()
  const known = ofNumbers.get(family)
  if (known) {
    return known
  }
  const rules = new IndexRules(family, numbers)
  const made = { rules, terrain: new Terrain(), search: new Search(family, rules) }
  makers.set(numbers, ofNumbers.set(family, made))
  return made
}

/** What a part of the index is made of. */
interface Part {
  readonly rules: readonly WantedRule[]
  /** Beginnings and ways out: prefixes may share their number, which has one of them. */
  readonly alone: readonly WantedRule[]
}

/** Sections and buckets over items in ascending order. A section whose items are those of the last time is given out again. */
class Search {
  readonly #family: Family
  readonly #rules: IndexRules
  readonly #sections = new Kept<Part>()

  constructor(family: Family, rules: IndexRules) {
    this.#family = family
    this.#rules = rules
  }

  over(items: readonly Item[]): readonly WantedRule[] {
    const { rules, alone } = this.#section(items, '')
    return [...rules, ...new Set(alone)]
  }

  /** The section of everything whose address begins with these digits. */
  #section(items: readonly Item[], digits: string): Part {
    return this.#sections.of(digits, items, () => this.#parted(items, digits))
  }

  #parted(items: readonly Item[], digits: string): Part {
    const at = this.#rules.section(digits)
    const depth = digits.length
    const rules: WantedRule[] = []
    const alone = [this.#rules.begin(at.sections), this.#rules.exit(at.exit)]
    const add = (lead: WantedRule, part: Part) => {
      rules.push(lead, ...part.rules)
      alone.push(...part.alone)
    }
    for (let i = 0; i < items.length; ) {
      const group = items.slice(i, endOfRun(items, i, depth))
      const { block } = group[0] as Item
      if (isWide(block, depth) || group.length <= bucketSize) {
        const prefix = isWide(block, depth) ? block.prefix : prefixOf(block.digits.slice(0, depth + 1), this.#family)
        add(this.#rules.toBucket(at.buckets, prefix), this.#bucket(group, prefix))
      } else {
        const common = commonDigits(block, (group.at(-1) as Item).block)
        add(this.#rules.toSection(at.sections, common), this.#section(group, common))
      }
      i += group.length
    }
    return { rules, alone }
  }

  #bucket(items: readonly Item[], prefix: Prefix): Part {
    const at = this.#rules.bucket(prefix)
    return {
      rules: items.map((item) => this.#rules.address(at.addresses, item)),
      alone: [this.#rules.exit(at.exit)],
    }
  }
}

/** Does the block hold addresses that differ in the digit at `depth`? */
const isWide = ({ prefix }: Block, depth: number): boolean => prefix.length < digitBits * (depth + 1)

/** The index behind the items from `start` on that have one digit at `depth`; a wide block is alone. */
function endOfRun(items: readonly Item[], start: number, depth: number): number {
  const { block } = items[start] as Item
  return isWide(block, depth)
    ? start + 1
    : placeIn(items, (item) => item.block.digits[depth] === block.digits[depth], start + 1)
}

function commonDigits(a: Block, b: Block): string {
  let length = 0
  while (a.digits[length] === b.digits[length]) length++
  return a.digits.slice(0, length)
}
