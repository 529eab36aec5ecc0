import type { Address } from '../../state/address.ts'
import { type Family, familyOf } from '../../state/ip.ts'
import { type NftChain, type NftFamily, type NftRule, type NftRuleset, preRouting } from '../../state/netfilter.ts'
import type { Packet } from '../fib/packet.ts'
import type { Fib } from '../fib/picture.ts'
import type { Passing } from './load.ts'
import { type Outcome, runRule, type Target } from './rule.ts'

/** What nftables makes of the destination of a packet, the first of its connection, where it comes in. */
export interface Redirection {
  /** With its new destination. */
  readonly packet: Packet
  /** The rule that redirects it: `ip nat DOCKER handle 5`; undefined where none does. */
  readonly by?: string
  /** Rules that may have redirected it elsewhere, and what of them is not understood. */
  readonly doubts: readonly string[]
}

/** By what addresses and names are known. */
interface Surroundings {
  readonly fib: Fib
  readonly addresses: readonly Address[]
}

/** A chain that calls another, this deep at most (NFT_JUMP_STACK_SIZE). */
const deepest = 16

/** Follows the packet through the chains of type nat where it comes in. */
export function redirectionOf(world: Surroundings, ruleset: NftRuleset, packet: Packet): Redirection {
  const entrance = world.fib.links.get(packet.iif ?? 0)
  if (!entrance) {
    return { packet, doubts: [] }
  }
  const walk: Walk = {
    ruleset,
    passing: { fib: world.fib, packet, entrance, mark: packet.mark },
    doubts: [],
    exits: [],
  }
  for (const chain of hooked(ruleset, packet.family)) {
    const end = walkChain(walk, chain, 1)
    if (end.kind === 'redirect') {
      const doubts = [...walk.exits, ...walk.doubts, ...markDoubt(walk)]
      return { packet: redirected(world, marked(walk), end.target), by: end.by, doubts }
    }
    if (end.kind === 'drop') {
      return { packet, doubts: [...walk.doubts, `${end.by} drops it`] }
    }
  }
  return { packet: marked(walk), doubts: [...walk.doubts, ...markDoubt(walk)] }
}

const marked = ({ passing: { packet, mark } }: Walk): Packet => ({ ...packet, mark: mark ?? packet.mark })
const markDoubt = ({ passing: { mark } }: Walk): string[] =>
  mark === undefined ? ['a rule of nftables may have changed its mark'] : []

function hooked({ chains }: NftRuleset, family: Family): NftChain[] {
  const fitting: readonly NftFamily[] = ['inet', family === 4 ? 'ip' : 'ip6']
  return (
    chains
      .filter(
        (chain) => fitting.includes(chain.family) && chain.hook?.number === preRouting && chain.hook.type === 'nat',
      )
      // Of equal ones the kernel asks the newest first (nf_hook_entries_grow); tables are listed in the order of their birth.
      .toReversed()
      .toSorted((a, b) => (a.hook?.priority ?? 0) - (b.hook?.priority ?? 0))
  )
}

interface Walk {
  readonly ruleset: NftRuleset
  readonly passing: Passing
  readonly doubts: string[]
  /** Rules that may have ended it before: of account only where something comes after them. */
  readonly exits: string[]
}

/** `through`: the chain has no more to say; `accept`: its base chain neither. */
type End =
  | { readonly kind: 'through' | 'accept' }
  | { readonly kind: 'drop'; readonly by: string }
  | { readonly kind: 'redirect'; readonly target: Target; readonly by: string }

function walkChain(walk: Walk, { family, table, name }: Omit<NftChain, 'hook'>, depth: number): End {
  const rules = walk.ruleset.rules.filter(
    (rule) => rule.family === family && rule.table === table && rule.chain === name,
  )
  for (const rule of rules) {
    const end = walkRule(walk, rule, depth)
    if (end) return end
  }
  return { kind: 'through' }
}

/** What ends the chain; undefined: the next rule. */
function walkRule(walk: Walk, rule: NftRule, depth: number): End | undefined {
  const outcome = runRule(rule, walk.passing, walk.ruleset)
  if (!outcome?.verdict && !outcome?.target) {
    return undefined
  }
  const { verdict, target, doubt } = outcome
  const by = `${rule.family} ${rule.table} ${rule.chain} handle ${rule.handle}`
  // One of several is one all the same.
  const vague = target?.address !== undefined && doubt === 'one of several addresses or ports'
  if (doubt !== undefined && !vague) {
    walk.doubts.push(...doubtsOf(walk, rule, { ...outcome, doubt, by }, depth))
    return undefined
  }
  if (target) {
    if (vague) walk.doubts.push(`${by}: to ${doubt}`)
    return { kind: 'redirect', target, by }
  }
  switch (verdict?.code) {
    case 'accept':
      return { kind: 'accept' }
    case 'drop':
      return { kind: 'drop', by }
    case 'return':
      return { kind: 'through' }
    case 'jump':
    case 'goto': {
      const end = depth < deepest ? walkChain(walk, { ...rule, name: verdict.chain ?? '' }, depth + 1) : undefined
      if (end && end.kind !== 'through') return end
      return verdict.code === 'goto' ? { kind: 'through' } : undefined
    }
    default:
      return undefined
  }
}

/** A rule of which it is not known whether it is for the packet: of account only where it could redirect it. */
function doubtsOf(
  walk: Walk,
  rule: NftRule,
  { verdict, target, doubt, by }: Outcome & { doubt: string; by: string },
  depth: number,
): string[] {
  if (target) {
    const port = target.port === undefined ? '' : ` port ${target.port}`
    return [`${by} may redirect it to ${target.address ?? 'another place'}${port}: ${doubt} is not known`]
  }
  if (verdict?.code !== 'jump' && verdict?.code !== 'goto') {
    if (verdict?.code === 'other') return [`${by} may redirect it: ${doubt} is not known`]
    walk.exits.push(`${by} may end the search before: ${doubt} is not known`)
    return []
  }
  const inner: Walk = { ...walk, passing: { ...walk.passing }, doubts: [], exits: [] }
  const end = depth < deepest ? walkChain(inner, { ...rule, name: verdict.chain ?? '' }, depth + 1) : undefined
  if (inner.passing.mark !== walk.passing.mark) walk.passing.mark = undefined
  const redirects = end?.kind === 'redirect' || inner.doubts.length > 0
  // What it leaves alone, or ends, may end here, too.
  walk.exits.push(
    ...inner.exits,
    ...(end?.kind === 'accept' || verdict.code === 'goto'
      ? [`${by} may end the search before: ${doubt} is not known`]
      : []),
  )
  return redirects ? [`${by} may redirect it, by its chain ${verdict.chain}: ${doubt} is not known`] : []
}

function redirected({ addresses }: Surroundings, packet: Packet, { address, port, toLink }: Target): Packet {
  const own = addresses.find((a) => a.linkIndex === packet.iif && familyOf(a.address) === packet.family)?.address
  return {
    ...packet,
    destination: address ?? (toLink ? (own ?? packet.destination) : packet.destination),
    destinationPort: port ?? packet.destinationPort,
  }
}
