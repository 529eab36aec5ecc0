import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig } from '../config/parse.ts'
import { ExitError, exit } from '../exit.ts'
import { ImaginedKernel } from '../imagined-kernel.ts'
import { openKernel } from '../kernel/netlink.ts'
import type { Kernel } from '../kernel/port.ts'
import { loadedProgram } from '../loader.ts'
import { createLog, openLog } from '../log.ts'
import { print, printJson } from './output.ts'
import { serve } from './run.ts'
import type { CommonOptions } from './session.ts'

/** ms after which a start that does not come to its end is given up: what was compiled by then is kept. */
const patience = 2_000

/** Has V8 compile what the daemon's start needs, and keeps that beside the program: the daemon is ready a third sooner. */
export async function precompile({ json }: CommonOptions): Promise<number> {
  const program = loadedProgram()
  if (!program) {
    throw new ExitError(exit.unavailable, 'precompile: this program is not bundled, so there is nothing to keep')
  }
  await practise()
  try {
    const kept = program.keep()
    if (json) printJson(kept)
    else print(`${kept.file}: ${(kept.bytes / 1e6).toFixed(1)} MB`)
    return exit.ok
  } catch (error) {
    throw refusal(error as NodeJS.ErrnoException)
  }
}

/** A whole start on an imagined instance: functions are compiled when they are first called. */
async function practise(): Promise<void> {
  const { fieldsOf } = await import('../systemd/journal.ts')
  const { loadLibsystemd } = await import('../systemd/libsystemd.ts')
  loadLibsystemd()
  await openLog('info')
  const stop = () => setImmediate(() => process.emit('SIGTERM', 'SIGTERM'))
  const log = createLog('info', {
    write: (line) => {
      const record = JSON.parse(line)
      fieldsOf(record)
      if (record.event === 'ready') stop()
    },
  })
  const config = parseConfig(configuration, 'an example')
  const given = setTimeout(stop, patience)
  await inFolderOfItsOwn(() => serve({}, config, { log, kernel: new ImaginedKernel(realKernel()) }))
  clearTimeout(given)
}

/** With every kind of value; nothing outside is asked. */
const configuration = `[interfaces]
include = ["driver:ena"]
[routing]
on-stop = "keep"
[metadata]
mode = "off"
[log]
level = "info"
`

/** Where an image is built there may be none that can be asked: less is compiled then. */
function realKernel(): Kernel | undefined {
  try {
    return openKernel()
  } catch {
    return undefined
  }
}

/** The lock and the sockets of a daemon that may run here are not touched. */
async function inFolderOfItsOwn<T>(work: () => Promise<T>): Promise<T> {
  const before = process.env.RUNTIME_DIRECTORY
  const folder = mkdtempSync(join(tmpdir(), 'eni-routed-precompile-'))
  process.env.RUNTIME_DIRECTORY = folder
  try {
    return await work()
  } finally {
    if (before === undefined) delete process.env.RUNTIME_DIRECTORY
    else process.env.RUNTIME_DIRECTORY = before
    rmSync(folder, { recursive: true, force: true })
  }
}

function refusal({ code, message }: NodeJS.ErrnoException): ExitError {
  const reasons: Readonly<Record<string, readonly [number, string]>> = {
    EACCES: [exit.noPermission, "run it as the program's owner (sudo eni-routed precompile)"],
    EPERM: [exit.noPermission, "run it as the program's owner (sudo eni-routed precompile)"],
    EROFS: [exit.failed, 'the file system is read-only: run it where the image is made; the program works without'],
  }
  const [status, remedy] = reasons[code ?? ''] ?? [exit.failed, 'the program works without']
  return new ExitError(status, `precompile: nothing was kept: ${message}; ${remedy}`)
}
