import { readFileSync, realpathSync } from 'node:fs'
import { loadLibsystemd } from './libsystemd.ts'

/** The file that the dynamic linker chose, such as /usr/lib/x86_64-linux-gnu/libsystemd.so.0.35.0; undefined where there is none. */
export function libsystemdFile(): string | undefined {
  if (!loadLibsystemd()) {
    return undefined
  }
  const line = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .find((mapping) => mapping.includes('/libsystemd.so.'))
  return line && realpathSync(line.slice(line.indexOf('/')))
}
