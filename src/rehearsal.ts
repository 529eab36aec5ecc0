import type { Kernel } from './kernel/port.ts'
import type { Look } from './look.ts'
import { type Desired, desiredState } from './policy/desired.ts'
import { diff } from './policy/diff.ts'
import type { Settings } from './policy/settings.ts'
import { type Address, isRoutable } from './state/address.ts'
import { familyOf } from './state/ip.ts'
import type { Snapshot } from './state/snapshot.ts'

/** An address that no host has (RFC 5737). */
const imagined = '192.0.2.1'

/**
 * Goes through everything that one more address of an ENI calls for, or one more ENI where there is but one, short of sending it:
 * V8 compiles what has run often, and the first that comes is not to wait for that. Changes nothing.
 */
export function rehearse({ snapshot, desired }: Look, kernel: Kernel, settings: Settings): void {
  const grown = desired.active ? oneAddressMore(snapshot, desired) : oneEniMore(snapshot, desired)
  if (grown) {
    kernel.rehearse(diff(grown, desiredState(grown, settings, desired.tables), settings))
  }
}

function oneAddressMore(snapshot: Snapshot, { enis }: Desired): Snapshot | undefined {
  const { addresses } = snapshot
  const links = new Set(enis.filter(({ table }) => table !== undefined).map(({ eni }) => eni.link.index))
  const at = addresses.findLastIndex((own) => links.has(own.linkIndex) && isModel(own))
  const model = addresses[at]
  return model && { ...snapshot, addresses: addresses.toSpliced(at + 1, 0, imagine(model)) }
}

/** Its double, by the name of which every pattern that names the one names it too. */
function oneEniMore(snapshot: Snapshot, { enis }: Desired): Snapshot | undefined {
  const { links, addresses } = snapshot
  const link = enis[0]?.eni.link
  const model = addresses.find((own) => own.linkIndex === link?.index && isModel(own))
  const linkIndex = Math.max(...links.map(({ index }) => index)) + 1
  return (
    link &&
    model && {
      ...snapshot,
      links: [...links, { ...link, index: linkIndex }],
      addresses: [...addresses, { ...imagine(model), linkIndex }],
    }
  )
}

const isModel = (own: Address): boolean => isRoutable(own) && familyOf(own.address) === 4

const imagine = (model: Address): Address => ({ ...model, address: imagined, secondary: true })
