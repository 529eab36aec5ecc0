import { readFileSync } from 'node:fs'
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
  const name = file ?? defaultConfigFile
  const text = readConfig(name, file === undefined)
  return text === undefined ? defaults : (await import('./parse.ts')).parseConfig(text, name)
}

function readConfig(file: string, optional: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (optional && code === 'ENOENT') {
      return undefined
    }
    throw new ConfigError([{ file, problem: `cannot be read: ${reason(code)}` }], code === 'EACCES')
  }
}

const reason = (code: string | undefined): string =>
  ({
    ENOENT: 'there is no such file; create it or leave out --config for the defaults',
    EACCES: 'permission denied; make it readable for the user that runs eni-routed',
    EISDIR: 'it is a directory; name the file in it',
  })[code ?? ''] ?? String(code)
