import { isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { loadedProgram } from '../loader.ts'
import { defaultConfigFile } from './default-file.ts'
import { defaults } from './defaults.ts'
import { ConfigError } from './fault.ts'
import type { Config } from './schema.ts'

/**
 * The configuration of a file. Without a file name, the default file's, or the defaults where that does not exist; a file
 * that was asked for by name must exist. What validates a file is loaded where there is one: it takes 10 ms.
 * @throws {ConfigError} with every fault found
 */
export async function loadConfig(file?: string): Promise<Config> {
  if (file === '') throw new ConfigError([{ file: '--config', problem: 'names no file' }])
  const name = file ?? defaultConfigFile
  const text = readConfig(name, file === undefined)
  if (text === undefined) {
    return defaults
  }
  const parser = await import('./parse.ts')
  try {
    return parser.parseConfig(text, name)
  } finally {
    // A daemon would hold 0.7 MB for the next time that it is told to read its configuration.
    loadedProgram()?.forget(parser)
  }
}

function readConfig(file: string, optional: boolean): string | undefined {
  try {
    return readText(file)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (optional && code === 'ENOENT') {
      return undefined
    }
    const why = code === undefined ? message : (reasons[code] ?? code)
    throw new ConfigError([{ file, problem: `cannot be read: ${why}` }], code === 'EACCES')
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; create it or leave out --config for the defaults',
  EACCES: 'permission denied; make it readable for the user that runs eni-routed',
  EISDIR: 'it is a directory; name the file in it',
}

/** Bytes; a file of more is a mistake. */
const longest = 1 << 20

/** The text of a file, and of nothing that a reader could wait for, or read for ever. @throws {Error} */
export function readText(file: string): string {
  // The open of a pipe that nobody writes to waits; a daemon that reads its configuration again must not.
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const kind = fstatSync(fd)
    if (!kind.isFile() && !kind.isDirectory()) throw new Error('it is no regular file; name one')
    if (kind.size > longest) throw new Error(`it has ${kind.size} bytes, and a configuration at most ${longest}`)
    const bytes = readFileSync(fd)
    if (!isUtf8(bytes)) throw new Error('it is not UTF-8 text, as TOML has to be')
    return bytes.toString()
  } finally {
    closeSync(fd)
  }
}
