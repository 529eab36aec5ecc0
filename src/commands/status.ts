import type { Assessment } from '../assess.ts'
import { exit } from '../exit.ts'
import type { EniPlan } from '../policy/desired.ts'
import { enumerate } from '../policy/enumerate.ts'
import { isRoutable } from '../state/address.ts'
import { formatPrefix } from '../state/prefix.ts'
import { linkNamer } from '../state/snapshot.ts'
import { columns, foldText, paint, visible, wantsColour, widthOf } from '../terminal.ts'
import { changeJson, print, printJson, printProblems } from './output.ts'
import { assessSession, type CommonOptions, type Session, withSession } from './session.ts'
import { metadataHeader, metadataJson, metadataRows, metadataText } from './status-metadata.ts'

/** Shows every ENI, its addresses, table and router, the daemon, and what is wrong. */
export const status = (options: CommonOptions): Promise<number> =>
  withSession(options, (session) => {
    const assessment = assessSession(session)
    if (options.json) {
      printJson(statusJson(session, assessment))
    } else {
      printStatus(session, assessment)
    }
    return exit.ok
  })

function statusJson({ daemon, settings }: Session, assessment: Assessment) {
  const { snapshot, desired, pending, problems } = assessment
  const name = linkNamer(snapshot)
  return {
    inSync: pending.length === 0 && !problems.some(({ severity }) => severity === 'error'),
    active: desired.active,
    daemon: daemon ?? null,
    enis: desired.enis.map(({ eni, table, routing, transit }) => ({
      interface: eni.link.name,
      index: eni.link.index,
      mac: eni.link.mac,
      up: eni.link.up,
      managed: eni.managed,
      ...(eni.unmanagedBecause ? { unmanagedBecause: eni.unmanagedBecause } : {}),
      ...(transit === undefined ? {} : { transit }),
      ...(table === undefined ? {} : { table }),
      routing: routing.map((part) => ({ ...part, delegated: part.delegated.map(formatPrefix) })),
      ...metadataJson(assessment, settings, eni.link.mac),
    })),
    pending: pending.map((change) => changeJson(change, name)),
    problems,
  }
}

function printStatus({ daemon, silentDaemon, settings }: Session, assessment: Assessment): void {
  const { desired, pending, problems } = assessment
  const styles = paint(wantsColour(process.stdout))
  const { bold, green, red, yellow } = styles
  const bad = problems.some(({ severity }) => severity === 'error')
  const verdict = bad
    ? red('degraded')
    : pending.length > 0
      ? yellow(`${pending.length} changes pending`)
      : green('in sync')
  const width = widthOf(process.stdout)
  const heads = [
    ...foldText(desired.active ? verdict : idleness(desired.enis.length), width, 'routing  '),
    ...foldText(daemonText(daemon, silentDaemon), width, 'daemon   '),
    ...lastChange(daemon, width),
    ...foldText(metadataText(settings.knowledge), width, 'metadata '),
  ]
  for (const line of heads) {
    print(line)
  }
  for (const line of transitLines(desired.enis)) {
    print(line)
  }
  for (const { object, by, repairs } of daemon?.contested ?? []) {
    print(`         ${yellow(`contested: ${object} (put back ${repairs} times; last: ${by})`)}`)
  }
  if (desired.enis.length > 0) {
    print()
    for (const line of eniTable(assessment, styles, width)) {
      print(line)
    }
  }
  const told = metadataRows(assessment, settings)
  if (told.length > 0) {
    print()
    for (const line of columns([metadataHeader.map(bold), ...told])) {
      print(line)
    }
  }
  if (problems.length > 0 || pending.length > 0) {
    print()
  }
  printProblems(problems, styles)
  if (pending.length > 0) {
    print(
      `see the pending changes with: eni-routed plan; make them with: ${daemon ? 'eni-routed apply' : 'systemctl start eni-routed'}`,
    )
  }
}

