import type { EniPlan } from '../policy/desired.ts'
import type { Address } from '../state/address.ts'
import { isRoutable } from '../state/address.ts'
import type { Route } from '../state/route.ts'
import type { KernelState } from './evidence.ts'

/** ENIs that the program routes. */
export const managed = ({ assessment }: KernelState): EniPlan[] =>
  assessment.desired.enis.filter(({ eni }) => eni.managed)

/** With fewer than two ENIs nothing is asymmetric. */
export const isMultihomed = (kernel: KernelState | undefined): kernel is KernelState =>
  kernel?.assessment.desired.active === true

export const addressesOf = ({ all }: KernelState, { eni }: EniPlan): Address[] =>
  all.addresses.filter((address) => address.linkIndex === eni.link.index)

/** Those that packets beyond the subnet can have. */
export const routableOf = (kernel: KernelState, plan: EniPlan): Address[] =>
  addressesOf(kernel, plan).filter(isRoutable)

/** The ENI that has the address. */
export const ownerOf = (kernel: KernelState, address: string): EniPlan | undefined =>
  managed(kernel).find((plan) => addressesOf(kernel, plan).some((own) => own.address === address))

export const isDefault = (route: Route): boolean => route.destination.length === 0 && route.type === 'unicast'
