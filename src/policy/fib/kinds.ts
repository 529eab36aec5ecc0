import { contains, parsePrefix } from '../../state/prefix.ts'

/** Kinds of addresses that the kernel treats apart, whatever rules and routes say. */
const within = (...blocks: readonly string[]) => {
  const prefixes = blocks.flatMap((block) => parsePrefix(block) ?? [])
  return (address: string): boolean => prefixes.some((prefix) => contains(prefix, address))
}

export const isMulticast = within('224.0.0.0/4', 'ff00::/8')
export const isLocalMulticast = within('224.0.0.0/24')
export const isLimitedBroadcast = within('255.255.255.255/32')
export const isZero = within('0.0.0.0/32')
export const isLoopback = within('127.0.0.0/8', '::1/128')
export const isLinkLocal6 = within('fe80::/10')
