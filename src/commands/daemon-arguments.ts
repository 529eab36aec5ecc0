import type { CommonOptions } from './session.ts'

/**
 * The options of a plain `run [--config FILE]`, as units start it: the daemon does without the parser of the command
 * line then, which takes 5 ms of its start. Undefined for everything else: verbs, help, mistakes.
 */
export function daemonArguments([verb, option, file, ...more]: readonly string[]): CommonOptions | undefined {
  if (verb !== 'run' || more.length > 0) {
    return undefined
  }
  if (option === undefined) {
    return {}
  }
  return option === '--config' && file && !file.startsWith('-') ? { config: file } : undefined
}
