import { describe, expect } from 'vitest'
import { labConfig } from '../../src/lab/daemon-process.ts'
import { addContainer, publish, unserved } from '../support/container.ts'
import { eth0, eth1, noGuests, test, unit } from './machine.ts'

const connmark = `${labConfig}[routing]\ncontainers = "connmark"\n`

describe.skipIf(noGuests())('published container ports, served from the sandbox of the unit', () => {
  test('answer on every ENI under strict rp_filter, are healed, and leave nothing behind', async ({ machine }) => {
    const { vpc, guest } = machine
    const { instance } = vpc
    const container = await addContainer(vpc)
    const tables = async () => (await instance.exec('nft', ['list', 'tables'])).trim().split('\n')
    const reload = async (toml: string, served: boolean) => {
      machine.configure(toml)
      await guest.systemctl('reload', unit)
      await machine.until(`marks: ${served}`, async () => (await tables()).includes('table inet eni-routed') === served)
    }
    try {
      await instance.sysctl({ 'net.ipv4.conf.eth0.rp_filter': 1, 'net.ipv4.conf.eth1.rp_filter': 1 })
      await publish(vpc, 'nft')
      await reload(connmark, true)
      expect(await unserved(vpc, [...eth0.addresses, ...eth1.addresses])).toEqual([])
      expect(await instance.exec('sysctl', ['-n', 'net.ipv4.conf.eth1.src_valid_mark'])).toBe('213\n')

      await instance.exec('nft', ['delete', 'table', 'inet', 'eni-routed'])
      await machine.until('healed', async () => (await tables()).includes('table inet eni-routed'))
      await instance.exec('nft', ['add', 'rule', 'inet', 'eni-routed', 'forward', 'counter'])
      const listing = () => instance.exec('nft', ['list', 'table', 'inet', 'eni-routed'])
      await machine.until('as it was', async () => !(await listing()).includes('counter'))
      expect(await unserved(vpc, [...eth0.addresses, ...eth1.addresses])).toEqual([])

      const audited = await machine.journal.entries({ ENI_ROUTED_OBJECT: 'nft' })
      expect(audited.map(({ ENI_ROUTED_RESULT: result }) => result)).toEqual(['done', 'done', 'done'])
      expect(JSON.parse(await guest.exec('eni-routed', ['status', '--json']))).toMatchObject({
        inSync: true,
        problems: [],
        daemon: { pid: await machine.mainPid(), health: 'in sync' },
      })
      expect(await machine.property('NRestarts')).toBe('0')
    } finally {
      await reload(labConfig, false)
      await instance.exec('nft', ['flush', 'ruleset'])
      await instance.ip('link delete dev docker0')
      container.remove()
    }
    expect(await instance.ip('rule')).not.toContain('fwmark')
    expect(await instance.exec('sysctl', ['-n', 'net.ipv4.conf.eth1.src_valid_mark'])).toBe('0\n')
    await machine.expectAnswers([eth0, eth1])
  })
})
