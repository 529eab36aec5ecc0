import type { Command } from 'commander'
import type { Origin } from './origin.ts'

/** The program's own command line: manual and completion are made from it. */
export async function programOf({ version }: Pick<Origin, 'version'>): Promise<Command> {
  // What the bundler puts in. The module reads it when it is loaded, and here it is not bundled.
  Object.assign(globalThis, { VERSION: version, COMMIT: '' })
  const { createProgram } = await import('../../src/commands/parser.ts')
  return createProgram(() => {})
}
