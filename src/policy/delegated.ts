import { familyOf } from '../state/ip.ts'
import { contains, type Prefix } from '../state/prefix.ts'
import type { EniFamily } from './gateway.ts'
import type { EniFacts } from './knowledge.ts'

/**
 * The prefixes that the VPC delegates to the ENI, in the family of the part. One that holds an address of another ENI
 * is left out: the document is old or wrong, and its rule would stand beside that address's own.
 */
export const delegatedPrefixes = (
  facts: EniFacts | undefined,
  { family }: Pick<EniFamily, 'family'>,
  siblings: () => readonly EniFamily[],
): Prefix[] =>
  (facts?.delegated ?? []).filter(
    (prefix) =>
      familyOf(prefix.address) === family &&
      !siblings().some(({ addresses }) => addresses.some(({ address }) => contains(prefix, address))),
  )
