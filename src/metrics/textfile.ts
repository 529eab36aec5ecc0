import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Log } from '../log.ts'

/** ms that changes are gathered: the node exporter reads every 15 s or more rarely. */
const gather = 1_000

/** A file for the node exporter's textfile collector, written anew after something happened, and at no other time. */
export class Textfile {
  readonly #file: string
  readonly #text: () => string
  readonly #log: Log
  #timer: NodeJS.Timeout | undefined
  #failure: string | undefined

  constructor(file: string, text: () => string, log: Log) {
    this.#file = file
    this.#text = text
    this.#log = log
  }

  /** Something happened: the file is written in a second. */
  touch(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#write()
    }, gather)
  }

  /** Takes the file away: nobody should read for long that all is well from a daemon that is gone. */
  remove(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    try {
      rmSync(this.#file, { force: true })
    } catch {
      // It was told when the file could not be written.
    }
  }

  /** Never half a file: the collector may read at any moment, and takes no name but `*.prom`. */
  #write(): void {
    const unfinished = join(dirname(this.#file), `.${basename(this.#file)}.${process.pid}`)
    try {
      writeFileSync(unfinished, this.#text())
      // The collector is another user, and the unit's umask would hide the file from it.
      chmodSync(unfinished, 0o644)
      renameSync(unfinished, this.#file)
      this.#failure = undefined
    } catch (error) {
      this.#tell(error as NodeJS.ErrnoException)
      this.#discard(unfinished)
    }
  }

  #discard(unfinished: string): void {
    try {
      rmSync(unfinished, { force: true })
    } catch {
      // The directory can't be written: then it is not there.
    }
  }

  /** Once for each reason: the routing does not depend on it. */
  #tell({ code = 'unknown' }: NodeJS.ErrnoException): void {
    if (code === this.#failure) {
      return
    }
    this.#failure = code
    this.#log.warn(
      { event: 'metrics', result: 'refused', errno: code, remedy: remedyOf(dirname(this.#file)) },
      `metrics.textfile ${this.#file} can't be written: ${code}`,
    )
  }
}

const remedyOf = (directory: string): string =>
  `let the daemon's user write to ${directory} (ReadWritePaths=${directory} in the unit), or set metrics.textfile to a file in /run/eni-routed and link to it`
