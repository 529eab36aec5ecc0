import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Link } from '../state/link.ts'

/**
 * Does another program of this host configure the link? `undecided`: one that may is there or about to start, and has not
 * said yet; `silent`: one is there that says nothing of the links that it leaves alone; `untold`: nobody is there who would
 * say, or one who acts without a word; `nobody`: all who are there have said that they leave it alone.
 */
export type Verdict = 'somebody' | 'undecided' | 'silent' | 'untold' | 'nobody'

const byWeight: readonly Verdict[] = ['somebody', 'undecided', 'silent', 'untold', 'nobody']

/**
 * Tells it by what network managers keep under /run, by ifindex. They live in the host's own network namespace; in another
 * one those files speak of other links. dhclient, dhcpcd and cloud-init's scripts leave no such word: they take the link
 * up at once, so that it is no longer bare.
 */
export function whoConfigures({ index, name }: Pick<Link, 'index' | 'name'>, root = '/', own = isHostsOwn()): Verdict {
  if (!own) {
    return 'untold'
  }
  const words = [
    udev(root, index),
    networkd(root, index),
    networkManager(root, index),
    ifupdown(root, name),
    taciturn(root),
  ]
  return byWeight.find((verdict) => words.includes(verdict)) ?? 'untold'
}

/**
 * Managers wait until udev has given a link its name and noted it, and decide then. A unit that its rules start for the
 * link may be about to configure it.
 */
function udev(root: string, index: number): Verdict | undefined {
  if (!existsSync(join(root, 'run/udev/control'))) {
    return undefined
  }
  const noted = join(root, 'run/udev/data', `n${index}`)
  if (!existsSync(noted)) {
    return 'undecided'
  }
  return /^E:SYSTEMD_WANTS=./m.test(read(noted)) ? 'untold' : undefined
}

/**
 * networkd keeps a state of its own and one of each link. ADMIN_STATE is pending or initialized while udev and networkd have
 * not decided, and unmanaged where no .network file matches.
 */
function networkd(root: string, index: number): Verdict | undefined {
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
function networkManager(root: string, index: number): Verdict | undefined {
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
const ifupdown = (root: string, name: string): Verdict | undefined =>
  read(join(root, 'run/network', `ifstate.${name}`)).trim() === '' ? undefined : 'somebody'

/**
 * Where programs that take a new link up, if they do, and say nothing of it before, keep what they know: ifupdown (its rule
 * for udev starts ifup), dhcpcd, wicked and ConnMan.
 */
const tracks = ['run/network/ifstate', 'run/dhcpcd', 'run/dhcpcd.pid', 'run/wicked', 'run/connman']

const taciturn = (root: string): Verdict | undefined =>
  tracks.some((track) => existsSync(join(root, track))) ? 'untold' : undefined

/** Where `systemctl enable` and netplan's generator put what a boot starts (systemd.unit(5), systemd.generator(7)). */
const unitFolders = ['etc/systemd/system', 'run/systemd/system', 'run/systemd/generator', 'run/systemd/generator.late']

/** At boot this program may be up before a manager that is enabled. */
function beforeItStarts(root: string, unit: string): Verdict | undefined {
  const isEnabled = unitFolders.some((folder) => isLink(join(root, folder, 'multi-user.target.wants', unit)))
  const isMasked = target(join(root, 'etc/systemd/system', unit)) === '/dev/null'
  return isEnabled && !isMasked ? 'undecided' : undefined
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
