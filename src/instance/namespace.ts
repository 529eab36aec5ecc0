import { readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** systemd's RuntimeDirectory= of the unit, or where it would be. */
const runtimeDirectory = (): string => process.env.RUNTIME_DIRECTORY?.split(':')[0] ?? '/run/eni-routed'

/** The inode number of this process's network namespace, which names it on this machine (namespaces(7)). */
const networkNamespace = (): string => /\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0] ?? '0'

/** A file of this network namespace's daemon: `netns-INODE.SUFFIX` in the runtime directory. */
export const instanceFile = (suffix: 'lock' | 'sock' | 'metrics.sock'): string =>
  join(runtimeDirectory(), `netns-${networkNamespace()}.${suffix}`)
