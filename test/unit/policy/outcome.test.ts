import { describe, expect, test } from 'vitest'
import { judge, whilePending } from '../../../src/policy/outcome.ts'
import type { Question } from '../../../src/policy/questions.ts'
import type { Snapshot } from '../../../src/state/snapshot.ts'
import { applyAll, lookup } from '../../support/fake-kernel-model.ts'
import { changesOf, desiredOf, settings, snapshot } from '../../support/snapshot.ts'

const host = `
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
  route default via 172.31.0.1 dev eth0 proto dhcp metric 100
  link eth1 driver ena
  addr 172.31.0.218/20 dev eth1
  route default via 172.31.0.1 dev eth1 proto dhcp metric 200
  link docker0 type bridge
  addr 172.17.0.1/16 dev docker0
`
const ask = (source: string, destination: string): Question => ({
  family: source.includes(':') ? 6 : 4,
  source,
  destination,
  ipProtocol: 6,
  towards: 'there',
  linkIndex: 3,
  table: 20_001,
})

const circumstancesOf = (seen: Snapshot) => ({
  snapshot: seen,
  desired: desiredOf(seen),
  settings: settings(),
  refusing: seen.routes.filter(({ type }) => type !== 'unicast'),
})

/** The way of a packet from eth1's address after a pass, and what is wrong with it. */
function fateOf(text: string, destination: string, source = '172.31.0.218') {
  const before = snapshot(text)
  const seen = applyAll(before, changesOf(before)).snapshot
  const question = ask(source, destination)
  const answer = lookup(seen, question)
  const oif = 'route' in answer ? answer.route.nexthops[0]?.oif : undefined
  const way =
    'route' in answer ? (seen.links.find(({ index }) => index === oif)?.name ?? answer.route.type) : answer.error
  return { way, wrong: judge(question, answer, circumstancesOf(seen)) }
}

describe('the way that packets from eth1 take', () => {
  test.each([
    { name: 'to the Internet', to: '8.8.8.8' },
    { name: 'to a neighbour in the subnet, though main prefers eth0', to: '172.31.2.2' },
    { name: 'to another subnet', to: '172.31.16.2' },
    { name: 'to a container', to: '172.17.0.2', way: 'docker0' },
    { name: "to the host's other ENI, which is the host itself", to: '172.31.15.216', way: 'local' },
    {
      name: 'into a VPN that main has a specific route for',
      to: '10.8.0.9',
      more: 'link tun0 type tun\nroute 10.8.0.0/16 dev tun0 scope link',
      way: 'tun0',
    },
    {
      name: "to a peering that main leads through eth0's router, which serves both",
      to: '10.20.0.9',
      more: 'route 10.20.0.0/16 via 172.31.0.9 dev eth0',
    },
    {
      name: "past OpenVPN's halves of the default",
      to: '8.8.8.8',
      more: 'link tun0 type tun\nroute 0.0.0.0/1 dev tun0 scope link',
    },
    {
      name: 'past a foreign rule behind ours',
      to: '8.8.8.8',
      more: 'rule priority 30000 lookup 99 protocol boot\nroute default dev docker0 table 99',
    },
  ])('$name: is right', ({ to, more = '', way = 'eth1' }) => {
    expect(fateOf(`${host}${more}`, to)).toEqual({ way, wrong: undefined })
  })

  test.each([
    {
      name: "a full tunnel's rule in front of ours",
      more: 'link wg0 type wireguard\nrule not priority 19999 fwmark 0xca6c lookup 51820\nroute default dev wg0 table 51820',
      way: 'wg0',
      fate: 'leave by wg0 (table 51820) instead of by eth1: the rule "not priority 19999 from all fwmark 0xca6c lookup 51820 protocol 3" is asked first',
      remedy:
        "move that rule behind the daemon's: ip rule add not priority 21000 from all fwmark 0xca6c lookup 51820 protocol 3; ip rule del not priority 19999 from all fwmark 0xca6c lookup 51820 protocol 3",
      isForeign: true,
    },
    {
      name: 'a rule that jumps over ours',
      more: 'rule priority 100 from 172.31.0.0/20 goto 32766',
      way: 'eth0',
      fate: 'leave by eth0 (table main) instead of by eth1: the rule "priority 100 from 172.31.0.0/20 goto 32766 protocol 3" is asked first',
      remedy: 'give that rule a priority between 20003 and 32765, or except 172.31.0.218 from it',
      isForeign: true,
    },
    ...Object.entries({ unreachable: 'EHOSTUNREACH', blackhole: 'EINVAL', prohibit: 'EACCES' }).map(([type, way]) => ({
      name: `a default of type ${type} in main`,
      more: `route ${type} default metric 50`,
      way,
      fate: `are refused (${way}): the route "${type} default table main proto 3 metric 50"`,
      remedy: `ip route del ${type} default table main proto 3 metric 50`,
      isForeign: true,
    })),
    {
      name: 'a rule that refuses',
      more: 'rule priority 100 from 172.31.0.218 prohibit',
      way: 'EACCES',
      fate: 'are refused (EACCES): the rule "priority 100 from 172.31.0.218 prohibit protocol 3"',
      remedy: 'ip rule del priority 100 from 172.31.0.218 prohibit protocol 3',
      isForeign: true,
    },
    {
      name: 'a foreign route in the table of the ENI',
      more: 'route 10.0.0.0/8 dev eth1 table 20001 proto 213\nroute 8.8.8.0/24 dev docker0 table 20001 proto static',
      way: 'docker0',
      fate: 'leave by docker0 (table 20001) instead of by eth1: the route "8.8.8.0/24 dev docker0 table 20001 proto 4 scope link"',
      remedy: 'ip route del 8.8.8.0/24 dev docker0 table 20001 proto 4 scope link',
      isForeign: true,
    },
  ])('$name: is wrong, and named with its remedy', ({ more, way, fate, remedy, isForeign }) => {
    expect(fateOf(`${host}${more}`, '8.8.8.8')).toMatchObject({ way, wrong: { fate, remedy, isForeign } })
  })

  test.each([
    {
      name: 'a link group of somebody else on another ENI',
      group: 7,
      cause: 'eth0 is in link group 7, which is not ours',
      remedy: 'ip link set dev eth0 group 20000',
      isForeign: true,
    },
    {
      name: 'none yet, which is pending',
      group: 0,
      cause: 'the route "172.31.0.0/20 dev eth0 table main proto 2 scope link src 172.31.15.216"',
      remedy: 'ip route del 172.31.0.0/20 dev eth0 table main proto 2 scope link src 172.31.15.216',
      isForeign: false,
    },
  ])('$name is the cause where its subnet steals', ({ group, cause, remedy, isForeign }) => {
    const seen = snapshot(host.replace('link eth0 driver ena', `link eth0 driver ena group ${group}`))
    const answer = { route: seen.routes.find(({ destination }) => destination.length === 20)! }
    expect(judge(ask('172.31.0.218', '172.31.2.2'), answer, circumstancesOf(seen))).toMatchObject({
      fate: `leave by eth0 (table main) instead of by eth1: ${cause}`,
      remedy,
      isForeign,
    })
  })
})

