import { setTimeout } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { bare, linkLocalOf } from '../../src/lab/addressing.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { typeShape } from '../support/shape.ts'
import { vpcTest } from '../support/vpc.ts'

const eth0 = { name: 'eth0', subnet: 'a', addresses: ['172.31.15.216/20', 'fd00:ec2:0:a::216/64'] }
const eth1 = { name: 'eth1', subnet: 'a', addresses: ['172.31.0.218/20', 'fd00:ec2:0:a::218/64'] }
const timeoutMs = 200

const probes = (vpc: Vpc) => ({ 'same subnet': vpc.client('a'), 'other subnet': vpc.client('b'), outside: vpc.outside })

/** Who gets an answer from both addresses of an ENI: IPv4 by ping, IPv6 by TCP. */
async function answers(vpc: Vpc, addresses: readonly string[]): Promise<Record<string, [boolean, boolean]>> {
  const [ipv4, ipv6] = addresses.map(bare) as [string, string]
  const seen = Object.entries(probes(vpc)).map(async ([place, host]): Promise<[string, [boolean, boolean]]> => {
    const [ping, tcp] = await Promise.all([host.ping(ipv4, { timeoutMs }), host.tcp(ipv6, { timeoutMs })])
    return [place, [ping.ok, tcp.ok]]
  })
  return Object.fromEntries(await Promise.all(seen))
}

const everybody = { 'same subnet': [true, true], 'other subnet': [true, true], outside: [true, true] }
const nobody = { 'same subnet': [false, false], 'other subnet': [false, false], outside: [false, false] }

describe('a VPC', () => {
  const test = vpcTest()

  test('answers by an ENI that is alone', async ({ vpc }) => {
    await vpc.attach(eth0)
    expect(await answers(vpc, eth0.addresses)).toEqual(everybody)
    expect(await vpc.dropped()).toEqual([])
  })

  test('drops what a second ENI is asked and the first one replies', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    expect(await answers(vpc, eth0.addresses)).toEqual(everybody)
    expect(await answers(vpc, eth1.addresses)).toEqual(nobody)
    expect(await vpc.dropped()).toEqual([
      { eni: 'eth0', reason: 'ipv4', source: '172.31.0.218', packets: 3 },
      { eni: 'eth0', reason: 'ipv6', source: 'fd00:ec2:0:a::218', packets: expect.any(Number) },
    ])
  })

  test('answers by both ENIs under policy routing typed by hand, and drops nothing', async ({ vpc }) => {
    for (const [index, eni] of [await vpc.attach(eth0), await vpc.attach(eth1)].entries()) {
      await typeShape(vpc, eni, 20000 + index)
    }
    expect(await answers(vpc, eth0.addresses)).toEqual(everybody)
    expect(await answers(vpc, eth1.addresses)).toEqual(everybody)
    expect(await vpc.dropped()).toEqual([])
  })

  test('drops a forged MAC', async ({ vpc }) => {
    await vpc.attach(eth1)
    await vpc.instance.ip('link set dev eth1 address 02:ba:0:0:0:1')
    await vpc.instance.ping('172.31.0.10', { timeoutMs })
    expect(await vpc.dropped()).toEqual([
      { eni: 'eth1', reason: 'mac', source: '02:ba:00:00:00:01', packets: expect.any(Number) },
    ])
  })

  test('drops a forged ARP sender', async ({ vpc }) => {
    await vpc.attach(eth1)
    await vpc.instance.ip('address add 172.31.0.99/32 dev eth1')
    const ping = await vpc.instance.ping('172.31.0.10', { from: '172.31.0.99', timeoutMs })
    expect(ping.ok).toBe(false)
    expect(await vpc.dropped()).toEqual([{ eni: 'eth1', reason: 'arp', source: '172.31.0.99', packets: 1 }])
  })

  test('takes an address that is assigned later, and drops it again when it is taken away', async ({ vpc }) => {
    await vpc.attach(eth1)
    await vpc.instance.ip('address add 172.31.0.219/20 dev eth1')
    await vpc.assign('eth1', '172.31.0.219/20')
    expect(await vpc.outside.ping('172.31.0.219', { timeoutMs })).toMatchObject({ ok: true })
    await vpc.unassign('eth1', '172.31.0.219/20')
    expect(await vpc.instance.ping('203.0.113.10', { from: '172.31.0.219', timeoutMs })).toMatchObject({ ok: false })
    expect(await vpc.dropped()).toMatchObject([{ eni: 'eth1', source: '172.31.0.219' }])
  })

  test('takes an ENI out, and the link with it', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await vpc.detach('eth1')
    await vpc.attach({ ...eth1, subnet: 'b', addresses: ['172.31.16.218/20'] })
    expect(await vpc.instance.ip('-o -4 address show dev eth1')).toContain('172.31.16.218/20')
  })

  test('hands over an ENI as it is when just plugged in', async ({ vpc }) => {
    const { mac } = await vpc.attach({ ...eth1, mac: '02:00:00:00:12:34', configure: false })
    expect(mac).toBe('02:00:00:00:12:34')
    const link = await vpc.instance.ip('-o address show dev eth1')
    expect(link).not.toContain('inet')
    const first = vpc.outside.firstAnswer('172.31.0.218')
    await vpc.configure('eth1')
    expect(await first).toBeTypeOf('number')
  })

  test('counts the packets of a flood, and those that were lost', async ({ vpc }) => {
    await vpc.attach(eth1)
    const quiet = await vpc.client('a').pingFlood('172.31.0.218')
    await setTimeout(100)
    expect(await quiet.stop()).toMatchObject({ sent: expect.any(Number), lost: 0 })
    const disturbed = await vpc.client('a').pingFlood('172.31.0.218')
    await vpc.instance.ip('link set dev eth1 down')
    await vpc.instance.ip('link set dev eth1 up')
    await setTimeout(100)
    const { sent, received, lost } = await disturbed.stop()
    expect(lost).toBeGreaterThan(0)
    expect(sent).toBe(received + lost)
  })
})

