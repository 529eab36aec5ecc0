import type { EniFacts, Knowledge } from '../../src/policy/knowledge.ts'
import { parsePrefix } from '../../src/state/prefix.ts'

/** What the metadata tells of a link of `snapshot`, by the link's index; prefixes and addresses as text. */
export interface Told {
  readonly index: number
  readonly id?: string
  readonly device?: number
  readonly card?: number
  readonly subnets?: readonly string[]
  readonly delegated?: readonly string[]
  readonly ipv4?: readonly string[]
  readonly ipv6?: readonly string[]
  /** What the documents before listed. */
  readonly ipv4Before?: readonly string[]
}

export const macOf = (index: number): string => `02:00:00:00:00:${index.toString(16).padStart(2, '0')}`

/** Knowledge of ENIs, the first of them the primary unless another is named; without any, nothing is known yet. */
export function knowing(told: readonly Told[], more: Partial<Knowledge> = {}): Knowledge {
  const enis = told.map(factsOf)
  return {
    expected: true,
    ...(enis[0] ? { primaryMac: enis[0].mac } : {}),
    enis: new Map(enis.map((facts) => [facts.mac, facts])),
    adopted: new Set(),
    due: new Set(),
    raised: new Set(),
    troubles: [],
    ...more,
  }
}

function factsOf({ index, subnets = [], delegated = [], ipv4, ipv6, ipv4Before, ...numbers }: Told): EniFacts {
  const prefixes = (texts: readonly string[]) => texts.map((text) => parsePrefix(text)!)
  const listed = ipv4 && { latest: ipv4, ...(ipv4Before ? { before: ipv4Before } : {}) }
  return {
    ...numbers,
    mac: macOf(index),
    subnets: prefixes(subnets),
    vpc: [],
    delegated: prefixes(delegated),
    addresses: { ...(listed ? { 4: listed } : {}), ...(ipv6 ? { 6: { latest: ipv6 } } : {}) },
  }
}
