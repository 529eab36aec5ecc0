import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { DaemonProcess, labConfig } from '../../src/lab/daemon-process.ts'
import { Guest } from '../support/guest.ts'
import type { Lease } from '../support/guest-dhcp.ts'
import { guestImage } from '../support/guest-image.ts'
import { NotHere } from './native.ts'
import { program, startYardstick } from './reactors.ts'
import { type Attachment, Bed, primary, second } from './rival-bed.ts'
import type { Row, Yardstick } from './row.ts'
import { spread } from './spread.ts'
import { inTurn } from './turns.ts'

/**
 * A second ENI is attached: how long until its address answers, with eni-routed and with amazon-ec2-net-utils from Debian's
 * package, under systemd in a guest each, where the address comes from networkd's DHCP client; and with eni-routed alone, which
 * takes it from the metadata, beside a program that asks for the same and then does what is fixed. There is no udev in a guest: what the package's rule for it would start is started as soon as the
 * link is there.
 */
export async function rivals({ tries }: { tries: number }): Promise<Row[]> {
  const beds: Bed[] = []
  try {
    for (const furnish of [withNetworkd, withMetadata, netUtils, withFloor]) {
      const bed = await Bed.create()
      beds.push(bed)
      await furnish(bed)
    }
    const works = beds.map((bed) => async () => [await bed.attachOnce()])
    const [ours = [], byMetadata = [], theirs = [], blindly = []] = await inTurn(tries, works)
    const named = (name: string, all: readonly Attachment[], value: (one: Attachment) => number): Yardstick => ({
      name,
      spread: spread(all.map(value)),
    })
    const row = (what: string, mine: readonly Attachment[], value: (one: Attachment) => number): Row => ({
      ...{ item: 'rival', what, unit: 'ms', ours: spread(mine.map(value)), goal: { ratio: 1 / 100 } },
      yardsticks: [named('amazon-ec2-net-utils', theirs, value)],
    })
    const answer = (one: Attachment) => one.answer
    const address = (one: Attachment) => one.address
    const whole = row('link → answering, address by networkd and DHCP', ours, answer)
    const parts = [named('ours, until the address is there', ours, address), named('theirs', theirs, address)]
    const bare = row('link → answering, addresses.mode = "imds"', byMetadata, answer)
    return [
      { ...whole, yardsticks: [...whole.yardsticks, ...parts] },
      row('of this, address → answering', ours, (one) => one.answer - one.address),
      { ...bare, yardsticks: [...bare.yardsticks, named('Node, blindly', blindly, answer)] },
    ]
  } finally {
    for (const bed of beds) await bed.destroy()
  }
}

/** networkd gives the addresses, eni-routed does the routing. */
async function withNetworkd(bed: Bed): Promise<void> {
  const guest = await besideNetworkd(bed, [primary, second])
  await new DaemonProcess(guest, { program: [program], config: labConfig }).ready()
  await sleep(2_000)
}

/** networkd configures the primary alone, eni-routed does all of it for the other. */
async function withMetadata(bed: Bed): Promise<void> {
  const guest = await besideNetworkd(bed, [primary])
  const config = '[interfaces]\ninclude = ["eth*"]\n[addresses]\nmode = "imds"\n'
  const daemon = new DaemonProcess(guest, { program: [program], config })
  await daemon.waitFor(({ event, mac }) => event === 'metadata' && mac === primary.mac, 10_000)
  await sleep(2_000)
}

/** The same done blindly: what Node takes by itself. */
async function withFloor(bed: Bed): Promise<void> {
  const guest = await besideNetworkd(bed, [primary])
  const file = fileURLToPath(new URL('attach-floor.ts', import.meta.url))
  await startYardstick(guest, process.execPath, [file, second.mac, second.addresses![0]!, '172.31.0.1'])
  await sleep(2_000)
}

/** A guest whose networkd configures these ENIs. */
async function besideNetworkd(bed: Bed, configured: readonly Lease[]): Promise<Guest> {
  const guest = await Guest.boot(bed.vpc.instance, [], await imageOf([]))
  bed.inhabit(guest)
  for (const [i, { name }] of configured.entries()) {
    const text = `[Match]\nName=${name}\n[Network]\nDHCP=ipv4\n[DHCPv4]\nRouteMetric=${512 + i}\n`
    guest.write(`/etc/systemd/network/10-${name}.network`, text)
  }
  // As the package installs it.
  const dropIn = new URL('../../systemd/networkd/10-eni-routed.conf', import.meta.url)
  guest.write('/etc/systemd/networkd.conf.d/10-eni-routed.conf', readFileSync(dropIn, 'utf8'))
  await guest.systemctl('start', 'systemd-networkd')
  await bed.settle({ configure: false })
  return guest
}

async function netUtils(bed: Bed): Promise<void> {
  const guest = await Guest.boot(bed.vpc.instance, [], await imageOf(['amazon-ec2-net-utils', 'curl']))
  bed.inhabit(guest, (name, verb) => {
    const units = [`policy-routes@${name}.service`, `refresh-policy-routes@${name}.timer`]
    return guest.systemctl(...(verb === 'add' ? ['enable', '--now', '--no-block'] : ['disable', '--now']), ...units)
  })
  // It takes up the links of some drivers, of which the lab's are none.
  const file = '/usr/lib/systemd/network/80-ec2.network'
  guest.write(file, guest.read(file).replace(/^Driver=.*$/m, '$& veth'))
  await guest.systemctl('start', 'systemd-networkd')
  await bed.settle({ configure: false })
}

async function imageOf(packages: readonly string[]): Promise<string> {
  try {
    return await guestImage(packages)
  } catch (error) {
    const needs = 'apt-get install systemd-container mmdebstrap, on Debian'
    throw new NotHere(`a guest could not be made (${(error as Error).message.split('\n')[0]}): ${needs}`)
  }
}
