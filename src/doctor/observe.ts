import { setTimeout as sleep } from 'node:timers/promises'
import type { Assessment } from '../assess.ts'
import { assessSession, type Session } from '../commands/session.ts'
import type { ConfigFault } from '../config/fault.ts'
import { leftBehind } from '../instance/lock.ts'
import type { Kernel } from '../kernel/port.ts'
import { NetlinkError } from '../netlink/errors.ts'
import { ourInterest } from '../policy/interest.ts'
import type { Settings } from '../policy/settings.ts'
import { families } from '../state/ip.ts'
import { table } from '../state/route.ts'
import type { Snapshot } from '../state/snapshot.ts'
import { checks } from './checks.ts'
import type { DaemonState, Evidence, KernelState, MetadataProbe } from './evidence.ts'
import { readFiles } from './read/files.ts'
import { probeMetadata } from './read/metadata.ts'
import { readPacketFilter } from './read/packet-filter.ts'
import { readProcesses } from './read/processes.ts'
import { readWildcards } from './read/sockets.ts'
import { readWires } from './read/wires.ts'

/** What is wrong with the configuration. */
export interface Faultiness {
  readonly faults: readonly ConfigFault[]
  /** The file, where this user may not read it. */
  readonly unreadable: string | undefined
}

export interface Observation {
  readonly evidence: Evidence
  /** What could not be seen, and what would help. */
  readonly unseen: readonly string[]
}

/** ms after which what is wrong while a daemon runs is looked at again: it may be mending it just now. */
const patience = 700

/** Gathers the evidence of every check, once. `root` is where /etc, /run, /usr and /boot are looked for. */
export async function observe(
  session: Session,
  root: string,
  { faults: configFaults, unreadable }: Faultiness,
): Promise<Observation> {
  const { config, settings } = session
  const proc = '/proc'
  const { files, changedAt, denied } = readFiles(
    checks.flatMap(({ reads }) => reads),
    { root, proc },
  )
  const daemon = daemonState(session)
  const kernel = await settled(session)
  // What the daemon wants is not known without its configuration.
  const seen = 'refusal' in kernel || unreadable !== undefined ? undefined : kernel
  const processes = readProcesses(proc)
  const multihomed = seen?.assessment.desired.active === true
  const filter = multihomed ? readPacketFilter() : { redirections: [], drops: [] }
  const evidence: Evidence = {
    config,
    configFaults,
    settings,
    daemon,
    kernel: seen,
    ...('refusal' in kernel ? { kernelRefusal: kernel.refusal } : {}),
    files,
    changedAt,
    processes,
    wildcards: multihomed ? readWildcards(processes, proc) : [],
    redirections: filter?.redirections,
    drops: filter?.drops,
    wires: multihomed ? readWires() : [],
    metadata: await metadataOf(session, seen),
  }
  return { evidence, unseen: unseenOf(evidence, denied, unreadable) }
}

function daemonState({ daemon, silentDaemon }: Session): DaemonState {
  if (daemon) return { state: 'running', report: daemon }
  if (silentDaemon !== undefined) return { state: 'silent', pid: silentDaemon }
  const died = leftBehind()
  return died === undefined ? { state: 'absent' } : { state: 'absent', died }
}

/** The kernel, looked at a second time where a running daemon may be about to mend what the first look saw. */
async function settled(session: Session): Promise<KernelState | { refusal: { code: string; message: string } }> {
  try {
    const first = kernelState(session)
    const restless = first.assessment.pending.length > 0 || first.outcomes.length > 0
    if (!session.daemon || !restless) {
      return first
    }
    await sleep(patience)
    return kernelState(session)
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error
    return { refusal: { code: error.code, message: error.message } }
  }
}

function kernelState(session: Session): KernelState {
  const { kernel, settings } = session
  const assessment: Assessment = assessSession(session)
  return {
    assessment,
    outcomes: assessment.outcomes,
    all: observeAll(kernel, settings),
    refusing: families.flatMap((family) => kernel.refusingRoutes(family)),
  }
}

/** main through every link, and each table that a rule asks: a person waits for this once, no daemon does. */
const observeAll = (kernel: Kernel, settings: Settings): Snapshot =>
  kernel.observe(
    (links, rules) => ({
      ...ourInterest(settings),
      mainThrough: links.map(({ index }) => index),
      tables: [...new Set(rules.map((rule) => rule.table))].filter(
        (number) => ![0, table.main, table.local, table.default].includes(number),
      ),
    }),
    true,
  )

/** The service is asked where somebody would use its answers. */
async function metadataOf({ config }: Session, kernel: KernelState | undefined): Promise<MetadataProbe | undefined> {
  const { mode, endpoint } = config.metadata
  const enis = kernel?.assessment.desired.enis ?? []
  return mode !== 'off' && (enis.length > 0 || mode === 'required') ? probeMetadata(endpoint) : undefined
}

/** What could not be seen, and what would help. */
export function unseenOf(
  { redirections, wildcards, wires, kernelRefusal }: Evidence,
  denied: readonly string[],
  unreadable: string | undefined,
): string[] {
  return [
    ...(kernelRefusal ? ['the kernel: rules, routes and addresses could not be read'] : []),
    ...(unreadable === undefined
      ? []
      : [`${unreadable}: run as root; rules, routes and interfaces can't be judged without it`]),
    ...(redirections ? [] : ['the packet filter: run as root, with nft or iptables-legacy-save installed']),
    ...(wires ? [] : ['carrier, MTU and ARP of the links: the kernel did not tell them']),
    ...(wildcards
      ? []
      : ['UDP services without an address: the kernel lists no sockets without udp_diag (modprobe udp_diag)']),
    ...(wildcards?.some(({ process }) => process === undefined)
      ? ['whose UDP sockets are without an address: run as root, where their processes are visible']
      : []),
    ...(denied.length > 0
      ? [`${denied.slice(0, 3).join(', ')}${denied.length > 3 ? ' and more' : ''}: run as root`]
      : []),
  ]
}
