import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect } from 'vitest'
import { folderOf } from '../../src/lab/cleanup.ts'
import { environment } from '../../src/lab/command.ts'
import { DaemonProcess, labConfig, writeConfig } from '../../src/lab/daemon-process.ts'
import type { Namespace } from '../../src/lab/namespace.ts'
import { Vpc } from '../../src/lab/vpc.ts'
import { cli, type Outcome, startDaemon, stopDaemon } from '../support/daemon.ts'
import { Judge } from '../support/judge.ts'
import { becomes, eth0, eth1, everything, goldenOf } from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()
const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

async function attachBoth(vpc: Vpc): Promise<void> {
  await vpc.attach(eth0)
  await vpc.attach(eth1)
}

const shape = (vpc: Vpc) => [goldenOf(vpc, eth0, 20000), goldenOf(vpc, eth1, 20001)]

/** Any command in the instance, to its end. */
async function command(instance: Namespace, [file, ...args]: string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const child = instance.spawn(file as string, args, { env: { ...environment, ...env } })
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)])
  await closed
  return { code: child.exitCode, stdout, stderr }
}

const json = ({ stdout }: Outcome) => JSON.parse(stdout)

describe('status', () => {
  test('says why nothing is done, and shows the address of the only ENI', async ({ vpc }) => {
    expect((await cli(vpc, ['status'])).stdout).toContain('nothing to do: no link counts as an ENI; interfaces.include')
    await vpc.attach(eth0)
    const { stdout } = await cli(vpc, ['status'])
    expect(stdout).toContain('nothing to do: there is one ENI')
    expect(stdout).toMatch(/^eth0 +02:00:\S+ +- +172\.31\.15\.216 +as main says$/m)
  })
})

describe('plan', () => {
  test('typed by hand, line by line, is what apply does', async ({ vpc }) => {
    await attachBoth(vpc)
    const plan = await cli(vpc, ['plan'])
    expect(plan).toMatchObject({ code: 2, stderr: '' })
    const commands = plan.stdout.trim().split('\n')
    expect(commands.length).toBeGreaterThan(10)
    for (const line of commands) {
      expect(line).toMatch(/^\+ ip /)
      await vpc.instance.ip(line.replace('+ ip ', ''))
    }
    const judge = new Judge(vpc.instance)
    await becomes(judge, shape(vpc))
    expect(await cli(vpc, ['plan'])).toEqual({ code: 0, stdout: '', stderr: '' })
    const byHand = (await judge.look()).ours
    expect(await cli(vpc, ['cleanup'])).toMatchObject({ code: 0 })
    expect((await judge.look()).ours).toEqual([])
    expect(await cli(vpc, ['apply'])).toMatchObject({ code: 0, stderr: '' })
    expect((await judge.look()).ours).toEqual(byHand)
  })

  test('tells what it would take away, and how to put a changed object right', async ({ vpc }) => {
    await attachBoth(vpc)
    await cli(vpc, ['apply'])
    await vpc.instance.batch([
      'rule add priority 20001 from 172.31.9.9 lookup 20001 protocol 213',
      'route replace default via 172.31.0.9 dev eth1 table 20001 proto 213',
    ])
    const { code, stdout } = await cli(vpc, ['plan'])
    expect(code).toBe(2)
    expect(stdout.trim().split('\n')).toEqual([
      '+ ip route replace default via 172.31.0.1 dev eth1 table 20001 proto 213',
      '- ip rule del priority 20001 from 172.31.9.9 lookup 20001 protocol 213',
    ])
    for (const line of stdout.trim().split('\n')) {
      await vpc.instance.ip(line.replace(/^[+-] ip /, ''))
    }
    await becomes(new Judge(vpc.instance), shape(vpc))
  })
})

