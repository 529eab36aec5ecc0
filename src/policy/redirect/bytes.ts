/** Some bytes, each of which may not be known. */
export interface Bytes {
  readonly values: Uint8Array
  readonly known: readonly boolean[]
}

export const knownBytes = (values: Uint8Array): Bytes => ({ values, known: Array.from(values, () => true) })

/** Numbers in the byte order of the machine, as nftables has marks and indexes. */
export function hostOrder(value: number, length: 2 | 4 = 4): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (value >>> (8 * i)) & 255
  return bytes
}

export const networkOrder = (value: number, length: 1 | 2 | 4 = 2): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (value >>> (8 * (length - 1 - i))) & 255
  return bytes
}

/** Negative, 0 or positive, as memcmp; of the first bytes that both have. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return 0
}

/** The registers of nftables: 64 bytes, of which at first none is known. */
export class Registers {
  readonly #values = new Uint8Array(80)
  readonly #known: boolean[] = Array.from({ length: 80 }, () => false)
  /** What a byte that is not known would have to say. */
  readonly #whence = new Map<number, string>()

  set(at: number, { values, known }: Bytes, whence: string): void {
    // A value is padded with zeros up to a whole register.
    for (let i = 0; i < Math.ceil(values.length / 4) * 4; i++) {
      this.#values[at + i] = values[i] ?? 0
      this.#known[at + i] = i < values.length ? known[i] === true : true
      this.#whence.set(at + i, whence)
    }
  }

  get(at: number, length: number): Bytes {
    return { values: this.#values.slice(at, at + length), known: this.#known.slice(at, at + length) }
  }

  /** Names what of these bytes is not known; undefined where all are. */
  unknownIn(at: number, length: number): string | undefined {
    for (let i = at; i < at + length; i++) {
      if (!this.#known[i]) return this.#whence.get(i) ?? 'a register that nothing was put into'
    }
    return undefined
  }
}
