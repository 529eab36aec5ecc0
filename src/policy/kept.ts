/** Keys that are kept: parts of an index come and go for months. */
const mostKeys = 5_000

/** Everything that is kept, by whose it is: to be let go at once, also by those whom nobody asks any more. */
let everything = new WeakMap<object, Map<unknown, unknown>>()

/**
 * Forgets all that is kept here, at a quiet moment: what belongs to an interface that is gone would stay, with every list
 * of its time. The next pass makes anew what is still asked for.
 */
export function forgetKept(): void {
  everything = new WeakMap()
}

/** Values by key, until all is forgotten, or there are too many. */
export class Entries<K, V> {
  readonly #most: number

  constructor(most = mostKeys) {
    this.#most = most
  }

  get(key: K): V | undefined {
    return this.#entries?.get(key)
  }

  set(key: K, value: V): void {
    const known = this.#entries
    const entries = known && known.size < this.#most ? known : new Map<K, V>()
    if (entries !== known) everything.set(this, entries)
    entries.set(key, value)
  }

  get #entries(): Map<K, V> | undefined {
    return everything.get(this) as Map<K, V> | undefined
  }
}

/**
 * One value a key, made anew only when something that it was made from is another object than before. A pass over thousands
 * of addresses then costs what has changed. What is made must depend on its inputs and the key alone.
 */
export class Kept<T> {
  readonly #kept = new Entries<string, { readonly inputs: readonly unknown[]; readonly value: T }>()

  of(key: string, inputs: readonly unknown[], make: () => T): T {
    const known = this.#kept.get(key)
    if (known && areSame(known.inputs, inputs)) {
      return known.value
    }
    const value = make()
    this.#kept.set(key, { inputs, value })
    return value
  }
}

/** Of the same objects in the same order. */
export function areSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a === b) {
    return true
  }
  if (a.length !== b.length) {
    return false
  }
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false
  }
  return true
}

/**
 * One list a key, made item by item of another list. What is made of items between the common beginning and the common end
 * of that list and the one before is made anew; it must depend on the item and the key alone.
 */
export class KeptList<From, To> {
  readonly #kept = new Entries<string, { readonly from: readonly From[]; readonly made: readonly To[] }>()

  of(key: string, from: readonly From[], make: (item: From) => To): readonly To[] {
    const known = this.#kept.get(key) ?? { from: [], made: [] }
    if (known.from === from) {
      return known.made
    }
    const { start, end } = commonEnds(known.from, from)
    const made =
      start === from.length && from.length === known.from.length
        ? known.made
        : [
            ...known.made.slice(0, start),
            ...from.slice(start, from.length - end).map(make),
            ...known.made.slice(known.made.length - end),
          ]
    this.#kept.set(key, { from, made })
    return made
  }
}

/** The keys of lists of which one differs little from the one before: what is made anew are those of what came. */
export class KeptKeys<T> {
  readonly #keyOf: (item: T) => string
  /** How many items of the last list have the key. */
  readonly #counts = new Map<string, number>()
  #last: readonly T[] = []

  constructor(keyOf: (item: T) => string) {
    this.#keyOf = keyOf
  }

  /** Good until the next list is asked for. */
  of(list: readonly T[]): Pick<ReadonlySet<string>, 'has'> {
    const { gone, come } = between(this.#last, list)
    for (const item of come) this.#count(item, 1)
    for (const item of gone) this.#count(item, -1)
    this.#last = list
    return this.#counts
  }

  #count(item: T, change: number): void {
    const key = this.#keyOf(item)
    const count = (this.#counts.get(key) ?? 0) + change
    if (count > 0) this.#counts.set(key, count)
    else this.#counts.delete(key)
  }
}

/** How many items two lists share at their beginning, and how many of the rest at their end. */
function commonEnds(before: readonly unknown[], after: readonly unknown[]): { start: number; end: number } {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && before[start] === after[start]) start++
  let end = 0
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++
  return { start, end }
}

/** What stands in the one list and in the other between their common beginning and their common end. */
export function between<T>(before: readonly T[], after: readonly T[]): { gone: readonly T[]; come: readonly T[] } {
  if (before === after) {
    return { gone: [], come: [] }
  }
  const { start, end } = commonEnds(before, after)
  return apart(before.slice(start, before.length - end), after.slice(start, after.length - end))
}

/** Without the objects that are in both lists, each as often as it is in both. */
function apart<T>(before: readonly T[], after: readonly T[]): { gone: readonly T[]; come: readonly T[] } {
  if (before.length === 0 || after.length === 0) {
    return { gone: before, come: after }
  }
  const left = new Map<T, number>()
  for (const item of before) left.set(item, (left.get(item) ?? 0) + 1)
  const come = after.filter((item) => {
    const count = left.get(item) ?? 0
    left.set(item, count - 1)
    return count <= 0
  })
  return { gone: [...left].flatMap(([item, count]) => Array<T>(Math.max(0, count)).fill(item)), come }
}
