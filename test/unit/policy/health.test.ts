import { describe, expect, test } from 'vitest'
import { type Evidence, problems } from '../../../src/policy/health.ts'
import type { WrongOutcome } from '../../../src/policy/outcome.ts'
import { changesOf, desiredOf, ethSettings, settings, snapshot } from '../../support/snapshot.ts'

const host = `
  link eth0 driver virtio_net
  addr 10.0.0.5/24 dev eth0
  route default via 10.0.0.1 dev eth0
  link eth1 driver virtio_net
  addr 10.7.0.6/24 dev eth1
`
function problemsOf(text: string, given = ethSettings(), more: Partial<Evidence> = {}) {
  const seen = snapshot(text)
  return problems(
    { snapshot: seen, desired: desiredOf(seen, { settings: given }), outcomes: [], refusals: [], ...more },
    given,
  )
}
const healthy = `${host}route default via 10.7.0.1 dev eth1 metric 10\n`

describe('problems', () => {
  test('none on a host in order', () => {
    expect(problemsOf(healthy)).toEqual([])
  })

  test('an ENI without a router is an error, and says what to type', () => {
    expect(problemsOf(host)).toEqual([
      {
        severity: 'error',
        interface: 'eth1',
        problem: "no IPv4 router is known for eth1: replies beyond its own subnets can't leave by it",
        remedy:
          "add a default route through it, by the subnet's first address, where a VPC has its router: ip route add default via 10.7.0.1 dev eth1 metric 20000",
      },
    ])
  })

  test('in IPv6 it says what to type there', () => {
    expect(problemsOf(`${healthy}addr 2600::6/64 dev eth1`)[0]?.remedy).toContain(
      'ip -6 route add default via ROUTER dev eth1',
    )
  })

  test('a link that is down needs no router', () => {
    expect(problemsOf(host.replace('eth1 driver virtio_net', 'eth1 driver virtio_net down'))).toEqual([])
  })

  test('a conflict is a warning that names the object', () => {
    expect(problemsOf(`${healthy}rule priority 20500 lookup 99`)).toMatchObject([
      {
        severity: 'warning',
        problem: expect.stringContaining('ip rule priority 20500 from all lookup 99 protocol 3: '),
      },
    ])
  })

  test('a link that was passed over is named', () => {
    expect(problemsOf(`${healthy}link eth2 type wireguard`)).toMatchObject([
      {
        severity: 'warning',
        interface: 'eth2',
        problem: expect.stringMatching(/^eth2 is not taken for an ENI: .*wireguard/),
      },
    ])
  })

  test('a pattern that meets no link is named, with the links there are', () => {
    const given = settings('[interfaces]\ninclude = ["eth*", "ens7"]')
    expect(problemsOf(healthy, given)).toMatchObject([
      { severity: 'warning', problem: 'interfaces.include "ens7" matches no link (present: lo, eth0, eth1)' },
    ])
  })

  test('what the kernel refuses is told with its command, and what to do about a missing privilege', () => {
    const seen = snapshot(healthy)
    const [change] = changesOf(seen, { settings: ethSettings() })
    const refusals = [{ change: change!, code: 'EPERM', message: 'Operation not permitted' }]
    expect(problemsOf(healthy, ethSettings(), { refusals })).toEqual([
      {
        severity: 'error',
        problem: 'the kernel refuses "ip link set dev eth0 group 20000": EPERM (Operation not permitted)',
        remedy: 'run as root, or grant CAP_NET_ADMIN',
      },
    ])
  })

  test('an unknown refusal is tried again', () => {
    const [change] = changesOf(snapshot(healthy), { settings: ethSettings() })
    const refusals = [{ change: change!, code: 'ENOMEM', message: '' }]
    expect(problemsOf(healthy, ethSettings(), { refusals })[0]).toMatchObject({
      problem: 'the kernel refuses "ip link set dev eth0 group 20000": ENOMEM',
      remedy: expect.stringContaining('tried again'),
    })
  })

  test('wrong ways of one cause are one problem, with every source and direction', () => {
    const wrong = (source: string, towards: string, fate = 'leave by wg0'): WrongOutcome => ({
      question: { family: 4, source, destination: '8.8.8.8', ipProtocol: 6, towards, linkIndex: 3, table: 20_001 },
      fate,
      remedy: 'do this',
      isForeign: false,
    })
    const outcomes = [
      wrong('10.7.0.6', 'the Internet'),
      wrong('10.7.0.7', 'the Internet'),
      wrong('10.7.0.6', 'another subnet'),
      wrong('10.7.0.6', 'its own subnet', 'are refused'),
    ]
    expect(problemsOf(healthy, ethSettings(), { outcomes })).toEqual([
      {
        severity: 'error',
        interface: 'eth1',
        problem: 'packets from 10.7.0.6, 10.7.0.7 to the Internet, another subnet (8.8.8.8) leave by wg0',
        remedy: 'do this',
      },
      {
        severity: 'error',
        interface: 'eth1',
        problem: 'packets from 10.7.0.6 to its own subnet (8.8.8.8) are refused',
        remedy: 'do this',
      },
    ])
  })

  test('errors come first', () => {
    const found = problemsOf(`${host}rule priority 20500 lookup 99\nlink eth2 type wireguard`)
    expect(found.map(({ severity }) => severity)).toEqual(['error', 'warning', 'warning'])
  })
})
