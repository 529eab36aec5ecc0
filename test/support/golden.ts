import { addressBits, familyOf } from '../../src/state/ip.ts'
import { networkOf } from '../../src/state/prefix.ts'

/*
 * What the kernel should hold of ours, worked out from README.md alone ("What it puts into the kernel") and without a
 * line of the product's decisions: the oracle that the tests judge by. One object a line, as the judge lists them.
 */

/** An ENI as the golden listing needs it. */
export interface GoldenEni {
  readonly name: string
  readonly table: number
  /** `172.31.0.218/20`; the first of a subnet is the source of its on-link route. */
  readonly addresses: readonly string[]
  readonly gateway4?: string | undefined
  readonly gateway6?: string | undefined
  /** What a router advertisement says of the default route: ` hoplimit 64`. */
  readonly metrics6?: string
  /** A link that is down has no routes. */
  readonly down?: true
  /** Further routes of its table: `4 10.0.0.0/8 via 172.31.0.9 dev eth1 …`. */
  readonly more?: readonly string[]
  /** Where it is not ours. */
  readonly group?: number
}

export interface GoldenNumbers {
  readonly tableBase: number
  readonly priorityBase: number
  readonly protocol: number
  readonly linkGroup: number
}

export const defaultNumbers: GoldenNumbers = {
  tableBase: 20000,
  priorityBase: 20000,
  protocol: 213,
  linkGroup: 20000,
}

/** Every object of ours, sorted. */
export const golden = (enis: readonly GoldenEni[], numbers = defaultNumbers): string[] =>
  enis.flatMap((eni) => [...group(eni, numbers), ...rules(eni, numbers), ...routes(eni, numbers)]).sort()

const group = ({ name, group }: GoldenEni, { linkGroup }: GoldenNumbers) => [`link ${name} group ${group ?? linkGroup}`]

function rules({ name, table, addresses }: GoldenEni, { priorityBase, protocol, linkGroup }: GoldenNumbers): string[] {
  const ofAddresses = addresses
    .map(split)
    .flatMap(({ address, family }) => [
      `rule ${family} priority ${priorityBase} from ${address} lookup main suppress_prefixlength ${family === 4 ? 1 : 4} suppress_ifgroup ${linkGroup} protocol ${protocol}`,
      `rule ${family} priority ${priorityBase + 1} from ${address} lookup ${table} protocol ${protocol}`,
    ])
  const ofDevice = familiesOf(addresses).map(
    (family) => `rule ${family} priority ${priorityBase + 2} from all oif ${name} lookup ${table} protocol ${protocol}`,
  )
  return [...ofAddresses, ...ofDevice]
}

function routes(
  { name, table, addresses, gateway4, gateway6, metrics6 = '', down, more = [] }: GoldenEni,
  { protocol }: GoldenNumbers,
) {
  if (down) {
    return []
  }
  const inTable = `table ${table} proto ${protocol}`
  const sources = new Map<string, string>()
  for (const { address, length, family } of addresses.map(split)) {
    const network = networkOf(address, length).address + (length === addressBits(family) ? '' : `/${length}`)
    // A host address puts nothing on the link.
    if (length < addressBits(family) && !sources.has(`${family} ${network}`)) {
      sources.set(`${family} ${network}`, address)
    }
  }
  const onLink = [...sources].map(([network, source]) =>
    network.startsWith('4')
      ? `route ${network} dev ${name} ${inTable} scope link src ${source}`
      : `route ${network} dev ${name} ${inTable} metric 1024`,
  )
  const families = familiesOf(addresses)
  return [
    ...onLink,
    ...(families.includes(6) ? [`route 6 fe80::/64 dev ${name} ${inTable} metric 1024`] : []),
    ...(families.includes(4) && gateway4 ? [`route 4 default via ${gateway4} dev ${name} ${inTable}`] : []),
    ...(families.includes(6) && gateway6
      ? [`route 6 default via ${gateway6} dev ${name} ${inTable} metric 1024${metrics6}`]
      : []),
    ...more.map((route) => `route ${route}`),
  ]
}

const familiesOf = (addresses: readonly string[]): number[] => [...new Set(addresses.map((text) => split(text).family))]

function split(text: string) {
  const [address, length] = text.split('/') as [string, string]
  return { address, length: Number(length), family: familyOf(address) }
}
