import { type Address, isRoutable } from '../../state/address.ts'
import type { Link } from '../../state/link.ts'
import { contains } from '../../state/prefix.ts'
import { table } from '../../state/route.ts'
import { selectEnis } from '../enis.ts'
import { agrees, isHidden, type KernelWay } from '../fib/answer.ts'
import type { Packet } from '../fib/packet.ts'
import { type Fib, fibOf, type Picture } from '../fib/picture.ts'
import type { Step } from '../fib/rules.ts'
import { type Fate, type Way, wayOut, wayThrough } from '../fib/way.ts'
import { isOurRoute, isOurRule } from '../ownership.ts'
import type { Settings } from '../settings.ts'
import { withoutUs } from './without.ts'

/** What an explanation is made from. */
export interface World {
  readonly fib: Fib
  /** As it would be without this program. */
  readonly bare: Fib
  readonly addresses: readonly Address[]
  readonly settings: Settings
}

export const worldOf = (picture: Picture & Pick<World, 'addresses'>, settings: Settings): World => ({
  fib: fibOf(picture),
  bare: fibOf(withoutUs(picture, settings)),
  addresses: picture.addresses,
  settings,
})

/** Is the way out the way that packets to its source come in by? */
export type Symmetry = { readonly verdict: 'yes' | 'no' | 'neutral'; readonly why: string }

/** Everything about the way of one packet. */
export interface Account {
  readonly packet: Packet
  readonly way: Way
  /** The way without this program. */
  readonly without: Way
  readonly symmetry: Symmetry
  readonly symmetryWithout: Symmetry
  /** RTM_GETROUTE's answer, and whether the model says the same. */
  readonly kernel: KernelWay
  readonly agrees: boolean
  /** The kernel uses a route that its own listing does not show. */
  readonly hidden: boolean
  /** The source's ENI has a table of ours, and no rule of ours led there: one is missing. */
  readonly unled?: { readonly link: number; readonly table: number }
}

/** Accounts for a packet that this host sends, or (with an iif) one that comes in and may go on. */
export function accountFor(
  world: World,
  packet: Packet,
  kernel: KernelWay,
  entrance?: Link,
  forwarding = true,
): Account {
  const wayIn = (fib: Fib) => (packet.iif === undefined ? wayOut(fib, packet) : wayThrough(fib, packet, forwarding))
  const way = wayIn(world.fib)
  const without = wayIn(world.bare)
  const expected = entrance ?? ownerOf(world, packet.source)
  const unled = unledBy(world, packet, way)
  const comparable = packet.iif === undefined ? wayOut(world.fib, packet, { asked: true }) : way
  return {
    packet,
    way,
    without,
    symmetry: symmetryOf(world, way, expected),
    symmetryWithout: symmetryOf(world, without, expected),
    kernel,
    agrees: agrees(comparable, kernel),
    hidden: isHidden(kernel, world.fib.picture.routes),
    ...(unled ? { unled } : {}),
  }
}

/** Only where the search came past all rules of ours: a rule of others may stand in front. */
function unledBy({ fib, addresses, settings }: World, packet: Packet, { steps }: Way): Account['unled'] {
  const own = addresses.find((candidate) => candidate.address === packet.source)
  const route = fib.picture.routes.find(
    (candidate) =>
      candidate.family === packet.family &&
      candidate.table !== table.main &&
      isOurRoute(settings, candidate) &&
      candidate.nexthops[0]?.oif === own?.linkIndex,
  )
  if (!own || !route || !isRoutable(own) || packet.iif !== undefined || packet.oif !== undefined) {
    return undefined
  }
  const last = Math.max(
    0,
    ...fib.rules(packet.family).flatMap((rule) => (isOurRule(settings, rule) ? rule.priority : [])),
  )
  const led = steps.some(
    ({ rule, event }) => isOurRule(settings, rule) && 'table' in event && event.table === route.table,
  )
  const ended = steps.at(-1)
  const past = ended === undefined || ended.rule.priority > last || !('table' in ended.event)
  return led || !past || leftBefore(steps, settings) ? undefined : { link: own.linkIndex, table: route.table }
}

/** Main's own routes, to containers and the like, come first, by a rule of ours. */
const leftBefore = (steps: readonly Step[], settings: Settings): boolean => {
  const ended = steps.at(-1)
  return ended?.event.kind === 'taken' && isOurRule(settings, ended.rule)
}

/** The link that has the address, and that packets to it come in by. */
export function ownerOf({ fib, addresses }: World, address: string): Link | undefined {
  const owner = addresses.find((candidate) => candidate.address === address)
  return owner && fib.links.get(owner.linkIndex)
}

/** Indexes of the links by which a packet of these fates may leave. */
export const exitsOf = (fates: readonly Fate[]): readonly number[] => [
  ...new Set(
    fates.flatMap((fate) => {
      if (fate.kind === 'leaves') return fate.choices.map(({ hop }) => hop.oif ?? 0)
      return fate.kind === 'on-link' ? [fate.hop.oif ?? 0] : []
    }),
  ),
]

function symmetryOf({ fib, settings }: World, { fates }: Way, entrance: Link | undefined): Symmetry {
  const refused = fates.find((fate) => fate.kind === 'refused')
  const exits = exitsOf(fates)
  const names = exits.map((index) => fib.links.get(index)?.name ?? `if${index}`)
  if (fates.some(({ kind }) => kind === 'local')) {
    return { verdict: 'neutral', why: 'it stays on this host' }
  }
  if (exits.length === 0) {
    return { verdict: 'no', why: `it does not leave: ${refused?.kind === 'refused' ? refused.error : 'no way'}` }
  }
  if (!entrance) {
    return {
      verdict: 'neutral',
      why: 'no link has its source address, so that nothing tells by which it would come in',
    }
  }
  if (exits.every((index) => index === entrance.index)) {
    return { verdict: 'yes', why: `it leaves by ${entrance.name}, by which packets to its source come in` }
  }
  const enis = new Set(selectEnis(fib.picture.links, settings).enis.map(({ link }) => link.index))
  const astray = exits.filter((index) => index !== entrance.index && enis.has(index))
  if (fates.every((fate) => isHonoured(fate, settings))) {
    return {
      verdict: 'neutral',
      why: `it leaves by ${names.join(' or ')} and not by ${entrance.name}, as routing.honour has it: the VPC drops it unless the source check of ${names.join(' and ')} is off`,
    }
  }
  return astray.length > 0 || exits.length > 1
    ? {
        verdict: 'no',
        why: `it leaves by ${names.join(' or ')}, and packets to its source come in by ${entrance.name}: the VPC drops it`,
      }
    : { verdict: 'neutral', why: `it leaves by ${names.join(' or ')}, which is no ENI` }
}

/** A route of ours through another ENI, for a destination that the configuration honours. */
const isHonoured = (fate: Fate, settings: Settings): boolean =>
  fate.kind === 'leaves' &&
  fate.choices.every(
    ({ route }) =>
      isOurRoute(settings, route) &&
      settings.honour.some(
        (block) => block.length <= route.destination.length && contains(block, route.destination.address),
      ),
  )
