import { describe, expect } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import { cli, labConfig, startDaemon } from '../support/daemon.ts'
import { eth0, eth1, eth2, silent } from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

const honour = `${labConfig}[routing]\nhonour = ["203.0.113.0/24"]\n`

describe('a route of main to a router behind another ENI', () => {
  const test = vpcTest()

  test('is followed for the destinations that the configuration names, and packets take it', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth2)
    const address = bare(eth0.addresses[0]!)
    const count = async () => (await vpc.dropped()).filter(({ eni, source }) => eni === 'eth2' && source === address)
    await vpc.instance.ip(`route add 203.0.113.0/24 via ${bare(vpc.subnet('b').router.ipv4)} dev eth2`)
    await startDaemon(vpc, honour)
    const way = () => vpc.instance.ip(`route get 203.0.113.10 from ${address}`)
    expect(await way()).toContain('dev eth2 table 20000')
    // The source check shows that it is so: it drops the packet of eth0's address at eth2.
    expect(await count()).toEqual([])
    await vpc.instance.ping('203.0.113.10', { from: address, timeoutMs: 200 })
    expect(await count()).toMatchObject([{ packets: 1 }])
    // Where the check is off, the answer comes.
    await vpc.assign('eth2', eth0.addresses[0]!)
    expect(await vpc.instance.ping('203.0.113.10', { from: address })).toMatchObject({ ok: true })
    expect(await cli(vpc, ['check'], honour)).toMatchObject({ code: 0 })
    await vpc.instance.ip('route del 203.0.113.0/24')
    await expect.poll(way).toContain('dev eth0')
  })

  test('is not followed otherwise', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await vpc.attach(eth2)
    await vpc.instance.ip(`route add 203.0.113.0/24 via ${bare(vpc.subnet('b').router.ipv4)} dev eth2`)
    await startDaemon(vpc)
    expect(await silent(vpc, [eth0, eth1, eth2])).toEqual([])
  })
})