describe('a VPC with router advertisements', () => {
  const test = vpcTest({ ipv6: 'ra' })

  test('announces its router and the prefix of the subnet, and no address', async ({ vpc }) => {
    await vpc.attach({ ...eth0, addresses: ['172.31.15.216/20', 'fd00:ec2:0:a::216/128'] })
    await expect.poll(() => vpc.instance.ip('-6 route show')).toContain('fd00:ec2:0:a::/64 dev eth0')
    const { linkLocal } = vpc.subnet('a').router
    expect(await vpc.instance.ip('-6 route show default')).toContain(`via ${linkLocal} dev eth0 proto ra`)
    expect(await answers(vpc, eth0.addresses)).toEqual(everybody)
    expect(await vpc.instance.ip('-6 -o address show scope global')).not.toContain('dynamic')
  })
})

describe('a VPC without IPv6', () => {
  const test = vpcTest({ ipv6: 'none', rpFilter: 1 })

  test('has none, not even link-local', async ({ vpc }) => {
    await vpc.attach({ ...eth0, addresses: ['172.31.15.216/20'] })
    expect(await vpc.instance.ip('-6 address show')).toBe('')
    expect(await vpc.outside.tcp('172.31.15.216', { timeoutMs: 5000 })).toMatchObject({ ok: true })
    expect(await vpc.instance.exec('sysctl', ['-n', 'net.ipv4.conf.eth0.rp_filter'])).toBe('1\n')
  })
})

describe('a VPC with duplicate address detection', () => {
  const test = vpcTest({ dad: true })

  test('holds addresses back until it is over', async ({ vpc }) => {
    const { mac } = await vpc.attach(eth0)
    const address = await vpc.instance.ip('-6 -o address show dev eth0')
    expect(address).toMatch(/fd00:ec2:0:a::216.* tentative/)
    await expect
      .poll(() => vpc.instance.ip('-6 -o address show dev eth0'), { timeout: 5000 })
      .not.toContain('tentative')
    expect(await vpc.instance.ip('-6 -o address show dev eth0')).toContain(linkLocalOf(mac))
    expect(await vpc.dropped()).toEqual([])
  })
})
