import { setTimeout } from 'node:timers/promises'
import { test as base, describe, expect, onTestFinished } from 'vitest'
import { MetadataService } from '../support/metadata-service.ts'
import { Attachment } from './attachment.ts'
import { noGuests } from './machine.ts'

const configurators = new URL('../../src/instance/configurators.ts', import.meta.url).pathname
const networkd = 'systemd-networkd.service'
const dhcp = '[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\n'
const folder = '/etc/systemd/network'

/** networkd runs, and nothing of an earlier test is left for it. */
const test = base.extend(
  'attachment',
  { scope: 'file' },
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern which fixtures this one needs
  async ({}, { onCleanup }) => {
    const attachment = await Attachment.boot()
    onCleanup(() => attachment.destroy())
    const { guest } = attachment
    // The first ENI is configured by hand.
    guest.write(`${folder}/00-eth0.network`, '[Match]\nName=eth0\n[Link]\nUnmanaged=yes\n')
    guest.write('/run/systemd/system/systemd-networkd.service.d/test.conf', '[Unit]\nStartLimitIntervalSec=0\n')
    await guest.systemctl('daemon-reload')
    return attachment
  },
)

/** networkd runs, and has these files until the test ends. */
async function match(attachment: Attachment, files: Readonly<Record<string, string>>): Promise<void> {
  await attachment.guest.systemctl('start', networkd)
  await attachment.write(files, () => attachment.guest.exec('networkctl', ['reload']))
}

const adminState = ({ guest }: Attachment, index: number) =>
  /^ADMIN_STATE=(.*)$/m.exec(guest.read(`/run/systemd/netif/links/${index}`))?.[1]

const indexOf = async ({ machine }: Attachment, name: string) =>
  Number((await machine.vpc.instance.ip(`-o link show dev ${name}`)).split(':')[0])

describe.skipIf(noGuests())('a bare ENI under the installed unit', () => {
  test('where no manager of networks is enabled, comes up and answers', async ({ attachment }) => {
    const eni = await attachment.plugKnown(1)
    await attachment.expectAnswer(eni)
    expect(await attachment.handled('eth1')).toEqual([
      'ip link set dev eth1 up',
      'ip address add 172.31.0.10/20 dev eth1 proto 213',
    ])
  })

  test('where networkd is enabled and yet to start, waits for its word', async ({ attachment }) => {
    const { guest, machine } = attachment
    const cursor = await machine.journal.cursor()
    await guest.systemctl('enable', networkd)
    const reload = () => guest.systemctl('try-reload-or-restart', networkd)
    await attachment.write({ [`${folder}/50-all.network`]: `[Match]\nName=eth*\n${dhcp}` }, reload)
    const eni = await attachment.plugKnown(1)
    await attachment.told({ ENI_ROUTED_EVENT: 'metadata', ENI_ROUTED_INTERFACE: 'eth1' }, cursor)
    await setTimeout(1_000)
    expect(await attachment.addresses('eth1')).toEqual([])
    await attachment.dhcp()
    await guest.systemctl('start', networkd)
    await attachment.expectAnswer(eni)
    expect(await attachment.handled('eth1', cursor)).toEqual([])
  })
})

describe.skipIf(noGuests())('beside networkd, a bare ENI', () => {
  test.for([
    { name: 'that no file matches', number: 2, files: {} },
    {
      name: 'that a file leaves alone',
      number: 3,
      files: { [`${folder}/10-eth3.network`]: '[Match]\nName=eth3\n[Link]\nUnmanaged=yes\n' },
    },
  ])('$name comes up and answers soon after its documents', async ({ number, files }, { attachment }) => {
    await match(attachment, files)
    const eni = await attachment.plug(number)
    await setTimeout(500)
    const took = await attachment.timeToAnswer(eni)
    expect(took).toBeLessThan(3_000)
    const index = await indexOf(attachment, `eth${number}`)
    expect(adminState(attachment, index)).toBe('unmanaged')
  })

  test('that a file matches is left to it, however late DHCP answers', async ({ attachment }) => {
    const { machine } = attachment
    await match(attachment, {
      [`${folder}/10-eth4.network`]: `[Match]\nName=eth4\n${dhcp}`,
      '/run/systemd/network/10-netplan-eth5.network': `[Match]\nName=eth5\n${dhcp}`,
      // As in many an image.
      [`${folder}/90-dhcp.network`]: `[Match]\nName=e*\n${dhcp}`,
    })
    const cursor = await machine.journal.cursor()
    const enis = [await attachment.plugKnown(4), await attachment.plugKnown(5), await attachment.plugKnown(6)]
    for (const { name } of enis) {
      await attachment.told({ ENI_ROUTED_EVENT: 'metadata', ENI_ROUTED_INTERFACE: name }, cursor)
    }
    await setTimeout(1_000)
    for (const { name } of enis) {
      expect(await attachment.addresses(name)).toEqual([])
    }
    await attachment.dhcp()
    for (const eni of enis) {
      expect(await attachment.firstAnswer(eni, 30_000)).toBeDefined()
      await attachment.expectAnswer(eni)
      expect(await attachment.addresses(eni.name)).toEqual(eni.addresses)
      expect(await attachment.handled(eni.name, cursor)).toEqual([])
    }
  })
})

