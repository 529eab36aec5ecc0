import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { folderOf } from './cleanup.ts'
import { environment } from './command.ts'
import type { Namespace } from './namespace.ts'

/** The lab's ENIs are veths, and there is no metadata service. */
export const labConfig = `[interfaces]
include = ["eth*"]
[metadata]
mode = "off"
`

/** A line of the daemon's log. */
export interface LogLine {
  readonly msg: string
  readonly event?: string
  readonly [field: string]: unknown
}

/** A change to the kernel, as the audit tells it. */
export interface ChangeLine extends LogLine {
  readonly event: 'change'
  readonly action: 'add' | 'delete' | 'replace'
  readonly object: 'link' | 'route' | 'rule' | 'src_valid_mark' | 'nft'
  readonly interface?: string
  /** The `ip` command that would do the same. */
  readonly command: string
  readonly cause: string
}

export const isChange = (line: LogLine): line is ChangeLine => line.event === 'change'

export interface DaemonOptions {
  /** Arguments of Node that start the program. */
  readonly program: readonly string[]
  /** TOML text of its configuration. */
  readonly config?: string
  /** Is told every line that the daemon logs. */
  readonly onLine?: (line: LogLine) => void
}

/** `eni-routed run` in a namespace. The end of the VPC is its end too. */
export class DaemonProcess {
  readonly configFile: string
  readonly process: ChildProcess
  /** Everything it logged so far. */
  readonly lines: LogLine[] = []
  #stderr = ''

  constructor(instance: Namespace, { program, config = labConfig, onLine = () => {} }: DaemonOptions) {
    this.configFile = writeConfig(instance, config)
    this.process = startProgram(instance, program, ['run', '--config', this.configFile])
    this.process.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr += chunk
    })
    createInterface({ input: this.process.stdout! }).on('line', (text) => {
      const line = parseLine(text)
      this.lines.push(line)
      onLine(line)
    })
  }

  get changes(): ChangeLine[] {
    return this.lines.filter(isChange)
  }

  /** Resolves when the daemon has reported its first verified pass. */
  async ready(timeoutMs = 10_000): Promise<void> {
    await this.waitFor((line) => line.event === 'ready', timeoutMs)
  }

  /** The first log line, past or to come, that fits. Rejects after `timeoutMs`, or when the daemon ends before. */
  async waitFor(fits: (line: LogLine) => boolean, timeoutMs = 5000): Promise<LogLine> {
    const end = performance.now() + timeoutMs
    for (;;) {
      const line = this.lines.find(fits)
      if (line) {
        return line
      }
      if (performance.now() > end || this.#ended) {
        throw new Error(`the daemon has not logged what was awaited (${fits}); ${this.account()}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  /** Sends SIGTERM; resolves to the exit code, or to the signal that ended the daemon. */
  async stop(): Promise<number | NodeJS.Signals> {
    if (!this.#ended) {
      this.process.kill('SIGTERM')
      await once(this.process, 'exit')
    }
    return this.process.exitCode ?? this.process.signalCode!
  }

  /** How it ended, and what it said, for an error message. */
  account(): string {
    const state = this.#ended ? `ended with ${this.process.exitCode ?? this.process.signalCode}` : 'runs'
    return `it ${state}\n${this.#stderr}${this.lines.map((line) => JSON.stringify(line)).join('\n')}`
  }

  get #ended(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null
  }
}

/** Writes a configuration file to the namespace's folder; returns its path. */
export function writeConfig(namespace: Namespace, config: string): string {
  const folder = folderOf(namespace.name)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `config-${++written}.toml`)
  writeFileSync(file, config)
  return file
}
let written = 0

/** Starts `eni-routed ARGUMENTS`; what it keeps under /run for its daemon is kept in the namespace's folder. */
export function startProgram(namespace: Namespace, program: readonly string[], args: readonly string[]): ChildProcess {
  const env = { ...environment, RUNTIME_DIRECTORY: folderOf(namespace.name) }
  return namespace.spawn(process.execPath, [...program, ...args], { env })
}

/** What is not JSON is the last cry of a program that crashes. */
function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text)
  } catch {
    return { msg: text }
  }
}
