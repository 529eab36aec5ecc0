import { describe, expect, test } from 'vitest'
import { desiredOf, ethSettings, settings, snapshot } from '../../support/snapshot.ts'

const enis = `
  link eth0 index 2 driver ena forwards
  addr 172.31.0.5/20 dev eth0
  link eth1 index 3 driver ena forwards
  addr 172.31.16.5/20 dev eth1
`
const still = enis.replaceAll(' forwards', '')
const connmark = '[routing]\ncontainers = "connmark"'

const transitOf = (text: string, toml = '') =>
  Object.fromEntries(
    desiredOf(snapshot(text), { settings: settings(toml) }).enis.flatMap(({ eni, transit }) =>
      transit === undefined ? [] : [[eni.link.name, transit]],
    ),
  )
const between = (...names: string[]) =>
  `forwarding is on, and there is nothing to forward between but ${names.join(', ')}; interfaces.manage overrules`
const both = { eth0: between('eth0', 'eth1'), eth1: between('eth0', 'eth1') }

describe('ENIs that carry packets of other hosts', () => {
  test.each([
    { name: 'none without forwarding', text: still, found: {} },
    { name: 'those of a host that has nothing else to forward between', text: enis, found: both },
    { name: 'not one that does not forward', text: still.replace('ena', 'ena forwards'), found: {} },
    { name: 'none with a bridge for containers', text: `${enis}link docker0 type bridge`, found: {} },
    { name: 'none with the end of a container', text: `${enis}link veth1a2b type veth`, found: {} },
    { name: 'none with a card of another driver', text: `${enis}link eno1 driver igb`, found: {} },
    { name: 'whatever is down', text: `${enis}link docker0 type bridge down`, found: both },
    {
      name: 'one beside a tunnel',
      text: `${still.replace('ena', 'ena forwards')}link wg0 type wireguard`,
      found: { eth0: between('eth0', 'wg0') },
    },
    { name: 'none beside a tunnel without forwarding', text: `${still}link wg0 type wireguard`, found: {} },
    {
      name: 'one that a rule asks about, whatever else is there',
      text: `${enis}link docker0 type bridge\nrule priority 100 from all iif eth1 lookup 100`,
      found: {
        eth1: 'forwarding is on, and ip rule priority 100 from all iif eth1 lookup 100 protocol 3; interfaces.manage overrules',
      },
    },
    {
      name: 'none by a rule of ours',
      text: `${enis}link docker0 type bridge
        rule priority 20004 from all fwmark 0x3000000/0x7f000000 iif eth1 lookup main protocol 213`,
      found: {},
    },
    {
      name: 'none that a rule asks about and that does not forward',
      text: `${still}rule priority 100 from all iif eth1 lookup 100`,
      found: {},
    },
  ])('$name', ({ text, found }) => {
    expect(transitOf(text)).toEqual(found)
  })

  test('the configuration overrules, either way', () => {
    expect(transitOf(still, 'interfaces.transit = ["eth1"]')).toEqual({ eth1: 'interfaces.transit names it' })
    expect(transitOf(enis, 'interfaces.manage = ["eth*"]')).toEqual({})
    expect(Object.keys(transitOf(enis, 'interfaces.exclude = ["eth1"]'))).toEqual(['eth0'])
  })

  test('have the rules of their own addresses as others have', () => {
    const rules = (text: string) => desiredOf(snapshot(text)).rules
    expect(rules(enis)).toEqual(rules(still))
  })

  test('give a mark to what was redirected alone', () => {
    const forward = (toml: string, text = enis) => {
      const seen = { ...snapshot(text), marking: { uses: [] } }
      const { table } = desiredOf(seen, { settings: settings(toml) }).marking
      return table!.chains.find((chain) => chain.startsWith('chain forward'))!
    }
    const redirected = 'ct direction original ct status dnat iif vmap { "eth0" : goto note-0, "eth1" : goto note-1 }; '
    const rest = 'ct direction original oif != { "eth0", "eth1" } iif vmap '
    const hook = 'chain forward { type filter hook forward priority -150; policy accept; '
    expect(forward(connmark)).toBe(`${hook}${redirected}}`)
    expect(forward(`interfaces.transit = ["eth0"]\n${connmark}`, still)).toBe(
      `${hook}${redirected}${rest}{ "eth1" : goto note-1 }; }`,
    )
    expect(forward(connmark, still)).toBe(
      `${hook}${redirected}${rest}{ "eth0" : goto note-0, "eth1" : goto note-1 }; }`,
    )
  })
})

test('a single ENI is nothing to tell of', () => {
  const text = 'link eth0 forwards\naddr 10.0.0.1/24 dev eth0\nlink wg0 type wireguard'
  expect(desiredOf(snapshot(text), { settings: ethSettings() }).enis[0]).not.toHaveProperty('transit')
})
