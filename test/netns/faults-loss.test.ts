import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import type { Vpc } from '../../src/lab/vpc.ts'
import { startDaemon } from '../support/daemon.ts'
import { Judge } from '../support/judge.ts'
import { becomes, eth0, eth1, eth2, goldenOf } from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()
const enis = [eth0, eth1, eth2]

/** Pings, every ms, the IPv4 addresses of eth0 and eth1 from beyond the router while something happens; who lost how many. */
async function losses(vpc: Vpc, happening: () => Promise<void>): Promise<number> {
  const floods = await Promise.all(['172.31.15.216', '172.31.0.218'].map((address) => vpc.outside.pingFlood(address)))
  await sleep(100)
  await happening()
  await sleep(100)
  const counts = await Promise.all(floods.map((flood) => flood.stop()))
  expect(Math.min(...counts.map(({ sent }) => sent))).toBeGreaterThan(20)
  return counts.reduce((sum, { lost }) => sum + lost, 0)
}

describe('the other ENIs lose at most two packets in all', () => {
  test('while an ENI is attached and detached ten times', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await startDaemon(vpc)
    const judge = new Judge(vpc.instance)
    const shape = enis.map((eni, index) => goldenOf(vpc, eni, 20000 + index))
    const lost = await losses(vpc, async () => {
      for (let cycle = 0; cycle < 10; cycle++) {
        await vpc.attach(eth2)
        await becomes(judge, shape)
        await vpc.detach('eth2')
        await becomes(judge, shape.slice(0, 2))
      }
    })
    expect(lost).toBeLessThanOrEqual(2)
  })

  test('while the daemon is killed and started five times', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await vpc.attach(eth2)
    let daemon = await startDaemon(vpc)
    const lost = await losses(vpc, async () => {
      for (let cycle = 0; cycle < 5; cycle++) {
        daemon.process.kill('SIGKILL')
        await once(daemon.process, 'exit')
        daemon = await startDaemon(vpc)
      }
    })
    expect(lost).toBeLessThanOrEqual(2)
  })

  test('while the second ENI is attached, and the daemon begins its work', async ({ vpc }) => {
    await vpc.attach(eth0)
    await startDaemon(vpc)
    const flood = await vpc.outside.pingFlood('172.31.15.216')
    await sleep(100)
    await vpc.attach(eth1)
    await becomes(
      new Judge(vpc.instance),
      [eth0, eth1].map((eni, index) => goldenOf(vpc, eni, 20000 + index)),
    )
    await sleep(100)
    expect((await flood.stop()).lost).toBeLessThanOrEqual(2)
  })
})
