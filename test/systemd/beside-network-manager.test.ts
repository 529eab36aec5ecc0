import { setTimeout } from 'node:timers/promises'
import { test as base, describe, expect } from 'vitest'
import { Attachment } from './attachment.ts'
import { noGuests } from './machine.ts'

const service = 'NetworkManager.service'

/**
 * The first ENI is configured by hand; further ones are NetworkManager's as in an image that has it: each gets a connection
 * by DHCP, but for those that the administrator took out.
 */
const configuration = `[main]
plugins=keyfile
no-auto-default=interface-name:eth4
[keyfile]
unmanaged-devices=interface-name:eth0;interface-name:eth2
[device]
match-device=interface-name:eth*
managed=1
[connection]
ipv6.addr-gen-mode=0
`

const test = base.extend(
  'attachment',
  { scope: 'file' },
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern which fixtures this one needs
  async ({}, { onCleanup }) => {
    const attachment = await Attachment.boot()
    onCleanup(() => attachment.destroy())
    attachment.guest.write('/etc/NetworkManager/conf.d/test.conf', configuration)
    return attachment
  },
)

const connectionOf = async ({ guest }: Attachment, name: string) =>
  (await guest.exec('nmcli', ['--get-values=GENERAL.STATE,GENERAL.CONNECTION', 'device', 'show', name]))
    .trim()
    .split('\n')

describe.skipIf(noGuests())('an ENI that the unit looks after', () => {
  test('stays its own when NetworkManager starts: that merely watches', async ({ attachment }) => {
    const { guest, machine } = attachment
    const eni = await attachment.plugKnown(1)
    await attachment.expectAnswer(eni)
    const cursor = await machine.journal.cursor()
    await guest.systemctl('start', service)
    await machine.until('NetworkManager sees it', async () =>
      (await connectionOf(attachment, 'eth1'))[0]!.includes('externally'),
    )
    await attachment.restart(service)
    await attachment.restart()
    await attachment.document(eni, ['172.31.0.10', '172.31.0.11'])
    await machine.vpc.assign('eth1', '172.31.0.11/32')
    await guest.systemctl('reload', 'eni-routed.service')
    await machine.until('the address that is listed now', async () => (await attachment.addresses('eth1')).length === 2)
    expect(await attachment.handled('eth1', cursor)).toEqual([
      'ip address add 172.31.0.11/32 dev eth1 noprefixroute proto 213',
    ])
    await attachment.expectAnswer(eni)
  })

  test('is left to NetworkManager when that is told to configure it: no fight, and restarts change nothing', async ({
    attachment,
  }) => {
    const { guest, machine } = attachment
    await guest.systemctl('stop', service)
    const eni = await attachment.plugKnown(3, ['172.31.0.30', '172.31.0.31'])
    await attachment.expectAnswer(eni)
    await guest.systemctl('start', service)
    await machine.until('NetworkManager sees it', async () =>
      (await connectionOf(attachment, 'eth3'))[0]!.includes('externally'),
    )
    const cursor = await machine.journal.cursor()
    await attachment.dhcp()
    await guest.exec('nmcli', ['connection', 'add', 'type', 'ethernet', 'con-name', 'its', 'ifname', 'eth3'])
    await guest.exec('nmcli', ['connection', 'up', 'its'])
    await attachment.expectCeded(eni, '172.31.0.30/20', service, cursor)
    await guest.exec('nmcli', ['connection', 'delete', 'its'])
  })
})

/** ms in which the unit waits for a word of NetworkManager's, and more. */
const patience = 3_500

test.skipIf(noGuests())(
  'beside NetworkManager, a bare ENI is brought up where it is told to leave it alone, and else left to it',
  async ({ attachment }) => {
    const { guest, machine } = attachment
    await guest.systemctl('start', service)
    const cursor = await machine.journal.cursor()
    const [excluded, slow, idle] = [
      await attachment.plug(2),
      await attachment.plugKnown(5),
      await attachment.plugKnown(4),
    ]
    await setTimeout(patience)
    const took = await attachment.timeToAnswer(excluded)
    expect(took).toBeLessThan(3_000)
    expect((await connectionOf(attachment, 'eth2'))[0]).toContain('unmanaged')

    // It has a connection, and DHCP is late.
    expect(await attachment.addresses('eth5')).toEqual([])
    await attachment.dhcp()
    expect(await attachment.firstAnswer(slow, 30_000)).toBeDefined()
    await attachment.expectAnswer(slow)
    expect(await attachment.addresses('eth5')).toEqual(slow.addresses)
    expect(await attachment.handled('eth5', cursor)).toEqual([])

    // It is managed, and has no connection.
    expect(await attachment.addresses(idle.name)).toEqual([])
    expect(await attachment.handled(idle.name, cursor)).toEqual([])
    expect(await guest.exec('eni-routed', ['status'])).toContain('somebody else configures this ENI')
  },
)
