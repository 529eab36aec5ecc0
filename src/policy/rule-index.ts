import type { Family } from '../state/ip.ts'
import type { Prefix } from '../state/prefix.ts'
import { ascending, type Block, cover, holds } from './cover.ts'
import { barrierAt, digitBits, eniAt, eniSlotsOf } from './index-numbers.ts'
import { IndexRules, type Item, prefixOf } from './index-rules.ts'
import { Kept } from './kept.ts'
import type { Holding, WantedRule } from './rules.ts'
import type { Numbers } from './settings.ts'

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
  const slotOf = (holding: Holding) => slots.get(holding.table) as number
  const sorted = holdings
    .flatMap((holding) => itemsOf(holding, eniAt(numbers, slotOf(holding)).main))
    .sort((a, b) => ascending(a.block, b.block))
  if (sorted.some(({ block }, i) => i > 0 && holds((sorted[i - 1] as Item).block, block))) {
    return undefined
  }
  const rules = rulesFor(family, numbers)
  return [
    ...new Search(family, rules).over(sorted),
    rules.exit(barrierAt(numbers)),
    ...holdings.flatMap((holding) => rules.eni(holding, slotOf(holding))),
    rules.end(),
    ...holdings.map((holding) => rules.device(holding)),
  ]
}

const items = new Kept<readonly Item[]>()

const itemsOf = (holding: Holding, entry: number): readonly Item[] =>
  items.of(`${holding.family} ${holding.link}`, [holding, entry], () =>
    cover(holding.sources).map((block) => ({ block, link: holding.link, entry })),
  )

const makers = new WeakMap<Numbers, Map<Family, IndexRules>>()

function rulesFor(family: Family, numbers: Numbers): IndexRules {
  const ofNumbers = makers.get(numbers) ?? new Map<Family, IndexRules>()
  const rules = ofNumbers.get(family) ?? new IndexRules(family, numbers)
  makers.set(numbers, ofNumbers.set(family, rules))
  return rules
}

/** Sections and buckets over items in ascending order. */
class Search {
  readonly #family: Family
  readonly #rules: IndexRules
  readonly #made: WantedRule[] = []
  /** Numbers that have their one rule already, the beginning or the way out: prefixes may share one. */
  readonly #alones = new Set<number>()

  constructor(family: Family, rules: IndexRules) {
    this.#family = family
    this.#rules = rules
  }

  over(items: readonly Item[]): readonly WantedRule[] {
    this.#section(items, '')
    return this.#made
  }

  /** The section of everything whose address begins with these digits. */
  #section(items: readonly Item[], digits: string): void {
    const at = this.#rules.section(digits)
    const depth = digits.length
    this.#alone(at.sections, this.#rules.begin)
    for (let i = 0; i < items.length; ) {
      const group = items.slice(i, endOfRun(items, i, depth))
      const { block } = group[0] as Item
      if (isWide(block, depth)) {
        this.#bucket(group, block.prefix, at.buckets)
      } else if (group.length <= bucketSize) {
        this.#bucket(group, prefixOf(block.digits.slice(0, depth + 1), this.#family), at.buckets)
      } else {
        const common = commonDigits(block, (group.at(-1) as Item).block)
        this.#made.push(this.#rules.toSection(at.sections, common))
        this.#section(group, common)
      }
      i += group.length
    }
    this.#alone(at.exit, this.#rules.exit)
  }

  #bucket(items: readonly Item[], prefix: Prefix, from: number): void {
    const at = this.#rules.bucket(prefix)
    this.#made.push(this.#rules.toBucket(from, prefix))
    for (const item of items) {
      this.#made.push(this.#rules.address(at.addresses, item))
    }
    this.#alone(at.exit, this.#rules.exit)
  }

  #alone(priority: number, make: (priority: number) => WantedRule): void {
    if (!this.#alones.has(priority)) {
      this.#alones.add(priority)
      this.#made.push(make(priority))
    }
  }
}

/** Does the block hold addresses that differ in the digit at `depth`? */
const isWide = ({ prefix }: Block, depth: number): boolean => prefix.length < digitBits * (depth + 1)

/** The index behind the items from `start` on that have one digit at `depth`; a wide block is alone. */
function endOfRun(items: readonly Item[], start: number, depth: number): number {
  const { block } = items[start] as Item
  let end = start + 1
  if (!isWide(block, depth)) {
    while (items[end]?.block.digits[depth] === block.digits[depth]) end++
  }
  return end
}

function commonDigits(a: Block, b: Block): string {
  let length = 0
  while (a.digits[length] === b.digits[length]) length++
  return a.digits.slice(0, length)
}
