import { closeSync, constants, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import koffi from 'koffi'
import { ExitError, exit } from '../exit.ts'
import { instanceFile } from './namespace.ts'

/** flock(2) operations (sys/file.h). */
const LOCK_EX = 2
const LOCK_NB = 4

/**
 * Makes this process the only daemon of its network namespace until it ends, however it ends: the kernel drops the lock
 * with the process. A lock file, not an abstract socket or a netlink port: those any local user could occupy first.
 * @throws {ExitError} 75 where another daemon runs, which it names; 77 where the lock file can't be written
 */
export function lockNamespace(): void {
  const file = instanceFile('lock')
  const fd = openLock(file)
  const flock = koffi.load(null).func('int flock(int fd, int operation)')
  if (flock(fd, LOCK_EX | LOCK_NB) !== 0) {
    const holder = readFileSync(file, 'utf8').trim()
    closeSync(fd)
    throw new ExitError(
      exit.running,
      `eni-routed already runs in this network namespace${holder ? ` as process ${holder}` : ''}; stop that one first (systemctl stop eni-routed${holder ? `, or kill ${holder}` : ''})`,
    )
  }
  ftruncateSync(fd)
  writeSync(fd, `${process.pid}\n`, 0)
}

function openLock(file: string): number {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 })
    return openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new ExitError(
      exit.noPermission,
      `cannot write ${file} (${code}): run as root, or create ${dirname(file)} for this user (RuntimeDirectory=eni-routed in a unit)`,
    )
  }
}
