import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../src/lab/command.ts'

/** Outside of the repository: it outlives clones, and holds device nodes and files of other owners. */
export const cacheFolder = process.env.ENI_ROUTED_TEST_CACHE ?? '/var/cache/eni-routed-test'

const suite = 'bookworm'

/** systemd 252, NetworkManager 1.42, dhclient 4.4.3, ifupdown 0.8.41 as Debian 12 ships them, and what they need. */
const packages = [
  ...['systemd', 'systemd-sysv', 'dbus', 'udev', 'iproute2', 'iputils-ping', 'procps', 'nftables', 'iptables'],
  ...['network-manager', 'isc-dhcp-client', 'isc-dhcp-server', 'ifupdown'],
]

/** A guest starts what a test asks for, and nothing of this by itself. */
const idle = [
  ...['systemd-networkd.service', 'systemd-networkd.socket', 'systemd-networkd-wait-online.service'],
  ...['NetworkManager.service', 'NetworkManager-wait-online.service', 'NetworkManager-dispatcher.service'],
  ...['networking.service', 'ifupdown-pre.service', 'isc-dhcp-server.service', 'systemd-resolved.service'],
  // Neither timers nor consoles are of use here, and each costs time at boot.
  ...['apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer', 'e2scrub_all.timer', 'fstrim.timer'],
  ...['console-getty.service', 'getty@.service', 'e2scrub_reap.service', 'systemd-timesyncd.service'],
]

/**
 * The root folder of a guest, made of Debian's packages when it is first asked for (30-50 s and 300 MB), one with `more`
 * packages apart from the one without. Nothing ever writes to it; a change of this file makes another one, and takes away
 * the old.
 */
export async function guestImage(more: readonly string[] = []): Promise<string> {
  const key = createHash('sha256')
    .update(JSON.stringify([suite, [...packages, ...more], idle]))
    .digest('hex')
    .slice(0, 12)
  const prefix = `${[...more, suite].join('+')}-`
  const image = join(cacheFolder, `${prefix}${key}`)
  if (!existsSync(image)) {
    mkdirSync(cacheFolder, { recursive: true })
    await make(image, [...packages, ...more])
    removeOthers(image, prefix)
  }
  return image
}

async function make(image: string, packages: readonly string[]): Promise<void> {
  const unfinished = `${image}.${process.pid}`
  const options = ['--variant=minbase', '--mode=root', `--include=${packages.join(',')}`]
  try {
    await run('mmdebstrap', [...options, "--aptopt=APT::Install-Recommends 'false'", suite, unfinished])
    await run('systemctl', [`--root=${unfinished}`, 'disable', ...idle.filter((unit) => !unit.includes('@'))])
    // Without an id the first boot would enable what Debian presets.
    writeFileSync(join(unfinished, 'etc/machine-id'), `${createHash('md5').update(image).digest('hex')}\n`)
    renameSync(unfinished, image)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

function removeOthers(image: string, prefix: string): void {
  for (const entry of readdirSync(cacheFolder)) {
    const path = join(cacheFolder, entry)
    if (entry.startsWith(prefix) && path !== image) {
      rmSync(path, { recursive: true, force: true })
    }
  }
}
