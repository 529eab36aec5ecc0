import type { Address } from '../state/address.ts'
import { type Family, families, familyOf } from '../state/ip.ts'
import { hostPrefix, type Prefix } from '../state/prefix.ts'
import { table } from '../state/route.ts'
import type { Snapshot } from '../state/snapshot.ts'
import { type Addressing, noAddressing, wantedAddressing } from './addressing.ts'
import { delegatedPrefixes } from './delegated.ts'
import { type Eni, type PassedOver, selectEnis } from './enis.ts'
import { chooseGateway, type EniFamily, type Gateway } from './gateway.ts'
import type { Holding, WantedRule } from './holding.ts'
import { Kept, KeptList } from './kept.ts'
import { type MainRoutes, sortMain } from './main-routes.ts'
import { desiredMarking, type Marking, noMarking } from './marking.ts'
import { eniFamily } from './onlink.ts'
import { isOurRoute } from './ownership.ts'
import { withRecollection } from './recollection.ts'
import { addressesOfRoutes, type WantedRoute, wantedRoutes } from './routes.ts'
import { wantedRules } from './rules.ts'
import type { Numbers, Settings } from './settings.ts'
import { assignTables, type Tables } from './tables.ts'
import { transitEnis } from './transit.ts'

/** What one ENI has in one family, for people and for the proof of the outcome. */
export interface EniRouting {
  readonly family: Family
  readonly addresses: readonly string[]
  /** Prefixes that the VPC delegates to the ENI: their packets leave by it too. */
  readonly delegated: readonly Prefix[]
  readonly gateway?: Gateway
}

export interface EniPlan {
  readonly eni: Eni
  readonly table?: number
  /** Families in which the ENI has an address. */
  readonly routing: readonly EniRouting[]
  /** What shows that the ENI carries packets of other hosts: they are left to main, and get no mark. */
  readonly transit?: string
}

/** The state that the kernel should be in. */
export interface Desired {
  /** false: fewer than two ENIs, so nothing is asymmetric and nothing is wanted. */
  readonly active: boolean
  /** Link group by ifindex, for every ENI. */
  readonly groups: ReadonlyMap<number, number>
  readonly routes: readonly WantedRoute[]
  readonly rules: readonly WantedRule[]
  readonly tables: Tables
  /** An ENI has no table since all that were read are in foreign use: read more of them. */
  readonly starved: boolean
  readonly addressing: Addressing
  readonly enis: readonly EniPlan[]
  readonly passedOver: readonly PassedOver[]
  readonly marking: Marking
}

/** What the kernel should hold of ours where there is nothing to do, or everything is to go. */
export const nothingDesired: Desired = {
  active: false,
  groups: new Map(),
  routes: [],
  rules: [],
  tables: new Map(),
  starved: false,
  addressing: noAddressing,
  enis: [],
  passedOver: [],
  marking: noMarking,
}

/** Decides, from the kernel as it is and the configuration alone, what the kernel should hold. */
export function desiredState(snapshot: Snapshot, given: Settings, remembered: Tables): Desired {
  const present = decide(snapshot, given, remembered)
  const soon = foresee(snapshot, present.addressing)
  if (!soon) {
    return present
  }
  const { routes, rules, tables, starved, marking } = decide(soon, given, remembered)
  return { ...present, routes, rules, tables, starved, marking }
}

/**
 * The kernel with the IPv4 addresses that are to be put there, where there are any: what they call for goes with them, in one
 * batch, and answers some ms sooner. An IPv6 address may be refused, where IPv6 is switched off, and has to be there first.
 */
function foresee(snapshot: Snapshot, { up, add }: Addressing): Snapshot | undefined {
  const coming = add.filter(({ address }) => familyOf(address) === 4)
  if (coming.length === 0) {
    return undefined
  }
  const raised = new Set(up.map(({ index }) => index))
  return {
    ...snapshot,
    links: snapshot.links.map((link) => (raised.has(link.index) ? { ...link, up: true } : link)),
    addresses: [...snapshot.addresses, ...coming],
  }
}

function decide(snapshot: Snapshot, given: Settings, remembered: Tables): Desired {
  const settings = withRecollection(given, snapshot)
  const { enis, passedOver } = selectEnis(snapshot.links, settings, snapshot.rules)
  if (enis.length < 2) {
    return { ...nothingDesired, enis: enis.map((eni) => ({ eni, routing: [] })), passedOver }
  }
  const tables = assignTables(snapshot, enis, settings, remembered)
  const parts = enis.map((eni) => ({
    eni,
    families: families.map((family) => eniFamily(snapshot, eni, family, settings)),
  }))
  const world = { snapshot, settings, families: familyWorlds(snapshot, parts) }
  const transit = transitEnis(snapshot.links, snapshot.rules, enis, settings)
  const plans = parts.map((part) => {
    const { index } = part.eni.link
    const because = transit.get(index)
    const { plan, ...wants } = planEni(world, part, tables.get(index)?.table)
    return { ...wants, plan: because === undefined ? plan : { ...plan, transit: because } }
  })
  const marking = desiredMarking(
    snapshot,
    plans.map(({ plan }) => plan),
    settings,
  )
  const routes = plans.flatMap((wants) => wants.routes)
  const rules = wantedRules(
    plans.flatMap(({ holdings }) => holdings),
    settings.numbers,
  )
  return {
    active: true,
    groups: groupsOf(enis, settings.numbers),
    routes: routesOf.of('', routes, () => routes),
    rules: rulesOf.of('', [rules, ...marking.rules], () =>
      marking.rules.length === 0 ? rules : [...rules, ...marking.rules],
    ),
    tables,
    starved: parts.some((part) => isStarved(part, tables)),
    addressing: wantedAddressing(enis, snapshot, settings),
    enis: plans.map(({ plan }) => plan),
    passedOver,
    marking,
  }
}

