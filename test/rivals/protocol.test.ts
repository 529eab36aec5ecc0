import { setTimeout } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { type Bench, test } from './bench.ts'
import { startNetworkd } from './networkd.ts'

/*
 * Which protocol number a rule or route may have to be left alone, without our daemon: the ground of
 * docs/decisions/protocol-number.md.
 */
const protocols = ['213', 'static', 'boot', 'kernel', 'dhcp', 'ra'] as const
const table = 20001

async function plant(bench: Bench): Promise<void> {
  await bench.vpc.instance.batch(
    protocols.flatMap((protocol, index) => [
      `rule add priority 20001 from 172.31.0.218 lookup ${table} protocol ${protocol}`,
      // Without an address of the ENI: it is its protocol that decides.
      `route add 10.5.0.0/16 dev eth1 table ${table} proto ${protocol} metric ${index + 1}`,
    ]),
  )
}

async function survivors(bench: Bench): Promise<{ rules: string[]; routes: string[] }> {
  const { instance } = bench.vpc
  const [rules, routes] = await Promise.all([
    instance.ip('-N -d rule show priority 20001'),
    instance.ip(`-N -d route show table ${table}`),
  ])
  return { rules: protocolsIn(rules), routes: protocolsIn(routes) }
}

/** rtnetlink(7): the numbers of the protocols that have a name. */
const numbers: Readonly<Record<string, string>> = { 2: 'kernel', 3: 'boot', 4: 'static', 9: 'ra', 16: 'dhcp' }

const protocolsIn = (list: string): string[] =>
  [...list.matchAll(/\bproto (\d+)/g)].map(([, number]) => numbers[number!] ?? number!).sort()

const all = [...protocols].sort()

describe.each([false, true])('networkd, drop-in: %s, reconfigures a link that keeps its address', (dropIn) => {
  test('rules and routes by protocol', async ({ stage: bench }) => {
    await startNetworkd(bench, { dropIn, ipv4: 'static' })
    await bench.configured()
    await plant(bench)
    await bench.guest.systemctl('restart', 'systemd-networkd')
    await setTimeout(1500)
    expect(await survivors(bench), 'after a restart').toEqual({ rules: all, routes: all })
    await bench.guest.exec('networkctl', ['reconfigure', 'eth0'])
    await setTimeout(1500)
    expect(await survivors(bench), "after another link's reconfiguration").toEqual({
      rules: dropIn ? all : ['kernel'],
      routes: all,
    })
    await bench.guest.exec('networkctl', ['reconfigure', 'eth1'])
    await setTimeout(1500)
    // Its address goes for a moment: the kernel then drops every IPv4 route of the link, of whatever protocol.
    expect((await survivors(bench)).routes, "after the link's own reconfiguration").toEqual([])
  })
})
