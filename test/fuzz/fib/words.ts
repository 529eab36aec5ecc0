import type { Family } from '../../../src/state/ip.ts'
import type { Random } from '../random.ts'

/** Links of the bench, each a veth whose other end is in the same namespace and answers nothing. */
export const links = ['f0', 'f1', 'f2', 'f3'] as const
/** Tables that rules ask. */
export const tables = [100, 101, 102, 20_001, 254]

/** Addresses of the links, and of nobody; destinations near and far. */
export const addresses: Readonly<Record<Family, readonly string[]>> = {
  4: ['10.0.0.1', '10.0.0.2', '10.1.0.1', '10.2.0.1', '10.3.0.1'],
  6: ['fd00::1', 'fd00::2', 'fd01::1', 'fd02::1', 'fd03::1'],
}
export const destinations: Readonly<Record<Family, readonly string[]>> = {
  4: [
    '10.0.0.9',
    '10.1.0.9',
    '10.2.0.9',
    '20.0.0.4',
    '20.0.1.4',
    '20.7.0.4',
    '30.1.2.3',
    '8.8.8.8',
    '10.0.0.2',
    '10.3.0.1',
  ],
  6: [
    'fd00::9',
    'fd01::9',
    'fd02::9',
    'fd20::4',
    'fd20:0:1::4',
    'fd20:7::4',
    '2001:db8::3',
    '2600::8',
    'fd00::2',
    'fd03::1',
  ],
}
const prefixes: Readonly<Record<Family, readonly string[]>> = {
  4: [
    'default',
    'default',
    '0.0.0.0/1',
    '20.0.0.0/8',
    '20.0.0.0/16',
    '20.0.0.0/24',
    '20.0.0.4/32',
    '20.0.1.0/24',
    '10.0.0.0/8',
    '10.2.0.0/24',
    '30.0.0.0/8',
    '8.8.8.0/24',
  ],
  6: [
    'default',
    'default',
    '2000::/3',
    'fd20::/16',
    'fd20::/32',
    'fd20::/64',
    'fd20::4/128',
    'fd20:0:1::/48',
    'fd00::/8',
    'fd02::/64',
    '2001:db8::/32',
    '2600::/16',
  ],
}
const sources: Readonly<Record<Family, readonly string[]>> = {
  4: ['10.0.0.1', '10.0.0.2', '10.1.0.1', '10.0.0.0/16', '10.0.0.0/8', '10.2.0.0/15', '99.0.0.0/8'],
  6: ['fd00::1', 'fd00::2', 'fd01::1', 'fd00::/32', 'fd00::/8', 'fd02::/15', '99::/16'],
}

/** Routers, as the link that each can be reached through has them; the last of IPv6 is dead. */
export const routersOf = (family: Family, link: string): readonly string[] => {
  const i = link.slice(1)
  return family === 4 ? [`10.${i}.0.254`, `10.${i}.0.253`] : [`fd0${i}::fe`, `fd0${i}::fd`, `fd0${i}::dead`]
}

/** The hardware address of a router, which tells it on the wire. */
export function macOf(router: string): string {
  const family: Family = router.includes(':') ? 6 : 4
  const link = links.findIndex((name) => routersOf(family, name).includes(router))
  const n = routersOf(family, links[link] ?? 'f0').indexOf(router)
  return `02:00:00:${family}0:0${link}:0${n}`
}

/** Nexthop objects of a family: one through each link, a blackhole, a group. */
export function nexthops(family: Family): string[] {
  const base = family === 4 ? 0 : 10
  return [
    ...links.map((link, i) => `nexthop replace id ${base + i + 1} via ${routersOf(family, link)[0]} dev ${link}`),
    `nexthop replace id ${base + 5} blackhole`,
    `nexthop replace id ${base + 6} group ${base + 1}/${base + 3},2`,
  ]
}

