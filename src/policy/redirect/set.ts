import type { NftSet, SetElement } from '../../state/netfilter.ts'
import { compareBytes } from './bytes.ts'

/** The element of a set or map for a key, as the kernel finds it. */
export function found({ elements, interval, fields }: NftSet, key: Uint8Array): SetElement | undefined {
  const otherwise = elements.find((element) => element.key === undefined)
  const ordinary = elements.filter((element) => element.key !== undefined)
  const element = ordinary.some(({ last }) => last)
    ? ordinary.find((candidate) => isWithin(candidate, key, fields))
    : interval
      ? intervalOf(ordinary, key)
      : ordinary.find((candidate) => equal(candidate.key as Uint8Array, key))
  return element ?? otherwise
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && compareBytes(a, b) === 0

/** The interval that begins last before the key, unless it ends before. */
function intervalOf(elements: readonly SetElement[], key: Uint8Array): SetElement | undefined {
  let best: SetElement | undefined
  for (const element of elements) {
    const before = compareBytes(element.key as Uint8Array, key) <= 0
    const order = best ? compareBytes(element.key as Uint8Array, best.key as Uint8Array) : 1
    // Where one interval ends and the next begins, the beginning counts.
    if (before && (order > 0 || (order === 0 && !element.end))) best = element
  }
  return best?.end ? undefined : best
}

/** Of a concatenation every part has to lie in its own range. */
function isWithin({ key, last = key }: SetElement, value: Uint8Array, fields: readonly number[]): boolean {
  let at = 0
  for (const length of fields.length > 0 ? fields : [value.length]) {
    const part = (bytes: Uint8Array | undefined) => (bytes ?? new Uint8Array()).subarray(at, at + length)
    if (compareBytes(part(value), part(key)) < 0 || compareBytes(part(value), part(last)) > 0) return false
    at += Math.ceil(length / 4) * 4
  }
  return true
}
