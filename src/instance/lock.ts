import {
  closeSync,
  constants,
  existsSync,
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
const LOCK_EX = 2
const LOCK_NB = 4

const lockFile = (): string => instanceFile('lock')

/** Takes the lock without waiting; false where somebody else has it. */
const tryLock = (fd: number): boolean =>
  koffi.load(null).func('int flock(int fd, int operation)')(fd, LOCK_EX | LOCK_NB) === 0

/**
 * Makes this process the only daemon of its network namespace until it ends, however it ends: the kernel drops the lock
 * with the process. A lock file, not an abstract socket or a netlink port: those any local user could occupy first. Nobody
 * else may open the file: to lock it, being able to read it is enough.
 * Returns the call that takes the file away at a regular end, unless it is another daemon's by then.
 * @throws {ExitError} 75 where another daemon runs, which it names; 77 where the lock file can't be written
 */
export function lockNamespace(): () => void {
  for (;;) {
    const fd = openLock()
    if (!tryLock(fd)) {
      closeSync(fd)
      throw new ExitError(exit.running, alreadyRunning(lastHolder()))
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

/**
 * The process that holds the lock of this network namespace, as the kernel lists it (proc_locks(5)); undefined where none
 * does. Needs no privilege, but a /proc that is whole (the unit's own is not).
 */
export function lockHolder(): number | undefined {
  const file = statSync(lockFile(), { throwIfNoEntry: false })
  if (!file || !areLocksListed()) return undefined
  const listed = /^\d+: FLOCK +ADVISORY +WRITE (?<pid>\d+) (?<device>\S+):(?<inode>\d+) /gm
  for (const { groups } of readFileSync('/proc/locks', 'utf8').matchAll(listed)) {
    if (groups?.inode === `${file.ino}` && groups.device === deviceText(file.dev)) return Number(groups.pid)
  }
  return undefined
}

/**
 * The process that had the lock and ended without taking its file away: it was killed or crashed. Tells root alone, and
 * nobody where the kernel's list of locks is missing: whoever is in the file may be running.
 */
export const leftBehind = (): number | undefined =>
  areLocksListed() && lockHolder() === undefined ? lastHolder() : undefined

/** A /proc that was mounted with subset=pid has no list. */
const areLocksListed = (): boolean => existsSync('/proc/locks')

/** Who took the lock last, as its file says. */
function lastHolder(): number | undefined {
  try {
    return Number.parseInt(readFileSync(lockFile(), 'utf8'), 10) || undefined
  } catch {
    // It has ended in this moment and its file is gone, or the file is not ours to read.
    return undefined
  }
}

/** `st_dev` as /proc/locks has it: major and minor number, of two hexadecimal digits at least. */
function deviceText(device: number): string {
  const numbers = [(device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00)]
  return numbers.map((number) => number.toString(16).padStart(2, '0')).join(':')
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
    const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
    // It may be there from a version that let everybody read it.
    fchmodSync(fd, 0o600)
    return fd
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new ExitError(
      exit.noPermission,
      `cannot write ${file} (${code}): run as root, or create ${dirname(file)} for this user (RuntimeDirectory=eni-routed in a unit)`,
    )
  }
}
