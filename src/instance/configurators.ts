import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Link } from '../state/link.ts'

/**
 * Does another program of this host configure the link? `undecided`: one that may is there, and has not said yet; `nobody`:
 * none is there, or all that are have said that they leave it alone.
 */
export type Verdict = 'somebody' | 'undecided' | 'nobody'

/**
 * Tells it by what network managers keep under /run, by ifindex. They live in the host's own network namespace; in another
 * one those files speak of other links. dhclient, dhcpcd and cloud-init's scripts leave no such word: they take the link
 * up at once, so that it is no longer bare.
 */
export function whoConfigures(
  { index, name }: Pick<Link, 'index' | 'name'>,
  run = '/run',
  own = isHostsOwn(),
): Verdict {
  if (!own) {
    return 'nobody'
  }
  const words = [networkd(run, index), networkManager(run, index), ifupdown(run, name)]
  return (['somebody', 'undecided'] as const).find((verdict) => words.includes(verdict)) ?? 'nobody'
}

/**
 * networkd keeps a state of its own and one of each link. ADMIN_STATE is pending or initialized while udev and networkd have
 * not decided, and unmanaged where no .network file matches.
 */
function networkd(run: string, index: number): Verdict {
  if (read(join(run, 'systemd/netif/state')) === '') {
    return 'nobody'
  }
  const state = /^ADMIN_STATE=(.*)$/m.exec(read(join(run, 'systemd/netif/links', String(index))))?.[1]
  if (state === undefined || ['pending', 'initialized'].includes(state)) {
    return 'undecided'
  }
  return state === 'unmanaged' ? 'nobody' : 'somebody'
}

/** A device that NetworkManager does not manage says so; one that it manages it takes up as soon as it has a connection. */
function networkManager(run: string, index: number): Verdict {
  if (!isThere(join(run, 'NetworkManager/devices'))) {
    return 'nobody'
  }
  const managed = /^managed=(.*)$/m.exec(read(join(run, 'NetworkManager/devices', String(index))))?.[1]
  if (managed === undefined || managed === 'unknown') {
    return 'undecided'
  }
  return ['0', 'false', 'unmanaged'].includes(managed) ? 'nobody' : 'somebody'
}

/** ifup notes the interfaces that it has configured, or is about to. */
const ifupdown = (run: string, name: string): Verdict =>
  read(join(run, 'network', `ifstate.${name}`)).trim() === '' ? 'nobody' : 'somebody'

/** Is this the network namespace that the host's own programs live in? Where that can't be told, it is. */
function isHostsOwn(): boolean {
  try {
    return readlinkSync('/proc/self/ns/net') === readlinkSync('/proc/1/ns/net')
  } catch {
    return true
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
