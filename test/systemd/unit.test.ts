import { setTimeout } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { labConfig } from '../../src/lab/daemon-process.ts'
import { messageIds } from '../../src/systemd/message-ids.ts'
import { replay } from './journal-reader.ts'
import { eth0, eth1, eth2, noGuests, test, unit, words } from './machine.ts'

describe.skipIf(noGuests())('the installed unit', () => {
  test('is up after a boot with two ENIs: every address answers, and the status says so', async ({ machine }) => {
    expect(await machine.property('ActiveState')).toBe('active')
    expect(await machine.property('NRestarts')).toBe('0')
    expect(await machine.property('StatusText')).toMatch(
      /^2 ENIs, 2 addresses: in sync; last change 20..-..-.. ..:..:.. UTC: ip rule add /,
    )
    await machine.expectAnswers([eth0, eth1])
  })

  test('is told to be started when the kernel holds everything, and not before', async ({ machine }) => {
    const before = await machine.objects()
    await machine.guest.systemctl('stop', unit)
    await machine.vpc.instance.ip('rule flush proto 213')
    await machine.guest.systemctl('start', unit)
    expect(await machine.objects()).toEqual(before)
  })

  test('runs as a user of its own with CAP_NET_ADMIN alone', async ({ machine }) => {
    const status = await machine.guest.exec('cat', [`/proc/${await machine.mainPid()}/status`])
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]
    expect(Number(field('Uid')?.split('\t')[0])).toBeGreaterThan(60_000)
    for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapAmb']) {
      expect(field(set), set).toBe('0000000000001000')
    }
    expect(field('NoNewPrivs')).toBe('1')
    expect(field('Seccomp')).toBe('2')
  })

  test('answers every user', async ({ machine }) => {
    const args = ['--reuid=65534', '--regid=65534', '--clear-groups', 'eni-routed', 'status', '--json']
    const status = JSON.parse(await machine.guest.exec('setpriv', args))
    expect(status).toMatchObject({ inSync: true, daemon: { pid: await machine.mainPid(), health: 'in sync' } })
  })

  test('takes over a good configuration at reload, and names the fault of a bad one', async ({ machine }) => {
    const reload = async (toml: string, priorities: string, complaint: boolean) => {
      machine.configure(toml)
      await machine.guest.systemctl('reload', unit)
      await machine.until(`priorities ${priorities}, complaint: ${complaint}`, async () => {
        const told = (await machine.property('StatusText')).includes('the configuration was not taken over: /etc/eni-')
        return told === complaint && (await machine.priorities()) === priorities
      })
      expect(await machine.property('ActiveState')).toBe('active')
    }
    const [usual, other] = ['20000 20000 20001 20001 20002 20002', '1000 1000 1001 1001 1002 1002']
    const pid = await machine.mainPid()
    await reload(`${labConfig}[routing]\npriority-base = 1000\n`, other, false)
    await reload(`${labConfig}[routing]\npriority-base = "high"\n`, other, true)
    const [refusal] = await machine.journal.entries({ MESSAGE_ID: messageIds.reload!, ENI_ROUTED_RESULT: 'refused' })
    expect(refusal).toMatchObject({
      PRIORITY: '3',
      MESSAGE: expect.stringContaining('config.toml:6: routing.priority-base'),
    })
    await reload(labConfig, usual, false)
    expect(await machine.mainPid()).toBe(pid)
  })

  test('a configuration that is faulty at the start ends it, and it is not tried again', async ({ machine }) => {
    machine.configure('[routing]\nprotocol = 4\n')
    await expect(machine.guest.systemctl('restart', unit)).rejects.toThrow()
    await setTimeout(3_000)
    expect(await machine.property('ActiveState')).toBe('failed')
    expect(await machine.property('ExecMainStatus')).toBe('78')
    expect(await machine.guest.journal(unit)).toContain('config.toml:2: routing.protocol: 4 is used by "static"')
    machine.configure(labConfig)
    await machine.guest.systemctl('start', unit)
    await machine.expectAnswers([eth0, eth1])
  })

  test('an ENI that is plugged in while it runs answers, and the journal tells of its objects and of no other', async ({
    machine,
  }) => {
    const before = await machine.objects()
    const cursor = await machine.journal.cursor()
    await machine.vpc.attach(eth2)
    await machine.until('an answer of the new ENI', async () => (await machine.objects()).length >= before.length + 6)
    await machine.expectAnswers([eth0, eth1, eth2])
    const after = await machine.objects()
    const changes = await machine.journal.entries({ ENI_ROUTED_EVENT: 'change' }, cursor)
    expect(changes.map(({ ENI_ROUTED_COMMAND: command }) => words(command!)).sort()).toEqual(
      after.filter((object) => !before.includes(object)),
    )
    for (const change of changes) {
      expect(change).toMatchObject({
        MESSAGE_ID: messageIds.change,
        PRIORITY: '6',
        ENI_ROUTED_ACTION: expect.stringMatching(/^(add|replace)$/),
        ENI_ROUTED_OBJECT: expect.stringMatching(/^(rule|route|link)$/),
        ENI_ROUTED_INTERFACE: 'eth2',
        ENI_ROUTED_MAC: '02:00:00:00:00:03',
        ENI_ROUTED_CAUSE: expect.stringMatching(/ \((link|address|route) changed by /),
        ENI_ROUTED_RESULT: 'done',
        ENI_ROUTED_PASS: expect.stringMatching(/^\d+$/),
        ENI_ROUTED_DURATION_US: expect.stringMatching(/^\d+$/),
      })
    }
    await machine.vpc.detach('eth2')
    await machine.until('nothing of the ENI is left', async () => (await machine.objects()).length === before.length)
    await machine.until('the journal is up to date', async () => {
      const held = replay(await machine.journal.entries(), words)
      return held.join('\n') === before.join('\n')
    })
    const forgotten = await machine.journal.entries(
      { ENI_ROUTED_INTERFACE: 'eth2', ENI_ROUTED_ACTION: 'delete' },
      cursor,
    )
    expect(forgotten.length).toBeGreaterThanOrEqual(3)
  })

  test('a repair is told at notice, with what was seen; the catalog explains it', async ({ machine }) => {
    const cursor = await machine.journal.cursor()
    const rule = 'priority 20001 from 172.31.0.218 lookup 20001 protocol 213'
    await machine.guest.exec('ip', ['rule', 'del', ...rule.split(' ')])
    await machine.until('the rule is back', async () =>
      (await machine.objects()).includes(words(`ip rule add ${rule}`)),
    )
    const [repair, pass, ...more] = await machine.journal.entries({}, cursor)
    expect(repair).toMatchObject({
      PRIORITY: '5',
      ENI_ROUTED_COMMAND: `ip rule add ${rule}`,
      ENI_ROUTED_ADDRESS: '172.31.0.218',
      ENI_ROUTED_TABLE: '20001',
      ENI_ROUTED_CAUSE: expect.stringMatching(/^restored \(rule deleted by process \d+/),
    })
    expect(pass).toMatchObject({ MESSAGE_ID: messageIds.pass, ENI_ROUTED_PASS: repair!.ENI_ROUTED_PASS })
    expect(more).toEqual([])
    await machine.guest.exec('journalctl', ['--update-catalog'])
    const explained = await machine.guest.exec('journalctl', ['-x', '--unit=eni-routed', '--priority=5..5'])
    expect(explained).toContain("Subject: The kernel's routing was changed: rule")
    expect(explained).toContain(`    ip rule add ${rule}`)
  })

  test('after SIGKILL it comes back, heals, and the journal alone tells what the kernel holds', async ({ machine }) => {
    const cursor = await machine.journal.cursor()
    const objects = await machine.objects()
    const pid = await machine.mainPid()
    await machine.guest.exec('kill', ['-KILL', String(pid)])
    await machine.vpc.instance.ip('rule del priority 20002 oif eth1')
    await machine.until('a new process', async () => ![0, pid].includes(await machine.mainPid()))
    await machine.until('it is up', async () => (await machine.property('ActiveState')) === 'active')
    expect(await machine.objects()).toEqual(objects)
    const entries = await machine.journal.entries({}, cursor)
    expect(entries.map(({ ENI_ROUTED_EVENT: event }) => event)).toEqual([
      ...['start', 'change', 'pass', 'adopted', 'adopted', 'ready'],
    ])
    expect(replay(entries, words)).toEqual(objects)
  })

  test('the journal since the boot tells what the kernel holds', async ({ machine }) => {
    expect(replay(await machine.journal.entries(), words)).toEqual(await machine.objects())
  })

  test('is quiet when nothing happens: no line, and hardly a wake-up', async ({ machine }) => {
    const pid = await machine.mainPid()
    await setTimeout(2_000)
    const cursor = await machine.journal.cursor()
    const before = await wakeUps(machine.guest, pid)
    await setTimeout(10_000)
    expect((await wakeUps(machine.guest, pid)) - before).toBeLessThanOrEqual(4)
    expect(await machine.journal.entries({}, cursor)).toEqual([])
  })

  test('the watchdog leaves it alone while it works, and bites when it hangs', async ({ machine }) => {
    await machine.override('WatchdogSec=1')
    await machine.guest.systemctl('restart', unit)
    const pid = await machine.mainPid()
    await setTimeout(4_000)
    expect(await machine.mainPid()).toBe(pid)
    await machine.guest.exec('kill', ['-STOP', String(pid)])
    await machine.until('a new process', async () => ![0, pid].includes(await machine.mainPid()))
    expect(await machine.guest.journal(unit)).toContain('Watchdog timeout')
    await machine.undoOverride()
    await machine.guest.systemctl('restart', unit)
    await machine.expectAnswers([eth0, eth1])
  })

  test('has little to give to an attacker, by the judgement of systemd', async ({ machine }) => {
    // The threshold is ten times the exposure; more than that is a failure.
    await machine.guest.exec('systemd-analyze', ['security', '--no-pager', '--threshold=15', unit])
    const verdict = await machine.guest.exec('sh', ['-c', 'systemd-analyze verify --man=no "$1" 2>&1', 'sh', unit])
    expect(verdict.split('\n').filter((line) => line.includes('eni-routed'))).toEqual([])
  })

  test('answers after a reboot without anybody touching the machine', async ({ machine }) => {
    await machine.reboot()
    expect(await machine.property('ActiveState')).toBe('active')
    await machine.expectAnswers([eth0, eth1])
  })
})

/** Times that any thread of the process has gone to sleep of its own will so far (proc(5), status). */
async function wakeUps(guest: { exec(file: string, args: string[]): Promise<string> }, pid: number): Promise<number> {
  const text = await guest.exec('sh', ['-c', `cat /proc/${pid}/task/*/status`])
  return [...text.matchAll(/^voluntary_ctxt_switches:\s*(\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0)
}
