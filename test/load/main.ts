// The daemon on a busy host: 1,000 foreign changes of rules and routes a second, then 100,000 foreign routes in main.
//   npm run load -- --seconds 60
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { DaemonProcess } from '../../src/lab/daemon-process.ts'
import { Vpc } from '../../src/lab/vpc.ts'
import { churn, foreignRoutes, perSecond } from './churn.ts'
import { healingTimes } from './healing.ts'

const routes = 100_000
/** USER_HZ: the unit of proc_pid_stat(5). */
const ticksPerSecond = 100

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' } } })
const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const vpc = await Vpc.create({ ipv6: 'static' })
try {
  await vpc.attach({ name: 'eth0', subnet: 'a', addresses: ['172.31.15.216/20'] })
  await vpc.attach({ name: 'eth1', subnet: 'a', addresses: ['172.31.0.218/20'] })
  const daemon = new DaemonProcess(vpc.instance, { program: [program] })
  await daemon.ready()
  const pid = daemon.process.pid as number
  await measure('quiet', pid, () => sleep(5_000))
  await measure(`${perSecond} foreign changes a second`, pid, () => churn(vpc.instance, Number(values.seconds)))
  await foreignRoutes(vpc.instance, routes)
  await measure(`${routes} foreign routes in main`, pid, () => sleep(5_000))
  process.exitCode = (await daemon.stop()) === 0 ? 0 : 1
} finally {
  await vpc.destroy()
}

/** Prints the daemon's share of a processor and its memory while `work` goes on, and how soon it heals meanwhile. */
async function measure(what: string, pid: number, work: () => Promise<unknown>): Promise<void> {
  const [start, ticks] = [performance.now(), ticksOf(pid)]
  const busy = work()
  const healed = await healingTimes(vpc.instance, 20)
  await busy
  const share = ((ticksOf(pid) - ticks) / ticksPerSecond / (performance.now() - start)) * 1e5
  const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  const [p50, worst] = [healed[healed.length >> 1], healed.at(-1)].map((ms) => ms?.toFixed(1) ?? '-')
  console.log(
    `${what}: ${share.toFixed(1)} % of a processor, RSS ${(rss / 1024).toFixed(0)} MB, a deleted rule back after ${p50} ms (p50 of ${healed.length}), ${worst} ms at worst`,
  )
}

function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}