describe('--json', () => {
  test('of every verb tells the same, before and after apply', async ({ vpc }) => {
    await attachBoth(vpc)
    const plan = await cli(vpc, ['plan', '--json'])
    expect(plan.code).toBe(2)
    const { changes } = json(plan)
    expect(json(plan)).toMatchObject({ inSync: false })
    const check = await cli(vpc, ['check', '--json'])
    expect(check.code).toBe(1)
    expect(json(check)).toMatchObject({ inSync: false, active: true, pending: changes })
    const status = await cli(vpc, ['status', '--json'])
    expect(status.code).toBe(0)
    expect(json(status)).toMatchObject({ inSync: false, daemon: null, pending: changes })
    const apply = await cli(vpc, ['apply', '--json'])
    expect(apply.code).toBe(0)
    const commands = (list: { command: string }[]) => list.map(({ command }) => command).sort()
    expect(commands(json(apply).changes)).toEqual(commands(changes))
    expect(json(await cli(vpc, ['plan', '--json']))).toEqual({ inSync: true, changes: [] })
    expect(json(await cli(vpc, ['check', '--json']))).toMatchObject({ inSync: true, pending: [] })
    const after = json(await cli(vpc, ['status', '--json']))
    expect(after).toMatchObject({ inSync: true, pending: [] })
    expect(after.enis).toMatchObject([
      { interface: 'eth0', table: 20000, managed: true },
      { interface: 'eth1', table: 20001, managed: true },
    ])
    const cleanup = await cli(vpc, ['cleanup', '--json'])
    expect(cleanup.code).toBe(0)
    expect(json(cleanup)).toMatchObject({ left: [], daemon: null })
    expect(json(cleanup).removed).toHaveLength(changes.length)
  })

  test('names the daemon that runs', async ({ vpc }) => {
    await attachBoth(vpc)
    const daemon = await startDaemon(vpc)
    const { daemon: report } = json(await cli(vpc, ['status', '--json']))
    expect(report).toMatchObject({ pid: daemon.process.pid, changes: daemon.changes.length, contested: [] })
    const cleanup = await cli(vpc, ['cleanup', '--json'])
    expect(json(cleanup)).toMatchObject({ daemon: daemon.process.pid, left: [] })
    expect(cleanup.stderr).toContain(`process ${daemon.process.pid}`)
    // The daemon puts back what was taken, and says so.
    await becomes(new Judge(vpc.instance), shape(vpc))
    expect(daemon.changes.some(({ cause }) => cause.startsWith('restored'))).toBe(true)
  })
})

describe('exit codes', () => {
  test.for([
    { name: 'an unknown verb', args: ['mend'], code: 64 },
    { name: 'an unknown option', args: ['plan', '--fast'], code: 64 },
    { name: 'an argument too many', args: ['check', 'eth0'], code: 64 },
    { name: 'help', args: ['--help'], code: 0 },
    { name: 'help of a verb', args: ['run', '--help'], code: 0 },
    { name: 'the version', args: ['--version'], code: 0 },
    { name: 'a configuration that is not there', args: ['check', '--config', '/nowhere.toml'], code: 78 },
  ])('$name: $code', async ({ args, code }, { vpc }) => {
    const outcome = await command(vpc.instance, [process.execPath, program, ...args])
    expect(outcome).toMatchObject({ code })
    expect(outcome.stderr).not.toContain('    at ')
    expect((code === 0 ? outcome.stdout : outcome.stderr).length).toBeGreaterThan(5)
  })

  test('77 without privilege where something is to be changed; looking needs none', async ({ vpc }) => {
    await attachBoth(vpc)
    const config = writeConfig(vpc.instance, labConfig)
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, program]
    const verb = (name: string) => command(vpc.instance, [...nobody, name, '--config', config])
    for (const name of ['apply', 'cleanup', 'run']) {
      const outcome = await verb(name)
      expect(outcome).toMatchObject({ code: 77, stdout: '' })
      expect(outcome.stderr).toContain('CAP_NET_ADMIN')
    }
    expect(await verb('plan')).toMatchObject({ code: 2, stderr: '' })
    expect(await verb('check')).toMatchObject({ code: 1, stderr: '' })
    expect(await verb('status')).toMatchObject({ code: 0, stderr: '' })
  })

  test('a user can not take the lock from a daemon to come, and is told that one runs though it does not answer', async ({
    vpc,
  }) => {
    await attachBoth(vpc)
    const daemon = await startDaemon(vpc)
    const folder = folderOf(vpc.instance.name)
    const names = readdirSync(folder)
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    const lock = join(folder, names.find((name) => name.endsWith('.lock'))!)
    expect(await command(vpc.instance, [...nobody, 'flock', '--nonblock', lock, 'true'])).not.toMatchObject({ code: 0 })
    rmSync(join(folder, names.find((name) => /-\d+\.sock$/.test(name))!))
    const env = { RUNTIME_DIRECTORY: folder }
    const status = await command(vpc.instance, [...nobody, process.execPath, program, 'status'], env)
    expect(status.stdout).toContain(`process ${daemon.process.pid} `)
    await stopDaemon(daemon)
  })

  test('75 for a second daemon of the namespace, which names the first', async ({ vpc }) => {
    await attachBoth(vpc)
    const daemon = await startDaemon(vpc)
    const second = await cli(vpc, ['run'])
    expect(second.code).toBe(75)
    expect(second.stderr).toContain(String(daemon.process.pid))
    await stopDaemon(daemon)
    await stopDaemon(await startDaemon(vpc))
  })
})

