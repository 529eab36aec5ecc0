/** The IP families that the program routes. */
export type Family = 4 | 6

export const families: readonly Family[] = [4, 6]

/** Bits in an address of the family. */
export const addressBits = (family: Family): 32 | 128 => (family === 4 ? 32 : 128)

/** The family of an address in text form, told by the colon that every IPv6 address has. */
export const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4)

/** The program, and how it is told the family: `ip rule …`, `ip -6 route …`. */
export const ipCommand = ({ family }: { readonly family: Family }): string => (family === 6 ? 'ip -6' : 'ip')

/**
 * Bytes in network order (4 or 16) of an address in text form, or undefined where the text is no address.
 * IPv4 is strict dotted decimal (leading zeros are refused: some programs read them as octal); IPv6 is RFC 4291 text,
 * without a zone.
 */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

/** Canonical text of 4 or 16 bytes in network order; IPv6 as in RFC 5952. */
export function formatAddress(bytes: Uint8Array): string {
  return bytes.length === 4 ? `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` : formatIpv6(bytes)
}

/** The one spelling of an address that the program compares and prints, or undefined where the text is no address. */
export function canonicalAddress(text: string): string | undefined {
  const bytes = parseAddress(text)
  return bytes && formatAddress(bytes)
}

/** By hand: a pass parses each address that it acts on, and a regular expression costs a process that slept ten times as much. */
function parseIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4)
  let at = 0
  for (let i = 0; i < 4; i++) {
    let value = 0
    const start = at
    for (let digit = digitAt(text, at); digit >= 0; digit = digitAt(text, ++at)) {
      value = 10 * value + digit
    }
    const length = at - start
    const separated = i === 3 ? at === text.length : text[at] === '.'
    if (length < 1 || length > 3 || value > 255 || (length > 1 && text[start] === '0') || !separated) {
      return undefined
    }
    bytes[i] = value
    at++
  }
  return bytes
}

/** Negative where there is none. */
function digitAt(text: string, at: number): number {
  const code = at < text.length ? text.charCodeAt(at) : 0
  return code >= 48 && code <= 57 ? code - 48 : -1
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = embeddedIpv4AsGroups(text)?.split('::')
  if (!halves || halves.length > 2) {
    return undefined
  }
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':'))) as [string[], string[] | undefined]
  const zeros = 8 - head.length - (tail?.length ?? 0)
  if (tail ? zeros < 1 : zeros !== 0) {
    return undefined
  }
  const groups = tail ? [...head, ...Array<string>(zeros).fill('0'), ...tail] : head
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) {
    return undefined
  }
  return Uint8Array.from(groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]))
}

function embeddedIpv4AsGroups(text: string): string | undefined {
  if (!text.includes('.')) {
    return text
  }
  const start = text.lastIndexOf(':') + 1
  const bytes = parseIpv4(text.slice(start))
  return bytes && text.slice(0, start) + hexGroups(bytes).join(':')
}

function hexGroups(bytes: Uint8Array): string[] {
  return Array.from({ length: bytes.length / 2 }, (_, i) =>
    (((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number)).toString(16),
  )
}

function formatIpv6(bytes: Uint8Array): string {
  const groups = hexGroups(bytes)
  const zeros = longestZeroRun(groups)
  if (zeros.length < 2) {
    return groups.join(':')
  }
  return `${groups.slice(0, zeros.start).join(':')}::${groups.slice(zeros.start + zeros.length).join(':')}`
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let length = 0
  for (const [i, group] of groups.entries()) {
    length = group === '0' ? length + 1 : 0
    if (length > best.length) {
      best = { start: i - length + 1, length }
    }
  }
  return best
}
