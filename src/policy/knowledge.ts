import { type Family, families, familyOf } from '../state/ip.ts'
import type { Prefix } from '../state/prefix.ts'

/** Addresses of one family as the metadata listed them, the primary first. */
export interface Listed {
  readonly latest: readonly string[]
  /** The valid document before; what both lack has left the ENI, what one lacks may be a slip of the service. */
  readonly before?: readonly string[]
}

/** What the instance metadata tells of one ENI. What is absent was not told yet, or never is. */
export interface EniFacts {
  readonly mac: string
  /** `eni-…` */
  readonly id?: string
  /** As the document says; believe `numbersOf`. */
  readonly device?: number
  readonly card?: number
  readonly subnets: readonly Prefix[]
  readonly vpc: readonly Prefix[]
  /** Delegated prefixes: /28 and /80. */
  readonly delegated: readonly Prefix[]
  readonly addresses: Readonly<Partial<Record<Family, Listed>>>
  /** Those of the prefixes above, the very objects, that no document told to this process: see recollection.ts. */
  readonly recalled?: readonly Prefix[]
}

/** Are the addresses of a family there, with the subnet that they lie in? */
export const hasAddresses = ({ addresses, subnets }: EniFacts): boolean =>
  families.some(
    (family) => addresses[family] !== undefined && subnets.some(({ address }) => familyOf(address) === family),
  )

/**
 * What is known of the ENIs beside the kernel. A plain value that only ever adds: every decision has to be right with
 * an empty one, since the service is late, partial or gone when it matters.
 */
export interface Knowledge {
  /** false: the metadata is off, by configuration or by the instance's own settings; nothing will ever be known. */
  readonly expected: boolean
  /** Nothing was told to this run of the program yet: the rules that stand show what an earlier one knew. */
  readonly untold?: true
  /** MAC of the instance's first ENI. */
  readonly primaryMac?: string
  /** By MAC, lower case. */
  readonly enis: ReadonlyMap<string, EniFacts>
  /** MACs of bare ENIs that nobody else configures: this program gives them their addresses. */
  readonly adopted: ReadonlySet<string>
  /** MACs of ENIs that may be given addresses now: nobody else configures them, as was asked just before. */
  readonly due: ReadonlySet<string>
  /** Ifindexes of adopted ENIs that have been up: one that is down again was taken down by somebody. */
  readonly raised: ReadonlySet<number>
  /** What a person should know of the service itself. */
  readonly troubles: readonly Trouble[]
}

export interface Trouble {
  readonly severity: 'error' | 'warning'
  readonly problem: string
  readonly remedy: string
}

/** Knowledge of a host whose metadata is off. */
export const noMetadata: Knowledge = {
  expected: false,
  enis: new Map(),
  adopted: new Set(),
  due: new Set(),
  raised: new Set(),
  troubles: [],
}

/** Network card and device number of an ENI, where they can be believed. */
export interface EniNumbers {
  readonly card: number
  readonly device: number
}

/**
 * A document that is not whole yet says device 0, and instances with one card have no card numbers: (0, 0) is the
 * primary's, and of no other ENI true.
 */
export function numbersOf(
  { enis, primaryMac }: Pick<Knowledge, 'enis' | 'primaryMac'>,
  mac: string,
): EniNumbers | undefined {
  const { device, card = 0 } = enis.get(mac) ?? {}
  return device === undefined || (card === 0 && device === 0 && mac !== primaryMac) ? undefined : { card, device }
}