describe('colour', () => {
  const colours = '\u001b['

  test('is for terminals alone, and not where NO_COLOR forbids it', async ({ vpc }) => {
    await attachBoth(vpc)
    const config = writeConfig(vpc.instance, labConfig)
    const status = `${process.execPath} ${program} status --config ${config}`
    const onTerminal = (env: NodeJS.ProcessEnv) =>
      command(vpc.instance, ['script', '-qec', status, '/dev/null'], { TERM: 'xterm', ...env })
    expect((await onTerminal({})).stdout).toContain(colours)
    expect((await onTerminal({ NO_COLOR: '1' })).stdout).not.toContain(colours)
    const piped = await command(vpc.instance, status.split(' '), { TERM: 'xterm' })
    expect(piped.stdout).toContain('172.31.0.218')
    expect(piped.stdout).not.toContain(colours)
  })
})

describe('the daemon', () => {
  test.for(['SIGTERM', 'SIGINT'] as const)(
    'ends within a second of %s and leaves the routing',
    async (signal, { vpc }) => {
      await attachBoth(vpc)
      const daemon = await startDaemon(vpc)
      const before = await everything(vpc)
      const start = performance.now()
      daemon.process.kill(signal)
      expect(await once(daemon.process, 'exit')).toEqual([0, null])
      expect(performance.now() - start).toBeLessThan(1000)
      expect(await everything(vpc)).toBe(before)
      expect(await cli(vpc, ['check'])).toMatchObject({ code: 0 })
    },
  )

  test('takes the routing away at its end where on-stop says so', async ({ vpc }) => {
    await attachBoth(vpc)
    const before = await everything(vpc)
    const daemon = await startDaemon(vpc, `${labConfig}[routing]\non-stop = "remove"\n`)
    expect(await everything(vpc)).not.toBe(before)
    await stopDaemon(daemon)
    expect(await everything(vpc)).toBe(before)
  })

  test('leaves the routing in place at a restart whatever on-stop says', async ({ vpc }) => {
    await attachBoth(vpc)
    const daemon = await startDaemon(vpc, `${labConfig}[routing]\non-stop = "remove"\n`)
    const before = await everything(vpc)
    daemon.process.kill('SIGUSR2')
    expect(await once(daemon.process, 'exit')).toEqual([0, null])
    expect(await everything(vpc)).toBe(before)
  })

  test('of one namespace has nothing to do with that of another', async ({ vpc }) => {
    await attachBoth(vpc)
    const other = await Vpc.create()
    try {
      await attachBoth(other)
      const [one, two] = await Promise.all([startDaemon(vpc), startDaemon(other)])
      await vpc.instance.ip('rule del priority 20001 from 172.31.0.218')
      await becomes(new Judge(vpc.instance), shape(vpc))
      const before = two.lines.filter(({ event }) => event === 'change').length
      expect(one.changes.at(-1)?.command).toContain('priority 20001 from 172.31.0.218')
      await stopDaemon(one)
      await becomes(new Judge(other.instance), shape(other))
      expect(two.changes).toHaveLength(before)
    } finally {
      await other.destroy()
    }
  })

  test('of two namespaces can keep its files in one directory', async ({ vpc }) => {
    await attachBoth(vpc)
    const other = await Vpc.create()
    try {
      await attachBoth(other)
      const env = { RUNTIME_DIRECTORY: `/run/${vpc.instance.name}` }
      const run = (namespace: Namespace) =>
        namespace.spawn(process.execPath, [program, 'run', '--config', writeConfig(vpc.instance, labConfig)], {
          env: { ...environment, ...env },
        })
      const children = [run(vpc.instance), run(other.instance)]
      await Promise.all([
        becomes(new Judge(vpc.instance), shape(vpc)),
        becomes(new Judge(other.instance), shape(other)),
      ])
      expect(children.map(({ exitCode }) => exitCode)).toEqual([null, null])
    } finally {
      await other.destroy()
    }
  })
})

describe('demo', () => {
  test('--json ends with 0 and tells of every step that it is ok', async ({ vpc }) => {
    const outcome = await command(vpc.topology.fabric, [process.execPath, program, 'demo', '--json'])
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    const { ok, steps } = json(outcome)
    expect(ok).toBe(true)
    expect(steps).toHaveLength(5)
    for (const step of steps) {
      expect(step).toMatchObject({ ok: true, faults: [] })
    }
  })
})

test('a daemon that is killed leaves no lock behind', async ({ vpc }) => {
  await attachBoth(vpc)
  const first = new DaemonProcess(vpc.instance, { program: [program] })
  await first.ready()
  first.process.kill('SIGKILL')
  await once(first.process, 'exit')
  await stopDaemon(await startDaemon(vpc))
})