describe.skipIf(noGuests())('an ENI that the unit looks after', () => {
  test('is left to networkd when a file matches it later: no fight, and restarts change nothing', async ({
    attachment,
  }) => {
    const { machine } = attachment
    const eni = await attachment.plugKnown(5, ['172.31.0.50', '172.31.0.51'])
    await attachment.expectAnswer(eni)
    const cursor = await machine.journal.cursor()
    await attachment.dhcp()
    await match(attachment, { [`${folder}/10-eth5.network`]: `[Match]\nName=eth5\n${dhcp}` })
    await attachment.expectCeded(eni, '172.31.0.50/20', networkd, cursor)
  })

  test('is left to networkd with another address than the metadata lists', async ({ attachment }) => {
    const { machine } = attachment
    const eni = await attachment.plugKnown(6)
    await attachment.expectAnswer(eni)
    const cursor = await machine.journal.cursor()
    const file = `${folder}/10-eth6.network`
    await match(attachment, { [file]: '[Match]\nName=eth6\n[Network]\nAddress=172.31.0.99/20\nIPv6AcceptRA=no\n' })
    await attachment.told({ ENI_ROUTED_EVENT: 'ceded', ENI_ROUTED_INTERFACE: 'eth6' }, cursor)
    await setTimeout(500)
    expect(await attachment.addresses('eth6')).toEqual(['172.31.0.99/20'])
    expect(await attachment.handled('eth6', cursor)).toEqual([])
  })

  test('keeps its addresses, and those that others gave it, over restarts of both', async ({ attachment }) => {
    const { guest, machine } = attachment
    const eni = await attachment.plugKnown(7)
    await attachment.expectAnswer(eni)
    await guest.exec('ip', ['address', 'add', '172.31.0.77/32', 'dev', 'eth7'])
    const cursor = await machine.journal.cursor()
    await attachment.restart(networkd)
    await attachment.restart()
    await attachment.told({ ENI_ROUTED_EVENT: 'metadata', ENI_ROUTED_INTERFACE: 'eth7' }, cursor)
    // Two documents in a row lack the foreign one.
    for (const _ of [1, 2]) {
      await guest.systemctl('reload', 'eni-routed.service')
      await setTimeout(700)
    }
    await attachment.expectAnswer(eni)
    expect(await attachment.addresses('eth7')).toEqual(['172.31.0.70/20', '172.31.0.77/32'])
    expect(await attachment.handled('eth7', cursor)).toEqual([])
  })
})

test.skipIf(noGuests())('networkd is not asked in another network namespace than its own', async ({ attachment }) => {
  const { guest } = attachment
  await match(attachment, {})
  await guest.exec('ip', ['netns', 'add', 'other'])
  const index = await indexOf(attachment, 'eth0')
  guest.write(`/run/systemd/netif/links/${index}`, 'ADMIN_STATE=configured\n')
  // As the unit's user: process 1 is not to be looked at.
  const program = `import('${configurators}').then((m) => console.log(m.whoConfigures({ index: ${index}, name: 'eth0' })))`
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, '--eval', program]
  expect(await guest.exec('setpriv', nobody)).toBe('somebody\n')
  expect(await guest.exec('ip', ['netns', 'exec', 'other', 'setpriv', ...nobody])).toBe('untold\n')
})

test.skipIf(noGuests())('the unit reaches the metadata service by IPv6 where IPv4 has none', async ({ attachment }) => {
  const { machine, service, first } = attachment
  service.kill()
  const ipv6 = await MetadataService.start(machine.vpc, first.mac, 6)
  onTestFinished(() => ipv6.kill())
  const cursor = await machine.journal.cursor()
  await ipv6.document({ ...first, id: 'eni-0123456789abcdef6' })
  await attachment.restart()
  await attachment.told({ ENI_ROUTED_EVENT: 'metadata', ENI_ROUTED_ENI: 'eni-0123456789abcdef6' }, cursor)
})