// Lists that have not changed are those that they were: who compares them is done at once.
const routesOf = new Kept<readonly WantedRoute[]>()
const rulesOf = new Kept<readonly WantedRule[]>()
const groups = new Kept<ReadonlyMap<number, number>>()

const groupsOf = (enis: readonly Eni[], { linkGroup }: Numbers): ReadonlyMap<number, number> =>
  groups.of(
    '',
    [enis, linkGroup],
    () => new Map(linkGroup === 0 ? [] : enis.map(({ link }) => [link.index, linkGroup])),
  )

interface EniWants {
  readonly plan: EniPlan
  readonly routes: readonly WantedRoute[]
  readonly holdings: readonly Holding[]
}

/** What the plan of one ENI is made from. */
interface World {
  readonly snapshot: Snapshot
  readonly settings: Settings
  readonly families: Readonly<Record<Family, FamilyWorld>>
}

interface FamilyWorld {
  readonly main: MainRoutes
  readonly parts: readonly EniFamily[]
  /** Of each ENI the link and its subnets: what the others need to know of it. The very list as long as it says the same. */
  readonly neighbourhood: readonly unknown[]
}

const mainRoutes = new Kept<MainRoutes>()
const neighbourhoods = new Kept<readonly unknown[]>()

function familyWorlds({ routes }: Snapshot, enis: readonly EniParts[]): World['families'] {
  const inMain = () => routes.filter((route) => route.table === table.main)
  const worldOf = (family: Family): FamilyWorld => {
    const parts = enis.flatMap((eni) => eni.families.filter((part) => part.family === family))
    const neighbourhood = parts.flatMap(({ index, subnets }) => [index, subnets])
    return {
      main: mainRoutes.of(String(family), [routes], () => sortMain(family, inMain())),
      parts,
      neighbourhood: neighbourhoods.of(String(family), neighbourhood, () => neighbourhood),
    }
  }
  return { 4: worldOf(4), 6: worldOf(6) }
}

interface EniParts {
  readonly eni: Eni
  readonly families: readonly EniFamily[]
}

const isStarved = ({ eni, families }: EniParts, tables: Tables): boolean =>
  eni.managed && !tables.has(eni.link.index) && families.some(({ addresses }) => addresses.length > 0)

function planEni(world: World, { eni, families }: EniParts, number: number | undefined): EniWants {
  if (number === undefined) {
    return { plan: { eni, routing: [] }, routes: [], holdings: [] }
  }
  const wants = families
    .filter(({ addresses }) => addresses.length > 0)
    .map((part) => planFamily(world, eni, part, number))
  return {
    plan: { eni, table: number, routing: wants.map(({ routing }) => routing) },
    routes: wants.flatMap(({ routes }) => routes),
    holdings: wants.map(({ holding }) => holding),
  }
}

const holdings = new Kept<Holding>()
const texts = new KeptList<Address, string>()
const hosts = new KeptList<Address, Prefix>()
const routes = new Kept<{ readonly gateway: Gateway | undefined; readonly wanted: readonly WantedRoute[] }>()

function planFamily(world: World, eni: Eni, part: EniFamily, number: number) {
  const { settings } = world
  const key = `${part.family} ${eni.link.name}`
  const siblings = () => world.families[part.family].parts.filter((other) => other !== part)
  const addresses = texts.of(key, part.addresses, ({ address }) => address)
  const delegated = delegatedPrefixes(settings.knowledge.enis.get(eni.link.mac), part, siblings)
  const { gateway, wanted } = routesFor(world, eni, part, siblings, number)
  return {
    routing: { family: part.family, addresses, delegated, ...(gateway ? { gateway } : {}) },
    routes: wanted,
    holding: holdings.of(key, [part, number, ...delegated], () => ({
      family: part.family,
      link: eni.link.name,
      table: number,
      sources: [...hosts.of(key, part.addresses, ({ address }) => hostPrefix(address)), ...delegated],
    })),
  }
}

/** Of the other ENIs only links and subnets matter: their addresses come and go without a change here. */
function routesFor(
  { snapshot, settings, families }: World,
  eni: Eni,
  part: EniFamily,
  siblings: () => readonly EniFamily[],
  number: number,
) {
  const { main, neighbourhood } = families[part.family]
  const own = [part.subnets, ...part.vpcSubnets, ...addressesOfRoutes(part, main)]
  const from = [settings, eni, number, snapshot.routes, neighbourhood, ...own]
  return routes.of(`${part.family} ${eni.link.index}`, from, () => {
    const others = siblings()
    const present = () => snapshot.routes.filter((route) => route.table === number && isOurRoute(settings, route))
    const gateway = chooseGateway(part, others, main, present)
    const target = { table: number, protocol: settings.numbers.protocol, honour: settings.honour }
    // The kernel refuses routes through a link that is down; the rules can wait for it.
    return { gateway, wanted: eni.link.up ? wantedRoutes(part, others, gateway, main, target) : [] }
  })
}
