import type { EniPlan } from '../policy/desired.ts'
import { isLinkLocal } from '../policy/gateway.ts'
import { type Family, familyOf } from '../state/ip.ts'
import { addressAt, contains, isHostPrefix } from '../state/prefix.ts'
import { type Route, table } from '../state/route.ts'
import { isDefault, routableOf } from './enis.ts'
import type { KernelState } from './evidence.ts'

/**
 * The router that the ENI ought to use, as a word for a command: the one that is known and lies in its subnet, that of
 * another ENI of the subnet, else the subnet's first address, which is the router in every VPC.
 */
export function routerOf(kernel: KernelState, plan: EniPlan, family: Family): string {
  const known = [
    plan.routing.find((part) => part.family === family)?.gateway?.address,
    ...defaultsOf(kernel, family).flatMap(({ nexthops }) => nexthops.map(({ gateway }) => gateway)),
  ]
  const near = known.find((gateway) => gateway !== undefined && !isOutside(kernel, plan, gateway))
  const [subnet] = subnetsOf(kernel, plan, family)
  return near ?? (subnet && family === 4 ? addressAt(subnet, 1) : 'ROUTER')
}

/** Main's default routes of a family, the best first. */
export const defaultsOf = ({ all }: KernelState, family: Family): Route[] =>
  all.routes
    .filter((route) => route.table === table.main && route.family === family && isDefault(route))
    .sort((a, b) => a.metric - b.metric)

/**
 * Is the router in none of the ENI's subnets, and behind no route of main that makes it a neighbour? With an address of the
 * length of a host there is no subnet to tell by.
 */
export function isOutside(kernel: KernelState, plan: EniPlan, gateway: string | undefined): boolean {
  if (gateway === undefined || isLinkLocal(gateway)) {
    return false
  }
  const subnets = subnetsOf(kernel, plan, familyOf(gateway))
  // Our own tables have a host route to whatever router main names.
  const own = new Set([...kernel.assessment.desired.tables.values()].map((assigned) => assigned.table))
  const neighbour = kernel.all.routes.some(
    ({ table: number, destination, nexthops }) =>
      !own.has(number) &&
      destination.length > 0 &&
      contains(destination, gateway) &&
      nexthops.some((hop) => hop.oif === plan.eni.link.index && hop.gateway === undefined),
  )
  return subnets.length > 0 && !neighbour && !subnets.some((subnet) => contains(subnet, gateway))
}

const subnetsOf = (kernel: KernelState, plan: EniPlan, family: Family) =>
  routableOf(kernel, plan)
    .filter(({ address, onLink }) => familyOf(address) === family && !isHostPrefix(onLink))
    .map(({ onLink }) => onLink)
