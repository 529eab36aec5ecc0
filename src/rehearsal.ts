import type { Kernel } from './kernel/port.ts'
import type { Look } from './look.ts'
import { desiredState } from './policy/desired.ts'
import { diff } from './policy/diff.ts'
import type { Settings } from './policy/settings.ts'
import { isRoutable } from './state/address.ts'
import { familyOf } from './state/ip.ts'

/** An address that no host has (RFC 5737). */
const imagined = '192.0.2.1'

/**
 * Goes through everything that one more address of an ENI calls for, short of sending it: V8 compiles what has run often,
 * and the first address that comes is not to wait for that. Changes nothing.
 */
export function rehearse({ snapshot, desired }: Look, kernel: Kernel, settings: Settings): void {
  const { addresses } = snapshot
  const links = new Set(desired.enis.filter(({ table }) => table !== undefined).map(({ eni }) => eni.link.index))
  const at = addresses.findLastIndex(
    (own) => links.has(own.linkIndex) && isRoutable(own) && familyOf(own.address) === 4,
  )
  const model = addresses[at]
  if (model) {
    const more = { ...model, address: imagined, secondary: true }
    const grown = { ...snapshot, addresses: [...addresses.slice(0, at + 1), more, ...addresses.slice(at + 1)] }
    kernel.rehearse(diff(grown, desiredState(grown, settings, desired.tables), settings))
  }
}
