/**
 * One value a key, made anew only when something that it was made from is another object than before. A pass over thousands
 * of addresses then costs what has changed. What is made must depend on its inputs and the key alone.
 */
export class Kept<T> {
  readonly #kept = new Map<string, { readonly inputs: readonly unknown[]; readonly value: T }>()

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

function areSame(a: readonly unknown[], b: readonly unknown[]): boolean {
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