/** A rule as after `ip`. */
export function ruleWords(random: Random, family: Family): string {
  const words: (string | number)[] = []
  const priority = 1 + random.below(40)
  const maybe = (times: number, ...more: (() => string | number)[]) => {
    if (random.below(times) === 0) words.push(...more.map((word) => word()))
  }
  const port = () => random.pick(['53', '443', '1-1024', '400-500'])
  maybe(10, () => 'not')
  maybe(
    2,
    () => 'from',
    () => random.pick(sources[family]),
  )
  maybe(
    5,
    () => 'to',
    () => random.pick(prefixes[family]).replace('default', 'all'),
  )
  maybe(
    10,
    () => 'tos',
    () => random.pick(['0x10', '0x08']),
  )
  maybe(
    7,
    () => 'fwmark',
    () => random.pick(['0x1', '0x0/0xff', '0x10/0xf0', '0x11', '0x300/0x300']),
  )
  maybe(
    9,
    () => 'iif',
    () => random.pick(['lo', 'f0', 'f1', 'gone']),
  )
  maybe(
    7,
    () => 'oif',
    () => random.pick(['f0', 'f1', 'f2', 'gone']),
  )
  maybe(
    10,
    () => 'uidrange',
    () => random.pick(['0-0', '1000-2000', '0-999']),
  )
  maybe(
    20,
    () => 'tun_id',
    () => 5,
  )
  if (random.below(8) === 0) {
    words.push('ipproto', random.pick(['tcp', 'udp', 'icmp']))
    maybe(3, () => 'sport', port)
    maybe(2, () => 'dport', port)
  }
  return `rule add priority ${priority} ${[...words, actionWords(random, priority)].join(' ')}`
}

function actionWords(random: Random, priority: number): string {
  switch (random.below(14)) {
    case 0:
    case 1:
      return `goto ${priority + 1 + random.below(20)}`
    case 2:
      return 'nop'
    case 3:
      return random.pick(['blackhole', 'unreachable', 'prohibit'])
    default:
      return `lookup ${random.pick(tables)}${suppressWords(random)}`
  }
}

function suppressWords(random: Random): string {
  const length = random.below(4) === 0 ? ` suppress_prefixlength ${random.pick([0, 1, 3, 8, 24])}` : ''
  return length + (random.below(4) === 0 ? ` suppress_ifgroup ${random.pick([7, 8])}` : '')
}

/** A route as after `ip`; some the kernel refuses. */
export function routeWords(random: Random, family: Family): string {
  const verb = random.pick(['add', 'add', 'add', 'append', 'prepend'])
  const number = random.pick([...tables, 255, 0].slice(0, random.below(9) === 0 ? 6 : 5))
  const prefix = random.pick(prefixes[family])
  const more = [
    family === 6 && random.below(5) === 0 ? `from ${random.pick(sources[6])}` : '',
    family === 4 && random.below(8) === 0 ? 'tos 0x10' : '',
    random.below(2) === 0 ? `metric ${random.pick([5, 10, 1024, 2000])}` : '',
    family === 6 && random.below(5) === 0 ? `pref ${random.pick(['low', 'high'])}` : '',
  ].join(' ')
  return `route ${verb} ${wayWords(random, family, prefix, `table ${number} ${more}`)}`
}

function wayWords(random: Random, family: Family, prefix: string, more: string): string {
  const link = () => random.pick(links)
  const via = (name: string, several = false) =>
    random.below(3) === 0 && !several
      ? `dev ${name}`
      : `via ${random.pick(routersOf(family, name))} dev ${name}${random.pick(['', ' onlink'])}`
  switch (random.below(16)) {
    case 0:
      return `${random.pick(['blackhole', 'unreachable', 'prohibit', 'throw'])} ${prefix} ${more}`
    case 1:
    case 2: {
      const hops = Array.from(
        { length: 2 + random.below(2) },
        () => `nexthop ${via(link(), family === 6)} weight ${1 + random.below(3)}`,
      )
      return `${prefix} ${more} ${hops.join(' ')}`
    }
    case 3:
      return `${prefix} nhid ${(family === 4 ? 0 : 10) + random.pick([1, 2, 3, 4, 6, 6, 1, 2, 3, 4, 6, 5])} ${more}`
    default:
      return `${prefix} ${via(link())} ${more}`
  }
}