function daemonText(daemon: Session['daemon'], silent: number | undefined): string {
  if (silent !== undefined) {
    return `process ${silent} does not answer: it hangs, is stopped, or has just started; else restart it with: systemctl restart eni-routed`
  }
  if (!daemon) {
    return 'does not run here; start it with: systemctl start eni-routed'
  }
  const { pid, since, health, changes, lastChange } = daemon
  const state = health === 'single' ? 'idle' : health
  return `process ${pid} since ${since}, ${state}; ${changes} changes${lastChange ? `, the last at ${lastChange.at}:` : ''}`
}

/** The whole nftables table is one command: history has it in full. */
function lastChange(daemon: Session['daemon'], width = Infinity): string[] {
  const line = daemon?.lastChange && `         last: ${daemon.lastChange.command}`
  return line === undefined ? [] : [line.length > width ? `${line.slice(0, width - 1)}…` : line]
}

/** Why nothing is done. Somewhere else than on EC2 the interfaces may have to be named. */
const idleness = (count: number): string =>
  count === 0
    ? 'nothing to do: no link counts as an ENI; interfaces.include in the configuration names others (man eni-routed.toml)'
    : 'nothing to do: there is one ENI'

/** ENIs that carry packets of other hosts, and what of that is left alone. */
function transitLines(enis: readonly EniPlan[]): string[] {
  const reasons = new Set(enis.flatMap(({ transit }) => transit ?? []))
  return [...reasons].map((because) => {
    const names = enis.filter(({ transit }) => transit === because).map(({ eni }) => eni.link.name)
    return `transit  packets of other hosts through ${enumerate(names)} are left alone: ${because}`
  })
}

/** Where a router is known from stands beside it, if the terminal has room for it. */
function eniTable(assessment: Assessment, { bold, dim }: ReturnType<typeof paint>, width = Infinity): string[] {
  const header = ['ENI', 'MAC', 'TABLE', 'ADDRESS', 'ROUTER'].map(bold)
  const table = (origin: (from: string) => string) =>
    columns([
      header,
      ...assessment.desired.enis.flatMap((plan) => eniRows(plan, addressesOf(assessment, plan), { dim, origin })),
    ])
  const whole = table((from) => ` ${dim(`(${from})`)}`)
  return whole.every((line) => visible(line) <= width) ? whole : table(() => '')
}

/** What the kernel has, which is all that there is to show where nothing is done. */
const addressesOf = ({ snapshot }: Assessment, { eni }: EniPlan): string[] =>
  snapshot.addresses
    .filter((address) => address.linkIndex === eni.link.index && isRoutable(address))
    .map(({ address }) => address)

interface Wording {
  readonly dim: (text: string) => string
  /** Where a router is known from, behind it. */
  readonly origin: (from: string) => string
}

/** The ENI's name stands on its first row alone. */
function eniRows({ eni, table, routing }: EniPlan, own: readonly string[], { dim, origin }: Wording): string[][] {
  const state = eni.unmanagedBecause ?? (eni.link.up ? 'no address' : 'down')
  const unrouted = eni.managed && eni.link.up ? summary(own).map((address) => [address, dim('as main says')]) : []
  const cells = routing.flatMap(({ addresses, gateway }) =>
    summary(addresses).map((address) => [
      address,
      gateway ? `${gateway.address ?? 'on-link'}${origin(gateway.from)}` : 'none known',
    ]),
  )
  const first = [eni.link.name, eni.link.mac, table === undefined ? '-' : String(table)]
  const rows = cells.length > 0 ? cells : unrouted
  return (rows.length === 0 ? [[dim(state), '']] : rows).map((row, i) => [...(i === 0 ? first : ['', '', '']), ...row])
}

/** Addresses of a family that are shown one by one; of more the first few stand for all. */
const listed = { all: 16, first: 3 }

const summary = (addresses: readonly string[]): readonly string[] =>
  addresses.length <= listed.all
    ? addresses
    : [...addresses.slice(0, listed.first), `and ${addresses.length - listed.first} more (--json lists them)`]
