import { appendFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import type { Vpc } from '../../src/lab/vpc.ts'
import { cli, labConfig, startDaemon } from '../support/daemon.ts'
import { defaultNumbers, type GoldenNumbers, golden } from '../support/golden.ts'
import { Judge } from '../support/judge.ts'
import { eth0, eth1, goldenOf } from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()

const shape = (vpc: Vpc, base: number) => [goldenOf(vpc, eth0, base), goldenOf(vpc, eth1, base + 1)]

const faults = [
  {
    name: 'a protocol that others use',
    toml: '[routing]\nprotocol = 4',
    line: 6,
    says: ['routing.protocol', '4', 'used by "static"', '213'],
  },
  {
    name: 'a protocol out of range',
    toml: '[routing]\nprotocol = 999',
    line: 6,
    says: ['routing.protocol', '999', 'an integer from 1 to 255'],
  },
  {
    name: 'a table base whose band holds main',
    toml: '[routing]\ntable-base = 100',
    line: 6,
    says: ['routing.table-base', '100', 'main', '256 to'],
  },
  {
    name: 'a priority base after main',
    toml: '[routing]\npriority-base = 32000',
    line: 6,
    says: ['routing.priority-base', '32000', '1 to 31766'],
  },
  {
    name: 'a value that is none of the choices',
    toml: '[routing]\non-stop = "vanish"',
    line: 6,
    says: ['routing.on-stop', '"vanish"', '"keep", "remove"'],
  },
  {
    name: 'a key that does not exist',
    toml: '[routing]\ntable_base = 21000',
    line: 6,
    says: ['routing.table_base', 'unknown key', 'table-base, priority-base, protocol'],
  },
  {
    name: 'a table that does not exist',
    toml: '[route]\nprotocol = 213',
    line: 5,
    says: ['route', 'unknown key', '[routing]'],
  },
  {
    name: 'what is not TOML',
    toml: '[routing\nprotocol = 213',
    line: 5,
    says: ['not valid TOML'],
  },
]

describe('a configuration fault ends the start with 78, and is told with file, line, key, value and what is allowed', () => {
  test.for(faults)('$name', async ({ toml, line, says }, { vpc }) => {
    for (const verb of ['run', 'check']) {
      const { code, stdout, stderr } = await cli(vpc, [verb], `${labConfig}${toml}\n`)
      expect({ code, stdout }).toEqual({ code: 78, stdout: '' })
      expect(stderr).toMatch(new RegExp(`^/run/\\S+\\.toml:${line}: `))
      for (const words of says) {
        expect(stderr).toContain(words)
      }
    }
  })

  test('each of several on a line of its own', async ({ vpc }) => {
    const toml = '[routing]\nprotocol = 4\non-stop = 5\nnonsense = true\n[log]\nlevel = "loud"\n'
    const { code, stderr } = await cli(vpc, ['run'], `${labConfig}${toml}`)
    expect(code).toBe(78)
    expect(stderr.trim().split('\n')).toHaveLength(4)
    for (const line of [6, 7, 8, 10]) {
      expect(stderr).toContain(`.toml:${line}: `)
    }
  })
})

describe('SIGHUP', () => {
  test('with a faulty file reports each fault and keeps the old configuration', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    const daemon = await startDaemon(vpc)
    appendFileSync(daemon.configFile, '[routing]\nprotocol = 4\ntable-base = 1\n')
    daemon.process.kill('SIGHUP')
    const refused = (key: string) =>
      daemon.waitFor(({ event, msg }) => event === 'reload' && msg.includes('kept as it was') && msg.includes(key))
    expect((await refused('routing.protocol')).msg).toContain(`${daemon.configFile}:6: `)
    expect((await refused('routing.table-base')).msg).toContain(`${daemon.configFile}:7: `)
    // It goes on under the old one.
    await vpc.instance.ip('rule del priority 20001 from 172.31.0.218')
    const judge = new Judge(vpc.instance)
    await judge.watch({ ours: golden(shape(vpc, 20000)), gone: [] })
    expect(await judge.verdict()).toMatchObject({ missing: [], surplus: [] })
  })

  const moves: { name: string; to: Partial<GoldenNumbers> }[] = [
    { name: 'protocol', to: { protocol: 214 } },
    { name: 'table-base', to: { tableBase: 40_000 } },
    { name: 'table-base inside the old band', to: { tableBase: 25_000 } },
    { name: 'priority-base', to: { priorityBase: 9000 } },
    { name: 'priority-base after the old one', to: { priorityBase: 30_000 } },
    { name: 'link-group', to: { linkGroup: 77 } },
    { name: 'everything', to: { protocol: 250, tableBase: 50_000, priorityBase: 12_000, linkGroup: 5 } },
  ]

  test.for(moves)('moves all to another $name and loses no packet', async ({ to }, { vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    const daemon = await startDaemon(vpc)
    const judge = new Judge(vpc.instance)
    const { foreign } = await judge.look()
    const flood = await vpc.outside.pingFlood('172.31.0.218')
    await sleep(100)
    const numbers = { ...defaultNumbers, ...to }
    writeFileSync(daemon.configFile, `${labConfig}${routing(numbers)}`)
    daemon.process.kill('SIGHUP')
    await expect
      .poll(async () => (await judge.look(numbers)).ours, { timeout: 5000 })
      .toEqual(golden(shape(vpc, numbers.tableBase), numbers))
    // What had the old numbers is neither ours nor anybody's.
    await expect.poll(async () => (await judge.look(numbers)).foreign, { timeout: 5000 }).toEqual(foreign)
    await sleep(100)
    const { sent, lost } = await flood.stop()
    expect(sent).toBeGreaterThan(20)
    expect(lost).toBe(0)
  })
})

const routing = ({ protocol, tableBase, priorityBase, linkGroup }: GoldenNumbers): string =>
  `[routing]\nprotocol = ${protocol}\ntable-base = ${tableBase}\npriority-base = ${priorityBase}\nlink-group = ${linkGroup}\n`
