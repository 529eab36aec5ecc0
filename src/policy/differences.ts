import { type Address, scope } from '../state/address.ts'
import { families, familyOf } from '../state/ip.ts'
import { linkWord } from '../state/link.ts'
import { contains } from '../state/prefix.ts'
import type { Snapshot } from '../state/snapshot.ts'
import type { Desired } from './desired.ts'
import type { Eni } from './enis.ts'
import { enumerate } from './enumerate.ts'
import type { EniFacts } from './knowledge.ts'
import type { Settings } from './settings.ts'

/** What the metadata and the kernel say differently of an ENI's addresses. */
export interface Difference {
  readonly eni: Eni
  /** The VPC gives them to the ENI, and its link has them not. With a container network plug-in all but the first are pods'. */
  readonly missing: readonly string[]
  /** The link has them, and the VPC knows nothing of it: what they send is dropped. */
  readonly unlisted: readonly string[]
}

/** Differences by ENI; none where nothing is known. The kernel's addresses are acted upon, whatever this says. */
export function differences(snapshot: Snapshot, desired: Desired, { knowledge }: Settings): Difference[] {
  return desired.enis
    .filter(({ eni }) => eni.managed)
    .flatMap(({ eni }) => {
      const facts = knowledge.enis.get(eni.link.mac)
      return facts ? [compare(eni, facts, snapshot.addresses)] : []
    })
    .filter(({ missing, unlisted }) => missing.length + unlisted.length > 0)
}

function compare(eni: Eni, { addresses, delegated }: EniFacts, seen: readonly Address[]): Difference {
  const own = seen.filter(({ linkIndex }) => linkIndex === eni.link.index)
  const lists = families.flatMap((family) => addresses[family] ?? [])
  const missing = lists
    .flatMap(({ latest }) => (eni.plugin ? latest.slice(0, 1) : latest))
    .filter((listed) => !own.some(({ address }) => address === listed))
  const unlisted = own
    .filter(isGivenByVpc)
    .map(({ address }) => address)
    .filter((address) => {
      const list = addresses[familyOf(address)]
      const told = list && [...list.latest, ...(list.before ?? [])]
      return told !== undefined && !told.includes(address) && !delegated.some((prefix) => contains(prefix, address))
    })
  return { eni, missing, unlisted }
}

/** IPv6 temporary addresses (RFC 8981) are the host's own invention, and link-local ones need nobody. */
const isGivenByVpc = ({ address, scope: where, secondary }: Address): boolean =>
  where < scope.link && !(secondary && familyOf(address) === 6)

/** For people: what differs, and the setting or command that mends it. `missing`: it may still be on its way. */
export function explainDifference({ eni, missing, unlisted }: Difference, { addressing, knowledge }: Settings) {
  const { index, name, up } = eni.link
  const told: { problem: string; remedy: string; missing?: true }[] = []
  if (missing.length > 0) {
    const state = up ? '' : ', and is down'
    const automatic = 'addresses.mode = "imds" lets the daemon configure an ENI that is bare'
    const other = 'somebody else configures this ENI, and has to add them'
    const byHand = `ip address add ${missing[0]} dev ${linkWord(name)}`
    const mends = `${addressing === 'imds' ? other : automatic}; by hand: ${byHand}`
    const takenDown = !up && knowledge.raised.has(index)
    told.push({
      missing: true,
      problem: `${name} lacks ${enumerate(missing)}, which the metadata lists${state}`,
      remedy: takenDown
        ? `somebody took it down; its addresses come back with: ip link set dev ${linkWord(name)} up`
        : mends,
    })
  }
  if (unlisted.length > 0) {
    told.push({
      problem: `${name} has ${enumerate(unlisted)}, which the metadata does not list: the VPC drops what is sent from there`,
      remedy: `assign it to the ENI in the VPC, or: ip address del ${unlisted[0]} dev ${linkWord(name)}`,
    })
  }
  return told
}
