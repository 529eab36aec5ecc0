import { addressBits, familyOf, parseAddress } from '../state/ip.ts'
import { type Prefix, prefixKey } from '../state/prefix.ts'
import { digitBits } from './index-numbers.ts'
import { Entries } from './kept.ts'

/** A prefix, and its address as hexadecimal digits: by them prefixes are sorted, compared and parted. */
export class Block {
  readonly prefix: Prefix
  readonly digits: string
  #whole: Block | undefined

  constructor(prefix: Prefix, digits: string) {
    this.prefix = prefix
    this.digits = digits
  }

  /** The block that this one is the lower half of. */
  get whole(): Block {
    const { address, length } = this.prefix
    this.#whole ??= new Block({ address, length: length - 1 }, this.digits)
    return this.#whole
  }
}

/** Blocks of earlier passes, by prefix. Not a WeakMap: the collector would look through all of it again and again. */
const blocks = new Entries<string, Block>(50_000)

/** The fewest prefixes that hold these and not an address more, in ascending order. */
export function cover(sources: readonly Prefix[]): Block[] {
  const covered: Block[] = []
  for (const block of sources.map(blockOf).sort(ascending)) {
    const last = covered.at(-1)
    if (last && holds(last, block)) {
      continue
    }
    covered.push(block)
    joinHalves(covered)
  }
  return covered
}

/** By address; of two with one address the wider first. */
export const ascending = (a: Block, b: Block): number =>
  a.digits < b.digits ? -1 : a.digits > b.digits ? 1 : a.prefix.length - b.prefix.length

/** Does `wide` hold all of `block`? */
export function holds(wide: Block, block: Block): boolean {
  const { length } = wide.prefix
  if (length === digitBits * wide.digits.length) {
    return wide.digits === block.digits
  }
  const whole = length >> 2
  if (length > block.prefix.length || !block.digits.startsWith(wide.digits.slice(0, whole))) {
    return false
  }
  const rest = length % digitBits
  return rest === 0 || (digitAt(wide, whole) ^ digitAt(block, whole)) >> (digitBits - rest) === 0
}

/** Joins the last two as long as they are the halves of one block. */
function joinHalves(covered: Block[]): void {
  while (covered.length > 1) {
    const whole = joined(covered.at(-2) as Block, covered.at(-1) as Block)
    if (!whole) {
      return
    }
    covered.splice(-2, 2, whole)
  }
}

/** The block of which the two are the halves, in this order; undefined where there is none. */
export const joined = (lower: Block, upper: Block): Block | undefined =>
  areHalves(lower, upper) ? lower.whole : undefined

function areHalves(lower: Block, upper: Block): boolean {
  const { length } = lower.prefix
  if (length !== upper.prefix.length || length === 0) {
    return false
  }
  // Every bit behind the length is zero, so the two differ in this digit alone, by its bit.
  const at = (length - 1) >> 2
  return (
    digitAt(upper, at) - digitAt(lower, at) === 8 >> ((length - 1) % digitBits) &&
    (digitAt(lower, at) & (8 >> ((length - 1) % digitBits))) === 0 &&
    lower.digits.slice(0, at) === upper.digits.slice(0, at)
  )
}

/** Of every byte. */
const hexadecimal: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function blockOf(prefix: Prefix): Block {
  const key = prefixKey(prefix)
  const known = blocks.get(key)
  if (known) {
    return known
  }
  const bytes = parseAddress(prefix.address) ?? new Uint8Array(addressBits(familyOf(prefix.address)) / 8)
  let digits = ''
  for (const byte of bytes) digits += hexadecimal[byte]
  const block = new Block(prefix, digits)
  blocks.set(key, block)
  return block
}

/** The value of one hexadecimal digit. */
function digitAt({ digits }: Block, at: number): number {
  const code = digits.charCodeAt(at)
  return code < 58 ? code - 48 : code - 87
}
