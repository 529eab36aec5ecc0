import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { DaemonProcess, labConfig, startProgram, writeConfig } from '../../src/lab/daemon-process.ts'
import type { Vpc } from '../../src/lab/vpc.ts'

export { labConfig }

/** What tests run: the program as it is shipped. */
const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** Starts the daemon in the instance; resolves when it reports its first verified pass. */
export async function startDaemon(vpc: Vpc, config = labConfig): Promise<DaemonProcess> {
  requireProgram()
  const daemon = new DaemonProcess(vpc.instance, { program: [program], config })
  await daemon.ready()
  return daemon
}

/** Stops the daemon; asserts a clean exit within the second that the program promises. */
export async function stopDaemon(daemon: DaemonProcess): Promise<void> {
  const start = performance.now()
  expect(await daemon.stop(), daemon.account()).toBe(0)
  expect(performance.now() - start, 'ms from SIGTERM to exit').toBeLessThan(1000)
}

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a verb in the instance to its end, e.g. `cli(vpc, ['plan', '--json'])`, under the given configuration. */
export async function cli(vpc: Vpc, args: readonly string[], config = labConfig): Promise<Outcome> {
  requireProgram()
  const child = startProgram(vpc.instance, [program], [...args, '--config', writeConfig(vpc.instance, config)])
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)])
  await closed
  return { code: child.exitCode, stdout, stderr }
}

function requireProgram(): void {
  if (!existsSync(program)) {
    throw new Error(`${program} is not there: run npm run build first`)
  }
}
