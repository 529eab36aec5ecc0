import './early.ts'
import type { Chunks } from './chunks.ts'
import { daemonArguments } from './commands/daemon-arguments.ts'
import { ConfigError } from './config/fault.ts'
import { ExitError, exit } from './exit.ts'
import { loadedBy } from './loader.ts'
import { NetlinkError } from './netlink/errors.ts'

/** The one place that turns an error into a message and an exit code. */
function failure(error: unknown): number {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`)
    return exit.config
  }
  if (error instanceof ExitError) {
    process.stderr.write(`${error.message}\n`)
    return error.code
  }
  if (error instanceof NetlinkError) {
    process.stderr.write(`the kernel refused: ${error.message}\n`)
    return ['EPERM', 'EACCES'].includes(error.code) ? exit.noPermission : exit.failed
  }
  throw error
}

/** Each verb is loaded when it is asked for. */
async function run(): Promise<number> {
  const daemon = daemonArguments(process.argv.slice(2))
  if (daemon) {
    return (await import('./commands/run.ts')).run(daemon)
  }
  watchOutput()
  return (await import('./commands/parser.ts')).parseArguments(process.argv)
}

/** A reader that closes the pipe (`plan | head`) is no error of ours; a full disk is the reader's to know. */
function watchOutput(): void {
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code !== 'EPIPE') process.stderr.write(`the output can't be written: ${message}\n`)
    process.exit(code === 'EPIPE' ? exit.ok : exit.failed)
  })
}

/** Runs what the command line asks for. `loader` has loaded this, and loads the rest. */
export function main(loader: Chunks): void {
  loadedBy(loader)
  run().then(
    (code) => {
      process.exitCode = code
    },
    (error) => {
      process.exitCode = failure(error)
    },
  )
}
