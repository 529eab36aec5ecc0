import { describe, expect, test } from 'vitest'
import { bareLinks, isTouched } from '../../../src/policy/addressing.ts'
import { selectEnis } from '../../../src/policy/enis.ts'
import { knowing, macOf, type Told } from '../../support/knowledge.ts'
import { desiredOf, planOf, settings, snapshot } from '../../support/snapshot.ts'

const host = `
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
`
const bare = `${host}link eth1 driver ena down\n`
const ours = `${host}
  link eth1 driver ena
  addr 172.31.0.218/20 dev eth1 proto 213
  addr 172.31.0.219/32 dev eth1 proto 213
`
const whole = { ipv4: ['172.31.0.218'], subnets: ['172.31.0.0/20', '2600:1f18::/64'] }

const given = (told: Omit<Told, 'index'>, { adopted = true, raised = false, due = true, toml = '' } = {}) =>
  settings(`[addresses]\nmode = "imds"\n${toml}`, [], {
    ...knowing([{ index: 2 }, { index: 3, device: 1, ...told }]),
    adopted: new Set(adopted ? [macOf(3)] : []),
    due: new Set(due ? [macOf(3)] : []),
    raised: new Set(raised ? [3] : []),
  })
/** The part of the plan that concerns links' state and addresses. */
const addressingOf = (text: string, told: Omit<Told, 'index'>, more = {}) =>
  planOf(snapshot(text), { settings: given(told, more) }).filter((line) =>
    /ip (address|link set dev \S+ up)/.test(line),
  )

describe('a bare ENI that was adopted', () => {
  test.each([
    {
      name: 'goes up and gets its addresses: the primary with its subnet, all others alone',
      told: { ...whole, ipv4: ['172.31.0.218', '172.31.0.219'], ipv6: ['2600:1f18::218'] },
      plan: [
        '+ ip link set dev eth1 up',
        '+ ip address add 172.31.0.218/20 dev eth1 proto 213',
        '+ ip address add 172.31.0.219/32 dev eth1 noprefixroute proto 213',
        '+ ip address add 2600:1f18::218/128 dev eth1 nodad noprefixroute proto 213',
      ],
    },
    {
      name: 'with IPv6 alone',
      told: { subnets: ['2600:1f18::/64'], ipv6: ['2600:1f18::218'] },
      plan: ['+ ip link set dev eth1 up', '+ ip address add 2600:1f18::218/128 dev eth1 nodad noprefixroute proto 213'],
    },
    { name: 'waits while its subnet is not known', told: { ipv4: ['172.31.0.218'] }, plan: [] },
    {
      name: 'waits while another subnet is told',
      told: { ipv4: ['172.31.0.218'], subnets: ['10.0.0.0/20'] },
      plan: [],
    },
    { name: 'waits while its addresses are not known', told: { subnets: ['172.31.0.0/20'] }, plan: [] },
  ])('$name', ({ told, plan }) => {
    expect(addressingOf(bare, told)).toEqual(plan)
  })

  test('gets its primary alone where a container network plug-in gives the others to pods', () => {
    const told = { ...whole, ipv4: ['172.31.0.218', '172.31.0.219'] }
    const toml = '[interfaces]\nmanage = ["eth1"]'
    expect(addressingOf(`${bare}link eni0123456789a type veth`, told, { toml })).toEqual([
      '+ ip link set dev eth1 up',
      '+ ip address add 172.31.0.218/20 dev eth1 proto 213',
    ])
  })

  test('is in its link group before it goes up', () => {
    const plan = planOf(snapshot(bare), { settings: given(whole) })
    expect(plan.indexOf('+ ip link set dev eth1 group 20000')).toBeLessThan(plan.indexOf('+ ip link set dev eth1 up'))
  })
})

test('what the IPv4 addresses of a bare ENI call for is put there with them; IPv6 ones have to be there first', () => {
  const told = { ...whole, ipv6: ['2600:1f18::218'] }
  const options = { settings: given(told) }
  const plan = planOf(snapshot(bare), options).filter((line) => line.includes('eth1') || line.includes('0.218'))
  expect(plan).toEqual([
    '+ ip link set dev eth1 group 20000',
    '+ ip link set dev eth1 up',
    '+ ip address add 172.31.0.218/20 dev eth1 proto 213',
    '+ ip address add 2600:1f18::218/128 dev eth1 nodad noprefixroute proto 213',
    '+ ip route add 172.31.0.0/20 dev eth1 table 20001 proto 213 scope link src 172.31.0.218',
    '+ ip route add default via 172.31.0.1 dev eth1 table 20001 proto 213',
    '+ ip rule add priority 20000 from 172.31.0.218 lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol 213',
    '+ ip rule add priority 20001 from 172.31.0.218 lookup 20001 protocol 213',
    '+ ip rule add priority 20002 from all oif eth1 lookup 20001 protocol 213',
  ])
  // People and the proof of the outcome are told of what is there.
  expect(desiredOf(snapshot(bare), options).enis[1]).toMatchObject({ routing: [] })
})

