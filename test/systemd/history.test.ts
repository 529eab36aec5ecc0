import { describe, expect } from 'vitest'
import type { HistoryEntry } from '../../src/commands/history.ts'
import { noGuests, test, words } from './machine.ts'

describe.skipIf(noGuests())('eni-routed history', () => {
  test('shows every change, of one interface or of all, and nothing that others made up', async ({ machine }) => {
    const { guest } = machine
    const forged = 'SYSLOG_IDENTIFIER=eni-routed\nENI_ROUTED_EVENT=change\nENI_ROUTED_INTERFACE=eth1\nMESSAGE=forged\n'
    guest.write('/run/forged', forged)
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all']
    await guest.exec('sh', ['-c', `setpriv ${nobody.join(' ')} logger --journald=/run/forged`])
    expect(await machine.journal.forged()).toContain('"MESSAGE":"forged"')
    const all = JSON.parse(await guest.exec('eni-routed', ['history', '--json'])) as HistoryEntry[]
    expect(all.map(({ command }) => words(command!)).sort()).toEqual(await machine.objects())
    const eth1 = JSON.parse(await guest.exec('eni-routed', ['history', 'eth1', '--json'])) as HistoryEntry[]
    expect(eth1).toEqual(all.filter((entry) => entry.interface === 'eth1'))
    expect(eth1).toHaveLength(6)
    const byMac = JSON.parse(await guest.exec('eni-routed', ['history', '02:00:00:00:00:02', '--json']))
    expect(byMac).toEqual(eth1)
  })

  test('is a table for people', async ({ machine }) => {
    const table = (await machine.guest.exec('eni-routed', ['history', 'eth1'])).split('\n')
    expect(table[0]).toMatch(/^TIME +INTERFACE +WHAT +COMMAND$/)
    expect(table[1]).toMatch(
      /^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} +eth1 +replace +ip link set dev eth1 group 20000 +# /,
    )
  })

  test('knows since when, and says which time it does not understand', async ({ machine }) => {
    const later = await machine.guest.exec('eni-routed', ['history', '--since', '2099-01-01', '--json'])
    expect(JSON.parse(later)).toEqual([])
    const failing = machine.guest.exec('eni-routed', ['history', '--since', 'whenever'])
    await expect(failing).rejects.toThrow(/journalctl: Failed to parse timestamp: whenever/)
  })

  test('tells who may not read the journal what to do', async ({ machine }) => {
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', 'eni-routed', 'history']
    await expect(machine.guest.exec('setpriv', nobody)).rejects.toThrow(/join the group: .* systemd-journal/)
    // Whoever has records of his own is shown those, and journalctl does not fail.
    const person = ['--reuid=1000', '--regid=1000', '--clear-groups']
    await machine.guest.exec('setpriv', [...person, 'logger', 'hello'])
    await machine.guest.exec('journalctl', ['--sync'])
    await expect(machine.guest.exec('setpriv', [...person, 'eni-routed', 'history'])).rejects.toThrow(
      /join the group: .* systemd-journal/,
    )
  })
})
