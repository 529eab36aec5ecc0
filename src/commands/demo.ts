import { ExitError, exit } from '../exit.ts'
import { sweep } from '../lab/cleanup.ts'
import { CommandError, MissingToolsError, PrivilegeError } from '../lab/command.ts'
import { DaemonProcess, isChange, type LogLine } from '../lab/daemon-process.ts'
import { experiment, type Stage, type Step } from '../lab/experiment.ts'
import { Vpc } from '../lab/vpc.ts'
import { wantsColour } from '../terminal.ts'
import { DemoScreen, type StepReport } from './demo-screen.ts'
import { printJson } from './output.ts'

export interface DemoOptions {
  /** One JSON document at the end, in place of the show. */
  readonly json?: boolean
  readonly color?: boolean
}

/**
 * Shows the main job on the real kernel, in a VPC made of network namespaces. Resolves to 0 when every step turned out
 * as told, else to 1. @throws {ExitError} 69 where a tool is missing, 77 without the privilege
 */
export async function demo({ json = false, color = wantsColour(process.stdout) }: DemoOptions): Promise<number> {
  const screen = json ? undefined : new DemoScreen(process.stdout, color)
  const release = exitOnSignals(screen)
  let vpc: Vpc | undefined
  try {
    vpc = await createVpc(screen)
    const reports = await perform(vpc, screen)
    const ok = reports.length === experiment.length && reports.every((report) => report.ok)
    if (json) {
      printJson({ ok, steps: reports })
    }
    screen?.verdict(ok, verdict(reports))
    return ok ? exit.ok : exit.failed
  } finally {
    screen?.done()
    await vpc?.destroy()
    release()
  }
}

/** Goes through the experiment as far as it turns out as told. */
async function perform(vpc: Vpc, screen: DemoScreen | undefined): Promise<StepReport[]> {
  const reports: StepReport[] = []
  const journal = new Journal(screen)
  const stage: Stage = { vpc, startDaemon: () => startDaemon(vpc, (line) => journal.record(line)) }
  for (const [index, step] of experiment.entries()) {
    screen?.heading(index + 1, step)
    const report = await performStep(step, stage, journal)
    reports.push(report)
    screen?.result(report)
    if (!report.ok) {
      break
    }
  }
  return reports
}

async function performStep(step: Step, stage: Stage, journal: Journal): Promise<StepReport> {
  const { title, claim } = step
  journal.begin()
  const findings = await step
    .run(stage)
    .catch((error: Error) => ({ answers: [], dropped: [], faults: [error.message] }))
  return { title, claim, ok: findings.faults.length === 0, ...journal.end(), ...findings }
}

async function startDaemon(vpc: Vpc, onLine: (line: LogLine) => void): Promise<void> {
  const program = [...process.execArgv, process.argv[1] as string]
  await new DaemonProcess(vpc.instance, { program, onLine }).ready()
}

/** What the daemon did in the step that goes on. */
class Journal {
  readonly #screen: DemoScreen | undefined
  #start = 0
  #changes: { atMs: number; command: string; cause: string }[] = []

  constructor(screen: DemoScreen | undefined) {
    this.#screen = screen
  }

  begin(): void {
    this.#start = performance.now()
    this.#changes = []
  }

  record(line: LogLine): void {
    if (isChange(line)) {
      const atMs = performance.now() - this.#start
      const { command, cause } = line
      this.#changes.push({ atMs, command, cause })
      this.#screen?.change(line, atMs)
    }
  }

  end(): Pick<StepReport, 'durationMs' | 'changes'> {
    return { durationMs: performance.now() - this.#start, changes: this.#changes }
  }
}

const introduction =
  'In it are an instance, to which network interfaces (ENIs) are attached, and three hosts that probe their addresses: IPv4 by ping, IPv6 by a TCP connection. As in EC2, what leaves by an interface with a source that is not its own is dropped.'

/** The lab's errors in the terms of the program's exit codes. */
async function createVpc(screen: DemoScreen | undefined): Promise<Vpc> {
  const start = performance.now()
  screen?.wait('building a VPC in network namespaces')
  sweep()
  try {
    const vpc = await Vpc.create()
    const seconds = ((performance.now() - start) / 1000).toFixed(2)
    screen?.text(`A VPC in network namespaces (${seconds} s); the network of this machine itself is not touched.`)
    screen?.text(introduction)
    return vpc
  } catch (error) {
    if (error instanceof MissingToolsError) {
      throw new ExitError(exit.unavailable, error.message)
    }
    if (error instanceof PrivilegeError) {
      throw new ExitError(exit.noPermission, error.message)
    }
    if (error instanceof CommandError) {
      throw new ExitError(exit.failed, `the VPC could not be built: ${error.message}`)
    }
    throw error
  }
}

/** Until released, a signal ends the program by `exit`, on which the lab removes its namespaces. */
function exitOnSignals(screen: DemoScreen | undefined): () => void {
  const stop = (signal: NodeJS.Signals) => {
    screen?.verdict(false, 'interrupted; the namespaces are removed')
    process.exit(signal === 'SIGINT' ? exit.interrupted : 143)
  }
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) {
    process.once(signal, stop)
  }
  return () => {
    for (const signal of signals) {
      process.off(signal, stop)
    }
  }
}

function verdict(reports: readonly StepReport[]): string {
  const failed = reports.findIndex((report) => !report.ok)
  return failed < 0
    ? 'All turned out as told: every ENI answers from everywhere, and nobody touched the instance.'
    : `Step ${failed + 1} did not turn out as told: ${reports[failed]?.title}.`
}
