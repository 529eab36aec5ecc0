import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { folderOf, guard, release } from '../../src/lab/cleanup.ts'
import { environment, run } from '../../src/lab/command.ts'
import { Namespace } from '../../src/lab/namespace.ts'
import { abandonedCgroups, removeCgroup } from './guest-cgroup.ts'
import { cacheFolder, guestImage } from './guest-image.ts'
import type { Launch } from './guest-launcher.ts'

const launcher = fileURLToPath(new URL('guest-launcher.ts', import.meta.url))
const project = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

/**
 * A Debian machine, booted with systemd in the network namespace of a VPC's instance: the ENIs that the VPC attaches
 * are its own. It stands in for that namespace wherever a process is started: `exec`, `spawn` and `DaemonProcess` then
 * run inside, with the guest's files, process ids and services. The project and the running Node are there under the
 * same paths, read-only. Needs root, systemd-nspawn and mmdebstrap.
 */
export class Guest extends Namespace {
  readonly #mountPoint: string
  readonly #machine: ChildProcess
  readonly #remove: () => void
  #leader = 0
  #console = ''

  /**
   * Boots a guest in about a second; it runs journald, dbus and logind, and no network service until it is told to. What is
   * in `layers` is installed: folders laid out as the root is, owned by root. `image`: another root than `guestImage()`.
   */
  static async boot(instance: Namespace, layers: readonly string[] = [], image?: string): Promise<Guest> {
    sweepGuests()
    const guest = new Guest(instance.name, image ?? (await guestImage()), layers)
    try {
      await guest.#booted()
      return guest
    } catch (error) {
      await guest.destroy()
      throw new Error(`the guest did not boot: ${guest.#console}`, { cause: error })
    }
  }

  private constructor(name: string, image: string, layers: readonly string[]) {
    super(name)
    this.#mountPoint = join(cacheFolder, `mount-${name}`)
    this.#remove = () => this.#removeNow()
    guard(this.#remove)
    mkdirSync(this.#mountPoint, { recursive: true })
    mkdirSync(folderOf(name), { recursive: true })
    const launch: Launch = {
      name,
      image,
      layers,
      mountPoint: this.#mountPoint,
      readOnly: [project, dirname(resolve(process.execPath))],
      writable: [folderOf(name)],
    }
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', launcher, JSON.stringify(launch)]
    this.#machine = spawn('unshare', ['--mount', '--propagation', 'private', ...node], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C is for the tests; the guest ends when they have taken it down.
      detached: true,
    })
    for (const output of [this.#machine.stdout!, this.#machine.stderr!]) {
      output.setEncoding('utf8').on('data', (text: string) => {
        this.#console += text
      })
    }
  }

  /** Runs a command in the guest to its end; resolves to its stdout. */
  override exec(file: string, args: readonly string[], input = ''): Promise<string> {
    return run('nsenter', [...this.#enter(), file, ...args], input)
  }

  /** Starts a long-running command in the guest. Signals go to the command itself, not to nsenter, which waits for it. */
  override spawn(file: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const child = spawn('nsenter', [...this.#enter(), file, ...args], { env: environment, ...options })
    child.kill = (signal) => killChildOf(child, signal)
    return child
  }

  /** Runs a command that leaves a daemon behind, which would keep a pipe open; rejects where it fails. */
  async launch(file: string, args: readonly string[]): Promise<void> {
    const child = this.spawn(file, args, { stdio: 'ignore' })
    const [code] = await once(child, 'exit')
    if (code !== 0) {
      throw new Error(`${[file, ...args].join(' ')} in the guest: exit status ${code}`)
    }
  }

  systemctl(...args: string[]): Promise<string> {
    return this.exec('systemctl', args)
  }

  /** Writes a file of the guest, readable for root alone, as NetworkManager asks of its own. */
  write(path: string, text: string): void {
    const file = this.#path(path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    chmodSync(file, dirname(path).endsWith('system-connections') ? 0o600 : 0o644)
  }

  remove(path: string): void {
    rmSync(this.#path(path), { recursive: true, force: true })
  }

  read(path: string): string {
    return readFileSync(this.#path(path), 'utf8')
  }

  /** The journal of a unit, for an error message. */
  async journal(unit: string): Promise<string> {
    return await this.exec('journalctl', ['--no-pager', '--output=short-precise', `--unit=${unit}`])
  }

  /** Ends every process of the guest; its files go with its last mount. */
  async destroy(): Promise<void> {
    this.#removeNow()
    release(this.#remove)
    if (this.#machine.exitCode === null && this.#machine.signalCode === null) {
      await once(this.#machine, 'exit')
    }
  }

  #removeNow(): void {
    removeCgroup(this.name)
    rmSync(this.#mountPoint, { recursive: true, force: true })
  }

  /** What the guest's first process sees at this path. */
  #path = (path: string): string => `/proc/${this.#leader}/root${path}`

  #enter(): string[] {
    return [`--target=${this.#leader}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--']
  }

  async #booted(timeoutMs = 30_000): Promise<void> {
    const end = performance.now() + timeoutMs
    let state = ''
    while (state !== 'running') {
      if (performance.now() > end || this.#machine.exitCode !== null) {
        throw new Error(`its state is "${state}"`)
      }
      await setTimeout(50)
      this.#leader ||= leaderOf(this.#machine.pid!)
      state = this.#leader === 0 ? 'starting' : await this.#state()
    }
  }

  /** `systemctl is-system-running` fails while that is not so, and before there is anybody to ask. */
  async #state(): Promise<string> {
    try {
      return (await this.systemctl('is-system-running')).trim()
    } catch {
      return 'starting'
    }
  }
}

/** Removes what guests of processes that were killed left behind. */
function sweepGuests(): void {
  for (const name of abandonedCgroups()) {
    removeCgroup(name)
  }
  const mountPoints = readdirSync(cacheFolder).filter((entry) => entry.startsWith('mount-'))
  for (const entry of mountPoints.filter((name) => !existsSync(`/proc/${name.split('-')[2]}`))) {
    rmSync(join(cacheFolder, entry), { recursive: true, force: true })
  }
}

/** The child of systemd-nspawn that is process 1 of its own namespace, once it is systemd; 0 before. */
function leaderOf(machine: number): number {
  return (
    childrenOf(machine).find((pid) => {
      const status = readOrEmpty(`/proc/${pid}/status`)
      return /^Name:\tsystemd$/m.test(status) && /^NSpid:.*\t1$/m.test(status)
    }) ?? 0
  )
}

function killChildOf(child: ChildProcess, signal: NodeJS.Signals | number | undefined): boolean {
  const inner = child.pid === undefined ? [] : childrenOf(child.pid)
  for (const pid of inner) {
    process.kill(pid, signal)
  }
  return inner.length > 0
}

function childrenOf(pid: number): number[] {
  if (!existsSync(`/proc/${pid}/task`)) {
    return []
  }
  const lists = readdirSync(`/proc/${pid}/task`).map((task) => readOrEmpty(`/proc/${pid}/task/${task}/children`))
  return lists.join(' ').trim().split(/\s+/).filter(Boolean).map(Number)
}

/** A process may end while we look. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
