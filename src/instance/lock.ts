import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import koffi from 'koffi'
import { ExitError, exit } from '../exit.ts'
import { instanceFile } from './namespace.ts'

/** flock(2) operations (sys/file.h). */
const LOCK_SH = 1
const LOCK_EX = 2
const LOCK_NB = 4

const lockFile = (): string => instanceFile('lock')

/** Takes the lock without waiting; false where somebody else has it. */
const tryLock = (fd: number, operation: number): boolean =>
  koffi.load(null).func('int flock(int fd, int operation)')(fd, operation | LOCK_NB) === 0

/**
 * Makes this process the only daemon of its network namespace until it ends, however it ends: the kernel drops the lock
 * with the process. A lock file, not an abstract socket or a netlink port: those any local user could occupy first.
 * Returns the call that takes the file away at a regular end, unless it is another daemon's by then.
 * @throws {ExitError} 75 where another daemon runs, which it names; 77 where the lock file can't be written
 */
export function lockNamespace(): () => void {
  for (;;) {
    const fd = openLock()
    if (!tryLock(fd, LOCK_EX)) {
      closeSync(fd)
      throw new ExitError(exit.running, alreadyRunning(holder()))
    }
    if (isCurrent(fd)) {
      ftruncateSync(fd)
      writeSync(fd, `${process.pid}\n`, 0)
      return () => {
        if (isCurrent(fd)) unlinkSync(lockFile())
      }
    }
    // The daemon that ended between open and lock took its file with it: the lock on it guards nothing.
    closeSync(fd)
  }
}

/** The process that holds the lock of this network namespace; undefined where none does. Needs no privilege. */
export function lockHolder(): number | undefined {
  let fd: number
  try {
    fd = openSync(lockFile(), constants.O_RDONLY)
  } catch {
    // No file, no daemon.
    return undefined
  }
  const free = tryLock(fd, LOCK_SH)
  closeSync(fd)
  return free ? undefined : holder()
}

/** The process that had the lock and ended without taking its file away: it was killed or crashed. */
export const leftBehind = (): number | undefined =>
  lockHolder() === undefined && statSync(lockFile(), { throwIfNoEntry: false }) ? holder() : undefined

function holder(): number | undefined {
  try {
    return Number.parseInt(readFileSync(lockFile(), 'utf8'), 10) || undefined
  } catch {
    // It has ended in this moment, and its file is gone.
    return undefined
  }
}

function isCurrent(fd: number): boolean {
  const named = statSync(lockFile(), { throwIfNoEntry: false })
  return named?.ino === fstatSync(fd).ino
}

const alreadyRunning = (pid: number | undefined): string =>
  `eni-routed already runs in this network namespace${pid ? ` as process ${pid}` : ''}; stop that one first: systemctl stop eni-routed${pid ? `, or kill ${pid}` : ''}`

function openLock(): number {
  const file = lockFile()
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 })
    const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644)
    // Whatever the umask: every user may ask who has it.
    fchmodSync(fd, 0o644)
    return fd
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new ExitError(
      exit.noPermission,
      `cannot write ${file} (${code}): run as root, or create ${dirname(file)} for this user (RuntimeDirectory=eni-routed in a unit)`,
    )
  }
}