describe('judge', () => {
  const seen = snapshot(`${host}
    link tun0 type tun
    -6 route default via fe80::1 dev eth0`)
  const verdict = (line: string, family: 4 | 6 = 4) => {
    const { routes } = snapshot(`${host}link tun0 type tun\n${line}`)
    const question = family === 4 ? ask('172.31.0.218', '8.8.8.8') : ask('2600::218', '2a00::1')
    return judge(question, { route: routes.at(-1)! }, circumstancesOf(seen)) ? 'wrong' : 'right'
  }

  test.each([
    { name: 'the ENI itself, by whichever table', route: 'route default via 172.31.0.1 dev eth1', is: 'right' },
    { name: "main's specific route by a link that is no ENI", route: 'route 8.8.0.0/16 dev tun0', is: 'right' },
    { name: "main's specific route by another ENI", route: 'route 8.8.0.0/16 dev eth0', is: 'wrong' },
    { name: 'a specific route of another table', route: 'route 8.8.0.0/16 dev tun0 table 52', is: 'wrong' },
    { name: "main's default by a link that is no ENI", route: 'route default dev tun0', is: 'wrong' },
    { name: 'a half of the default', route: 'route 0.0.0.0/1 dev tun0', is: 'wrong' },
    { name: 'a quarter of it', route: 'route 0.0.0.0/2 dev tun0', is: 'right' },
    { name: 'an IPv6 /4', route: '-6 route 2000::/4 dev tun0', family: 6 as const, is: 'wrong' },
    { name: 'an IPv6 /5', route: '-6 route 2000::/5 dev tun0', family: 6 as const, is: 'right' },
    { name: 'a blackhole', route: 'route blackhole 8.8.0.0/16', is: 'wrong' },
    {
      name: "a foreign default in the ENI's own table, which may know another router",
      route: 'route default via 172.31.0.9 dev eth1 table 20001 proto static',
      is: 'wrong',
    },
    {
      name: "the program's own default there",
      route: 'route default via 172.31.0.1 dev eth1 table 20001 proto 213',
      is: 'right',
    },
    { name: 'the host itself', route: 'route local 8.8.8.8 dev lo table 255', is: 'right' },
    {
      name: 'a multipath route whose first nexthop is another ENI',
      route: 'route default nexthop via 172.31.0.1 dev eth0 nexthop via 172.31.0.1 dev eth1',
      is: 'wrong',
    },
  ])('$name is $is', ({ route, family, is }) => {
    expect(verdict(route, family)).toBe(is)
  })
})

describe('while changes are pending', () => {
  const judged = (text: string) => {
    const seen = snapshot(text)
    const question = ask('172.31.0.218', '8.8.8.8')
    return whilePending(judge(question, lookup(seen, question), circumstancesOf(seen))!)
  }

  test("main's own default is not to be deleted: the changes are to be made", () => {
    const { fate, remedy } = judged(host)
    expect(fate).toContain('the route "default via 172.31.0.1 dev eth0')
    expect(remedy).toBe('make the pending changes: eni-routed apply, or let the daemon: systemctl start eni-routed')
  })

  test('what no change of ours would mend keeps its remedy', () => {
    const { remedy } = judged(`${host}route default via 172.31.0.1 dev eth0 table 100\nrule priority 100 lookup 100`)
    expect(remedy).toContain('ip rule del priority 100 from all lookup 100')
  })
})
