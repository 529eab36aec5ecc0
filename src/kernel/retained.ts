import { areSame, between } from '../policy/kept.ts'

/**
 * What was read, with the objects of the last time for those that are equal by their key; the very list of the last time where
 * nothing has changed. A pass over thousands of objects then costs what has changed.
 */
export function retained<T>(last: readonly T[], read: readonly T[], keyOf: (item: T) => string): readonly T[] {
  const { gone, come } = between(last, read)
  const known = new Map(gone.map((item) => [keyOf(item), item]))
  const twins = new Map(known.size === 0 ? [] : come.map((item) => [item, known.get(keyOf(item))]))
  const kept = twins.size === 0 ? read : read.map((item) => twins.get(item) ?? item)
  return areSame(last, kept) ? last : kept
}
