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

  test('is told by explain, and goes with cleanup', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await vpc.attach(eth2)
    const { instance } = vpc
    await instance.ip(`route add 10.0.0.0/8 via ${bare(vpc.subnet('b').router.ipv4)} dev eth2`)
    const config = `${labConfig}[routing]\nhonour = ["10.0.0.0/8"]\n`
    expect(await cli(vpc, ['apply'], config)).toMatchObject({ code: 0 })
    const explain = async (to: string) => {
      const { stdout, code } = await cli(vpc, ['explain', bare(eth1.addresses[0]!), 'to', to, '--json'], config)
      return { code, told: JSON.parse(stdout).explanations[0] }
    }
    expect(await explain('10.1.2.3')).toMatchObject({
      code: 0,
      told: {
        agrees: true,
        ways: [{ interface: 'eth2', table: 20001 }],
        symmetry: {
          verdict: 'neutral',
          why: expect.stringContaining('as routing.honour has it: the VPC drops it unless'),
        },
      },
    })
    expect(await explain('8.8.8.8')).toMatchObject({ code: 0, told: { ways: [{ interface: 'eth1' }] } })
    expect(await cli(vpc, ['cleanup'], config)).toMatchObject({ code: 0 })
    expect(await instance.ip('rule show')).not.toContain('proto')
    expect((await instance.ip('route show table all proto 213')).trim()).toBe('')
    expect(await instance.ip('route show 10.0.0.0/8')).toContain('dev eth2')
  })

  test("is followed where it is the ENI's own, live, and by no ENI of another subnet", async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await vpc.attach(eth2)
    const { instance } = vpc
    await startDaemon(vpc)
    const way = (eni: { addresses: readonly string[] }) =>
      instance.ip(`route get 10.1.2.3 from ${bare(eni.addresses[0]!)}`)
    await instance.ip('route add 10.0.0.0/8 via 172.31.0.9 dev eth1')
    await expect.poll(() => way(eth1)).toContain('via 172.31.0.9 dev eth1 table 20001')
    // The router is in eth0's subnet, too: its packets reach it by eth0.
    await expect.poll(() => way(eth0)).toContain('via 172.31.0.9 dev eth0 table 20000')
    expect(await way(eth2)).toContain(`via ${bare(vpc.subnet('b').router.ipv4)} dev eth2`)
    const { stdout, code } = await cli(vpc, ['explain', bare(eth1.addresses[0]!), 'to', '10.1.2.3'])
    expect(stdout).toMatch(/way out +eth1 via 172\.31\.0\.9 \(table 20001/)
    expect(code).toBe(0)
    await instance.ip('route del 10.0.0.0/8')
    await expect.poll(() => way(eth1)).not.toContain('172.31.0.9')
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
