/*
 * The way from `unshare --mount` to a booted guest, in a process of its own: cgroup, overlay, systemd-nspawn. The mounts
 * are seen by this process alone and vanish with it.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { enterCgroup, isHybrid } from './guest-cgroup.ts'

export interface Launch {
  /** Of the cgroup, and of the network namespace under /run/netns. */
  readonly name: string
  /** The root of the guest, which stays as it is. */
  readonly image: string
  /** Folders whose files lie over those of the image; the first is on top. */
  readonly layers: readonly string[]
  /** An empty folder to mount at. */
  readonly mountPoint: string
  /** Folders that the guest sees at the same path. */
  readonly readOnly: readonly string[]
  readonly writable: readonly string[]
}

const mount = (...args: string[]) => execFileSync('mount', args, { stdio: ['ignore', 'inherit', 'inherit'] })

function launch({ name, image, layers, mountPoint, readOnly, writable }: Launch): never {
  enterCgroup(name)
  mount('-t', 'tmpfs', 'tmpfs', mountPoint)
  const [root, upper, work] = ['root', 'upper', 'work'].map((folder) => join(mountPoint, folder)) as [
    string,
    string,
    string,
  ]
  for (const folder of [root, upper, work]) {
    mkdirSync(folder)
  }
  mount(
    '-t',
    'overlay',
    'overlay',
    '-o',
    `lowerdir=${[...layers, image].join(':')},upperdir=${upper},workdir=${work}`,
    root,
  )
  if (isHybrid()) {
    execFileSync('umount', ['-R', '/sys/fs/cgroup'])
    mount('-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup')
  }
  const args = [
    ...['--quiet', '--boot', `--directory=${root}`, '--machine=guest', '--console=pipe', '--link-journal=no'],
    ...['--register=no', '--keep-unit', `--network-namespace-path=/run/netns/${name}`],
    // BPF: by it systemd filters the addresses that a unit may talk to.
    '--capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_BPF',
    '--system-call-filter=bpf',
    ...readOnly.map((folder) => `--bind-ro=${folder}`),
    ...writable.map((folder) => `--bind=${folder}`),
  ]
  // Without --private-network, which would make a namespace of its own, /proc/sys/net is read-only unless asked for.
  const env = { ...(process.env as Record<string, string>), SYSTEMD_NSPAWN_API_VFS_WRITABLE: 'network' }
  return process.execve!('/usr/bin/systemd-nspawn', ['systemd-nspawn', ...args], env)
}

launch(JSON.parse(process.argv[2]!) as Launch)
