import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { folderOf } from '../../src/lab/cleanup.ts'
import { run } from '../../src/lab/command.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { cli, labConfig, startDaemon, stopDaemon } from '../support/daemon.ts'
import { eth0, eth1 } from '../support/judge-answers.ts'
import { prometheusTools, type Tool } from '../support/prometheus.ts'
import { vpcTest } from '../support/vpc.ts'

const packaging = new URL('../../packaging/', import.meta.url).pathname
const dashboard = JSON.parse(readFileSync(join(packaging, 'grafana/dashboard.json'), 'utf8'))
const alerts = readFileSync(join(packaging, 'prometheus/alerts.yml'), 'utf8')

const test = vpcTest().extend('tools', async ({ skip }) => {
  const tools = await prometheusTools()
  skip(tools === undefined, "Debian's packages prometheus and prometheus-node-exporter can't be had here")
  return tools as Record<Tool, string>
})

async function attachBoth(vpc: Vpc): Promise<void> {
  await vpc.attach(eth0)
  await vpc.attach(eth1)
}

/** The daemon's folder, which holds its sockets, its textfile and the folder that the node exporter reads. */
const filesOf = (vpc: Vpc) => {
  const folder = folderOf(vpc.instance.name)
  return {
    folder,
    socket: join(folder, 'metrics.sock'),
    textfile: join(folder, 'eni-routed.prom'),
    collected: join(folder, 'collected'),
  }
}

async function startWithMetrics(vpc: Vpc) {
  await attachBoth(vpc)
  const { socket, textfile } = filesOf(vpc)
  return startDaemon(vpc, withMetrics(`textfile = "${textfile}"\nsocket = "${socket}"`))
}
const withMetrics = (keys: string) => `${labConfig}[metrics]\n${keys}\n`

/** Metrics whose names stand in the text. */
const named = (text: string): string[] => [...new Set(text.match(/eni_routed_[a-z_]*[a-z]/g))]

describe('promtool', () => {
  test('finds no fault in what the verb prints', async ({ vpc, tools }) => {
    await attachBoth(vpc)
    const daemon = await startDaemon(vpc)
    await vpc.instance.ip('rule del priority 20001 from 172.31.0.218')
    await expect.poll(async () => (await cli(vpc, ['metrics'])).stdout).toMatch(/^eni_routed_repairs_total{.*} 1$/m)
    const { code, stdout } = await cli(vpc, ['metrics'])
    expect(code).toBe(0)
    expect(await run(tools.promtool, ['check', 'metrics'], stdout)).toBe('')
    expect(stdout).toContain('eni_routed_enis{state="managed"} 2')
    await stopDaemon(daemon)
  })

  test('finds no fault in the alert rules, and sees them fire', async ({ tools }) => {
    await run(tools.promtool, ['check', 'rules', join(packaging, 'prometheus/alerts.yml')])
    await run(tools.promtool, ['test', 'rules', join(packaging, 'prometheus/alerts.test.yml')])
  })
})

test('the alerts and the dashboard ask for no metric that does not exist', async ({ vpc }) => {
  await attachBoth(vpc)
  await startDaemon(vpc)
  const { stdout } = await cli(vpc, ['metrics'])
  const existing = named(stdout)
  expect(existing.length).toBeGreaterThan(15)
  expect(named(alerts).filter((name) => !existing.includes(name))).toEqual([])
  expect(named(JSON.stringify(dashboard)).filter((name) => !existing.includes(name))).toEqual([])
})

/** A Prometheus in the instance that scrapes the daemon's socket (job `socket`) and a node exporter (job `textfile`). */
async function startPrometheus(vpc: Vpc, tools: Readonly<Record<Tool, string>>) {
  const { folder, socket, textfile, collected } = filesOf(vpc)
  mkdirSync(collected)
  symlinkSync(textfile, join(collected, 'eni-routed.prom'))
  const proxy = `require('net').createServer((c) => c.pipe(require('net').connect('${socket}')).pipe(c)).listen(9101, '127.0.0.1')`
  vpc.instance.spawn(process.execPath, ['-e', proxy])
  const exporter = [
    '--collector.disable-defaults',
    '--collector.textfile',
    `--collector.textfile.directory=${collected}`,
  ]
  vpc.instance.spawn(tools['prometheus-node-exporter'], [...exporter, '--web.listen-address=127.0.0.1:9100'])
  const jobs = Object.entries({ socket: 9101, textfile: 9100 }).map(
    ([job, port]) => `  - job_name: ${job}\n    static_configs: [{ targets: ['127.0.0.1:${port}'] }]\n`,
  )
  const config = join(folder, 'prometheus.yml')
  writeFileSync(config, `global: { scrape_interval: 500ms, scrape_timeout: 400ms }\nscrape_configs:\n${jobs.join('')}`)
  const storage = `--storage.tsdb.path=${join(folder, 'tsdb')}`
  vpc.instance.spawn(tools.prometheus, [`--config.file=${config}`, storage, '--web.listen-address=127.0.0.1:9090'])
  /** Values of the series that the expression yields, by the job that they come from. */
  return async (expression: string): Promise<Record<string, number>> => {
    const query = ['query', 'instant', '-o', 'json', 'http://127.0.0.1:9090', expression]
    const series: { metric: { job?: string }; value: [number, string] }[] = JSON.parse(
      await vpc.instance.exec(tools.promtool, query),
    )
    return Object.fromEntries(series.map(({ metric, value }) => [metric.job ?? '', Number(value[1])]))
  }
}

