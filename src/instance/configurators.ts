import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Link } from '../state/link.ts'

/**
 * Does another program of this host configure the link? `undecided`: one that may is there or about to start, and has not
 * said yet; `silent`: one is there that says nothing of the links that it leaves alone; `nobody`: none is there, or all
 * that are have said that they leave it alone.
 */
export type Verdict = 'somebody' | 'undecided' | 'silent' | 'nobody'

const byWeight: readonly Verdict[] = ['somebody', 'undecided', 'silent', 'nobody']

/**
 * Tells it by what network managers keep under /run, by ifindex. They live in the host's own network namespace; in another
 * one those files speak of other links. dhclient, dhcpcd and cloud-init's scripts leave no such word: they take the link
 * up at once, so that it is no longer bare.
 */
export function whoConfigures({ index, name }: Pick<Link, 'index' | 'name'>, root = '/', own = isHostsOwn()): Verdict {
  if (!own) {
    return 'nobody'
  }
  const words = [udev(root, index), networkd(root, index), networkManager(root, index), ifupdown(root, name)]
  return byWeight.find((verdict) => words.includes(verdict)) ?? 'nobody'
}

/** Managers wait until udev has given a link its name and noted it, and decide then. */
const udev = (root: string, index: number): Verdict =>
  existsSync(join(root, 'run/udev/control')) && !existsSync(join(root, 'run/udev/data', `n${index}`))
    ? 'undecided'
    : 'nobody'

/**
 * networkd keeps a state of its own and one of each link. ADMIN_STATE is pending or initialized while udev and networkd have
 * not decided, and unmanaged where no .network file matches.
 */
function networkd(root: string, index: number): Verdict {
  if (read(join(root, 'run/systemd/netif/state')) === '') {
    return beforeItStarts(root, 'systemd-networkd.service')
  }
  const state = /^ADMIN_STATE=(.*)$/m.exec(read(join(root, 'run/systemd/netif/links', String(index))))?.[1]
  if (state === undefined || ['pending', 'initialized'].includes(state)) {
    return 'undecided'
  }
  return state === 'unmanaged' ? 'nobody' : 'somebody'
}

/**
 * NetworkManager takes a device that it manages up within ms and notes it. Of one that its configuration excludes it
 * notes nothing, or nothing but its MAC; `managed=false` is a user's word.
 */
function networkManager(root: string, index: number): Verdict {
  if (!isThere(join(root, 'run/NetworkManager/devices'))) {
    return beforeItStarts(root, 'NetworkManager.service')
  }
  const managed = /^managed=(.*)$/m.exec(read(join(root, 'run/NetworkManager/devices', String(index))))?.[1]
  if (managed === undefined) {
    return 'silent'
  }
  return managed === 'false' ? 'nobody' : 'somebody'
}

/** ifup notes the interfaces that it has configured, or is about to. */
const ifupdown = (root: string, name: string): Verdict =>
  read(join(root, 'run/network', `ifstate.${name}`)).trim() === '' ? 'nobody' : 'somebody'

/** Where `systemctl enable` and netplan's generator put what a boot starts (systemd.unit(5), systemd.generator(7)). */
const unitFolders = ['etc/systemd/system', 'run/systemd/system', 'run/systemd/generator', 'run/systemd/generator.late']

/** At boot this program may be up before a manager that is enabled. */
function beforeItStarts(root: string, unit: string): Verdict {
  const isEnabled = unitFolders.some((folder) => isLink(join(root, folder, 'multi-user.target.wants', unit)))
  const isMasked = target(join(root, 'etc/systemd/system', unit)) === '/dev/null'
  return isEnabled && !isMasked ? 'undecided' : 'nobody'
}

/** A process stays in its network namespace. */
let known: boolean | undefined

function isHostsOwn(): boolean {
  known ??= isOfFirstProcess()
  return known
}

/**
 * Is this the network namespace that the host's own programs live in? Users that may not look at process 1, as the unit's,
 * see whether systemd's socket is of it: /proc/net/unix lists those of one namespace. Where that can't be told, it is.
 */
function isOfFirstProcess(): boolean {
  try {
    return readlinkSync('/proc/self/ns/net') === readlinkSync('/proc/1/ns/net')
  } catch {
    const socket = '/run/systemd/notify'
    return !existsSync(socket) || read('/proc/self/net/unix').includes(` ${socket}\n`)
  }
}

const isLink = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

function target(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function isThere(folder: string): boolean {
  try {
    readdirSync(folder)
    return true
  } catch {
    return false
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // It is not there, or not yet.
    return ''
  }
}
