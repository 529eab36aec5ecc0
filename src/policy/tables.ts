import { isRoutable } from '../state/address.ts'
import { type Route, table } from '../state/route.ts'
import type { Snapshot } from '../state/snapshot.ts'
import type { Eni } from './enis.ts'
import { numbersOf } from './knowledge.ts'
import { isOurRoute, isOurRule } from './ownership.ts'
import { inTableBand, type Settings } from './settings.ts'

/** A table given to an ENI; the MAC tells a link from a later one with the same ifindex. */
export interface TableAssignment {
  readonly mac: string
  readonly table: number
}

/** By ifindex. */
export type Tables = ReadonlyMap<number, TableAssignment>

/** Tables beyond one an ENI that an observation reads at first, so that a choice can avoid those in foreign use. */
export const spareTables = 8

/**
 * The table of each managed ENI that has, or had, an address. A table once given stays with its ENI: the one remembered from the
 * last pass, else the one that the kernel's own state shows. Others get the one of their device number, where that is known
 * and free, else the lowest number that nobody uses, the ENI with the best default route first.
 */
export function assignTables(snapshot: Snapshot, enis: readonly Eni[], settings: Settings, remembered: Tables): Tables {
  const candidates = enis.filter(
    (eni) =>
      eni.managed &&
      (rememberedTable(remembered)(eni) !== undefined ||
        snapshot.addresses.some((a) => a.linkIndex === eni.link.index && isRoutable(a))),
  )
  const assigned = new Map<number, TableAssignment>()
  const taken = new Set<number>()
  const give = (eni: Eni, number: number | undefined) => {
    if (number !== undefined && !taken.has(number) && inTableBand(settings.numbers, number)) {
      taken.add(number)
      assigned.set(eni.link.index, { mac: eni.link.mac, table: number })
    }
  }
  const settled = (): Tables => (isEqual(assigned, remembered) ? remembered : assigned)
  const lacks = () => candidates.some(({ link }) => !assigned.has(link.index))
  for (const eni of candidates) {
    give(eni, rememberedTable(remembered)(eni))
  }
  // Evidence by its strength, of one kind for every ENI: an address that moved, or that two ENIs have, gives no table away.
  for (const known of lacks() ? tablesInKernel(snapshot, settings) : []) {
    for (const eni of candidates.filter(({ link }) => !assigned.has(link.index))) {
      give(eni, known(eni))
    }
  }
  if (!lacks()) {
    return settled()
  }
  const foreign = foreignTables(snapshot, settings)
  const without = primaryFirst(snapshot, candidates).filter(({ link }) => !assigned.has(link.index))
  for (const eni of without) {
    const slot = slotOf(eni.link.mac, settings)
    give(eni, slot !== undefined && snapshot.tables.includes(slot) && !foreign.has(slot) ? slot : undefined)
  }
  for (const eni of without.filter(({ link }) => !assigned.has(link.index))) {
    give(eni, lowestFree(snapshot, new Set([...taken, ...foreign]), settings))
  }
  return settled()
}

const isEqual = (some: Tables, other: Tables): boolean =>
  some.size === other.size &&
  [...some].every(([index, { mac, table: number }]) => {
    const counterpart = other.get(index)
    return counterpart?.mac === mac && counterpart.table === number
  })

/** Device numbers from here on have no table of their own: the next card's would begin there. */
const devicesPerCard = 100
/** Where ENIs get a table whose device number is not known when they need it: behind those of ninety cards. */
const unnumbered = 9_000

/** The table of a device: base + 100 · network card + device number; undefined where the metadata has not told them. */
export function slotOf(mac: string, { numbers, knowledge }: Settings): number | undefined {
  const told = numbersOf(knowledge, mac)
  const offset = told && devicesPerCard * told.card + told.device
  return offset === undefined || told!.device >= devicesPerCard || offset >= unnumbered
    ? undefined
    : numbers.tableBase + offset
}

/** The first table for ENIs without a known device number. */
export const firstUnnumbered = ({ numbers, knowledge }: Settings): number =>
  numbers.tableBase + (knowledge.expected ? unnumbered : 0)

type TableOf = (eni: Eni) => number | undefined

const rememberedTable =
  (remembered: Tables): TableOf =>
  ({ link }) => {
    const last = remembered.get(link.index)
    return last?.mac === link.mac ? last.table : undefined
  }

/** A route by a router may be one that is honoured, through another ENI than the table's own; these never are. */
const isAnchor = ({ destination, nexthops }: Route): boolean => destination.length === 0 || !nexthops[0]?.gateway

/** The table that routes or rules of ours already tie to an ENI: after a restart the kernel is all that is known. */
function tablesInKernel(snapshot: Snapshot, settings: Settings): readonly TableOf[] {
  const routes = snapshot.routes.filter((route) => route.nexthops.length === 1 && isOurRoute(settings, route))
  const rules = snapshot.rules.filter((rule) => inTableBand(settings.numbers, rule.table) && isOurRule(settings, rule))
  const has = ({ link }: Eni, address: string | undefined) =>
    snapshot.addresses.some((own) => own.linkIndex === link.index && own.address === address)
  return [
    ({ link }) => routes.find((route) => isAnchor(route) && route.nexthops[0]?.oif === link.index)?.table,
    (eni) => rules.find((rule) => has(eni, rule.source?.address))?.table,
    ({ link }) => rules.find((rule) => rule.oif === link.name)?.table,
  ]
}

function foreignTables(snapshot: Snapshot, settings: Settings): Set<number> {
  const routes = snapshot.routes.filter((route) => !isOurRoute(settings, route)).map((route) => route.table)
  const rules = snapshot.rules.filter((rule) => !isOurRule(settings, rule)).map((rule) => rule.table)
  return new Set([...routes, ...rules])
}

/** Of the tables that were read; undefined where all of them are in use. */
const lowestFree = (snapshot: Snapshot, taken: ReadonlySet<number>, settings: Settings): number | undefined =>
  [...snapshot.tables]
    .sort((a, b) => a - b)
    .find(
      (number) => inTableBand(settings.numbers, number) && number >= firstUnnumbered(settings) && !taken.has(number),
    )

/** The ENI whose default route main prefers comes first, then by ifindex. */
function primaryFirst(snapshot: Snapshot, enis: readonly Eni[]): readonly Eni[] {
  const metric = ({ link }: Eni) =>
    Math.min(
      ...snapshot.routes
        .filter((r) => r.family === 4 && r.table === table.main && r.destination.length === 0)
        .filter((r) => r.nexthops.some((hop) => hop.oif === link.index))
        .map((r) => r.metric),
    )
  const byMetric = (a: number, b: number) => (a === b ? 0 : a - b)
  return enis
    .map((eni) => ({ eni, metric: metric(eni) }))
    .sort((a, b) => byMetric(a.metric, b.metric) || a.eni.link.index - b.eni.link.index)
    .map(({ eni }) => eni)
}