describe('left alone is', () => {
  test.each([
    { name: 'a bare ENI that was not adopted', text: bare, more: { adopted: false } },
    { name: 'a bare ENI that was adopted, while it is not due', text: bare, more: { due: false } },
    {
      name: 'an ENI that lost its addresses, while it is not due',
      text: `${host}link eth1 driver ena`,
      more: { due: false },
    },
    { name: 'an ENI that is excluded', text: bare, more: { toml: '[interfaces]\nexclude = ["eth1"]' } },
    {
      name: 'an address that another link has',
      text: `${bare}link c type bridge\naddr 172.31.0.218/32 dev c`,
      more: {},
    },
    {
      name: 'an ENI that was taken down, with its addresses',
      text: ours.replace('eth1 driver ena', 'eth1 driver ena down'),
      more: {},
    },
    { name: 'an ENI that was taken down, and lost its addresses by that', text: bare, more: { raised: true } },
    {
      name: 'an ENI whose addresses others gave it',
      text: `${host}link eth1 driver ena\naddr 172.31.0.99/20 dev eth1`,
      more: { adopted: false },
    },
  ])('$name', ({ text, more }) => {
    expect(addressingOf(text, { ...whole, ipv4: ['172.31.0.218'], ipv4Before: ['172.31.0.218'] }, more)).toEqual([])
  })

  test('everything, in mode "observe"', () => {
    const observing = settings('', [], { ...given(whole).knowledge })
    expect(planOf(snapshot(bare), { settings: observing }).filter((line) => line.includes('address'))).toEqual([])
  })

  test('everything, on a host with one ENI', () => {
    const alone = 'link eth1 index 3 driver ena down'
    expect(planOf(snapshot(alone), { settings: given(whole) })).toEqual([])
  })
})

describe('an ENI whose addresses bear our mark', () => {
  test.each([
    {
      name: 'gets what is added to the list',
      told: { ...whole, ipv4: ['172.31.0.218', '172.31.0.219', '172.31.0.220'] },
      plan: ['+ ip address add 172.31.0.220/32 dev eth1 noprefixroute proto 213'],
    },
    {
      name: 'loses what two documents lack',
      told: { ...whole, ipv4Before: ['172.31.0.218'] },
      plan: ['- ip address del 172.31.0.219/32 dev eth1'],
    },
    {
      name: 'keeps what one document lacks',
      told: { ...whole, ipv4Before: ['172.31.0.218', '172.31.0.219'] },
      plan: [],
    },
    { name: 'keeps what the only document lacks', told: whole, plan: [] },
    { name: 'keeps everything where no list is known', told: { subnets: ['172.31.0.0/20'] }, plan: [] },
  ])('$name', ({ told, plan }) => {
    expect(addressingOf(ours, told, { adopted: false })).toEqual(plan)
  })

  test('keeps the addresses that others gave it', () => {
    const text = `${ours}addr 172.31.0.77/32 dev eth1\naddr 172.31.0.78/32 dev eth1 proto 3`
    const told = { ...whole, ipv4: ['172.31.0.218', '172.31.0.219'], ipv4Before: ['172.31.0.218', '172.31.0.219'] }
    expect(addressingOf(text, told)).toEqual([])
  })

  test("has its IPv6 subnet on its own table's link, where no prefix is on it", () => {
    const text = `${host}link eth1 driver ena\naddr 2600:1f18::218/128 dev eth1 proto 213`
    expect(planOf(snapshot(text), { settings: given({ ...whole, ipv6: ['2600:1f18::218'] }) })).toContain(
      '+ ip -6 route add 2600:1f18::/64 dev eth1 table 20001 proto 213 metric 1024',
    )
  })
})

test.each([
  { name: 'addresses of ours alone', addresses: '172.31.0.218/20 dev eth1 proto 213', touched: false },
  { name: 'none', addresses: '', touched: true },
  { name: 'one of ours that was replaced', addresses: '172.31.0.218/20 dev eth1', touched: true },
  {
    name: 'ours, and its own link-local one',
    addresses: '172.31.0.218/20 dev eth1 proto 213\naddr fe80::1/64 dev eth1',
    touched: false,
  },
])('somebody else has touched an ENI with $name: $touched', ({ addresses, touched }) => {
  const seen = snapshot(`${host}link eth1 driver ena\n${addresses && `addr ${addresses}`}`)
  expect(isTouched(seen.links.find(({ name }) => name === 'eth1')!, seen, given(whole))).toBe(touched)
})

test('bare is a managed ENI that is down and has no address but its own', () => {
  const { links, ...rest } = snapshot(`
    link a driver ena down
    link b driver ena
    link c driver ena down
    addr 10.0.0.1/24 dev c
    link d driver ena down
    link e driver virtio_net down`)
  const imds = settings('[addresses]\nmode = "imds"\n[interfaces]\nexclude = ["d"]')
  const { enis } = selectEnis(links, imds)
  expect(bareLinks(enis, { links, ...rest }, imds).map(({ name }) => name)).toEqual(['a'])
})