/** Prometheus and the exporter take some seconds to start where the processor is busy. */
const patient = { timeout: 30_000, interval: 200 }

describe('Prometheus', () => {
  test('reads the socket, and by the node exporter the textfile', async ({ vpc, tools }) => {
    const daemon = await startWithMetrics(vpc)
    const ask = await startPrometheus(vpc, tools)
    const both = (value: number) => ({ socket: value, textfile: value })
    const sees = (expression: string) => expect.poll(() => ask(expression).catch(String), patient)
    await sees('eni_routed_health{state="in sync"}').toEqual(both(1))
    await sees('node_textfile_scrape_error').toEqual({ textfile: 0 })
    await sees('sum by (job) (eni_routed_enis)').toEqual(both(2))
    await sees('eni_routed_event_to_verified_seconds_count').toEqual(both(0))

    await vpc.instance.ip('rule del priority 20001 from 172.31.0.218')
    await sees('sum by (job) (eni_routed_repairs_total)').toEqual(both(1))
    await sees('eni_routed_event_to_verified_seconds_bucket{le=~"10|10.0"}').toEqual(both(1))

    await vpc.instance.ip('rule add priority 19999 from all unreachable')
    await sees('eni_routed_health{state="degraded"}').toEqual(both(1))
    await sees('eni_routed_problems{severity="error"} > bool 0').toEqual(both(1))

    for (const expression of expressionsOf(dashboard)) {
      const concrete = expression.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m')
      await expect(ask(concrete), expression).resolves.toBeDefined()
    }
    await stopDaemon(daemon)
    await sees('eni_routed_build_info').toEqual({})
  })
})

const expressionsOf = ({ panels }: { panels: { targets: { expr: string }[] }[] }): string[] =>
  panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))

describe('the textfile', () => {
  test('moves with a reload, and goes with the daemon', async ({ vpc }) => {
    const daemon = await startWithMetrics(vpc)
    const { folder, textfile, socket } = filesOf(vpc)
    const files = () => readdirSync(folder).filter((file) => /\.prom|^metrics|^other/.test(file))
    await expect.poll(files, { timeout: 5000 }).toEqual(['eni-routed.prom', 'metrics.sock'])
    expect(readFileSync(textfile, 'utf8')).toContain('eni_routed_enis{state="managed"} 2\n')
    writeFileSync(daemon.configFile, withMetrics(`textfile = "${folder}/other.prom"\nsocket = "${socket}"`))
    daemon.process.kill('SIGHUP')
    await expect.poll(files, { timeout: 5000 }).toEqual(['metrics.sock', 'other.prom'])
    await stopDaemon(daemon)
    expect(files()).toEqual([])
  })

  test('that can not be written is told once, with the remedy', async ({ vpc }) => {
    await attachBoth(vpc)
    const daemon = await startDaemon(vpc, withMetrics('textfile = "/proc/nowhere/x.prom"'))
    const warnings = () => daemon.lines.filter(({ event }) => event === 'metrics')
    await expect.poll(warnings, { timeout: 5000 }).toHaveLength(1)
    expect(warnings()[0]).toMatchObject({ msg: "metrics.textfile /proc/nowhere/x.prom can't be written: ENOENT" })
    await vpc.instance.ip('rule del priority 20001 from 172.31.0.218')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(warnings()).toHaveLength(1)
    await stopDaemon(daemon)
  })
})

describe('the verb', () => {
  test('ends with 69 where no daemon answers, and says how to start it', async ({ vpc }) => {
    const outcome = await cli(vpc, ['metrics'])
    expect(outcome).toMatchObject({ code: 69, stdout: '' })
    expect(outcome.stderr).toContain('systemctl start eni-routed')
  })

  test('--json prints the families', async ({ vpc }) => {
    await attachBoth(vpc)
    await startDaemon(vpc)
    const families: { name: string; samples: { value: number }[] }[] = JSON.parse(
      (await cli(vpc, ['metrics', '--json'])).stdout,
    )
    expect(families.find(({ name }) => name === 'eni_routed_build')?.samples).toMatchObject([{ value: 1 }])
  })
})
