import type { Link } from '../state/link.ts'
import type { Rule } from '../state/rule.ts'
import { isShared, networkPlugin, type Plugin } from './hands-off.ts'
import { Kept } from './kept.ts'
import type { Knowledge } from './knowledge.ts'
import { bestMatch, type Match } from './pattern.ts'
import type { Settings } from './settings.ts'

/** Drivers that only an EC2 instance's own interfaces have: ENA, Intel 82599 VF, Xen. */
export const ec2Drivers: readonly string[] = ['ena', 'ixgbevf', 'vif']

/** A link that is an elastic network interface. */
export interface Eni {
  readonly link: Link
  /** false: it is in the link group, but has no rules and no table. */
  readonly managed: boolean
  /** Why it is not managed. */
  readonly unmanagedBecause?: string
  /** The container network plug-in of the host: it gives further addresses of the ENI to pods. */
  readonly plugin?: string
  /** The driver or the metadata tells that this is EC2, so that the VPC's conventions for routers hold. */
  readonly onEc2: boolean
}

/** A link that a pattern or driver names, and that is no ENI all the same. */
export interface PassedOver {
  readonly link: Link
  readonly because: string
}

export interface EniSelection {
  /** By ascending ifindex. */
  readonly enis: readonly Eni[]
  readonly passedOver: readonly PassedOver[]
}

/** What names links: the configuration, and the metadata. */
export type Naming = Pick<Settings, 'include' | 'knowledge'>

/** Does a pattern, an EC2 driver or the metadata name the link? Not every link that is named is an ENI. */
export const isNamed = (link: Link, naming: Naming): boolean => matchOf(link, naming) !== undefined

const matchOf = (link: Link, { include, knowledge }: Naming): Match =>
  bestMatch(include, link, knowledge.enis.get(link.mac)?.id) ??
  (hasEc2Driver(link) || isInMetadata(link, knowledge) ? 'class' : undefined)

const hasEc2Driver = ({ driver }: Link): boolean => driver !== undefined && ec2Drivers.includes(driver)

/** VLANs, macvlans and bridges have the MAC of the ENI below them, and are not meant. */
const isInMetadata = (link: Link, { enis }: Knowledge): boolean =>
  enis.has(link.mac) && (link.kind === undefined || mayBeEni(link))

/** Might the metadata name this link, now or later? Container runtimes make and drop many that it never does. */
export const mayBeEni = (link: Link): boolean =>
  !link.loopback && link.mac !== '' && disqualification(link, 'class') === undefined

/** Tells which links are ENIs. Loopback never is; virtual links only where the configuration names them closely enough. */
export function selectEnis(links: readonly Link[], settings: Selecting, rules: readonly Rule[] = []): EniSelection {
  const plugin = plugins.of('', [links, rules], () => networkPlugin(links, rules))
  return selections.of('', [links, settings, plugin?.evidence], () => select(links, settings, plugin))
}

type Selecting = Pick<Settings, 'include' | 'exclude' | 'manage' | 'knowledge'>
const plugins = new Kept<Plugin | undefined>()
const selections = new Kept<EniSelection>()

function select(links: readonly Link[], settings: Selecting, plugin: Plugin | undefined): EniSelection {
  const enis: Link[] = []
  const passedOver: PassedOver[] = []
  for (const link of [...links].sort((a, b) => a.index - b.index)) {
    const match = matchOf(link, settings)
    if (link.loopback || !match) {
      continue
    }
    const because = match === 'exact' ? undefined : disqualification(link, match)
    if (because) {
      passedOver.push({ link, because })
    } else {
      enis.push(link)
    }
  }
  const eniOf = (link: Link): Eni => {
    const onEc2 = hasEc2Driver(link) || settings.knowledge.enis.has(link.mac)
    const driver = plugin && !isShared(link, enis, settings.knowledge) ? plugin : undefined
    return { link, onEc2, ...(plugin ? { plugin: plugin.name } : {}), ...management(link, settings, driver) }
  }
  return { enis: enis.map(eniOf), passedOver }
}

function management(
  link: Link,
  { exclude, manage, knowledge }: Pick<Settings, 'exclude' | 'manage' | 'knowledge'>,
  driver: Plugin | undefined,
): Pick<Eni, 'managed' | 'unmanagedBecause'> {
  const names = (patterns: readonly string[]) => bestMatch(patterns, link, knowledge.enis.get(link.mac)?.id)
  if (names(exclude)) {
    return { managed: false, unmanagedBecause: 'excluded by the configuration' }
  }
  return driver && !names(manage)
    ? { managed: false, unmanagedBecause: `driven by ${driver.name} (${driver.evidence}); interfaces.manage overrules` }
    : { managed: true }
}

/** Names that container runtimes and network plug-ins give to the host's end of a veth pair. */
const containerVeth = /^(veth|cali|lxc|vnet|v[eb]-|azv|cni|eni[0-9a-f]{11}$)/

function disqualification(link: Link, match: Match): string | undefined {
  if (link.slaveKind !== undefined || link.master !== undefined) {
    return `enslaved to a ${link.slaveKind ?? 'master'}: its addresses are on the master`
  }
  if (link.parent !== undefined) {
    return 'a child of another link'
  }
  if (link.kind === undefined || link.kind === 'dummy') {
    return undefined
  }
  if (link.kind !== 'veth') {
    return `a virtual link (${link.kind}); name it in full under interfaces.include if it is an ENI`
  }
  return match === 'wild' || containerVeth.test(link.name)
    ? 'looks like the end of a container; name it in full under interfaces.include if it is an ENI'
    : undefined
}

/** Patterns of `include` that meet no link at present: an interface that is yet to come, or a slip. */
export const idlePatterns = (links: readonly Link[], { include, knowledge }: Naming): readonly string[] =>
  include.filter(
    (pattern) =>
      !pattern.startsWith('driver:') &&
      !links.some((link) => bestMatch([pattern], link, knowledge.enis.get(link.mac)?.id)),
  )
