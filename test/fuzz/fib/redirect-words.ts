import type { Family } from '../../../src/state/ip.ts'
import type { Random } from '../random.ts'

/** Addresses of the link that packets come in by. */
export const own: Readonly<Record<Family, readonly string[]>> = {
  4: ['10.0.0.1', '10.0.0.2'],
  6: ['fd00::1', 'fd00::2'],
}

const ports = ['53', '80', '443', '8080', '8081']

const inside = (random: Random, family: Family): string =>
  family === 4 ? `172.17.0.${1 + random.below(9)}` : `fd17::${1 + random.below(9)}`

/** A table of nft(8) for each family, and one for both. */
export const nftRules = (random: Random): string =>
  (['ip', 'ip6', 'inet'] as const).map((family) => (random.below(2) === 0 ? nftTable(random, family) : '')).join('\n')

function nftTable(random: Random, family: 'ip' | 'ip6' | 'inet'): string {
  const chain = (name: string, hook = '') => {
    const rules = Array.from({ length: 1 + random.below(5) }, () => `    ${nftRule(random, family, name)}`)
    return `  chain ${name} {\n${hook}${rules.join('\n')}\n  }`
  }
  const hook = (priority: number) => `    type nat hook prerouting priority ${priority};\n`
  return [
    `table ${family} judge {`,
    `  set some { type ${family === 'ip' ? 'ipv4_addr' : 'ipv6_addr'}; flags interval; elements = { ${family === 'ip' ? '10.0.0.2-10.0.0.9, 99.0.0.0/25' : 'fd00::2-fd00::9'} }; }`,
    `  set seen { type ${family === 'ip' ? 'ipv4_addr' : 'ipv6_addr'}; flags dynamic; size 65535; }`,
    '  quota large { over 1000 mbytes }',
    '  counter total { }',
    chain('c2'),
    chain('c1'),
    chain('pre', hook(random.pick([-100, -110, -90]))),
    ...(random.below(3) === 0 ? [chain('more', hook(-95))] : []),
    '}',
  ].join('\n')
}

function nftRule(random: Random, table: 'ip' | 'ip6' | 'inet', chain: string): string {
  const family: Family = table === 'ip' ? 4 : table === 'ip6' ? 6 : random.pick([4, 6])
  const words = table === 'inet' ? [`meta nfproto ipv${family}`] : []
  for (let i = random.below(3); i > 0; i--) words.push(nftMatch(random, family, (table === 'ip') === (family === 4)))
  return [...words, random.pick(['', 'counter', '']), nftAction(random, family, table === 'inet', chain)].join(' ')
}

/** `fits`: the table's sets are of that family; a word that does not fit makes nft(8) refuse the whole. */
function nftMatch(random: Random, family: Family, fits: boolean): string {
  const ip = family === 4 ? 'ip' : 'ip6'
  const port = () => random.pick(ports)
  const not = () => random.pick(['', '', '!= '])
  const l4 = () => random.pick(['tcp', 'udp', 'th'])
  return random.pick<() => string>([
    () => `iifname ${not()}"f${random.below(2)}"`,
    () => `iifname ${not()}"f*"`,
    () => `iif ${not()}f${random.below(2)}`,
    () => `${ip} daddr ${not()}${random.pick(own[family])}`,
    () => `${ip} daddr ${not()}{ ${own[family].join(', ')} }`,
    () => `${ip} daddr ${not()}${family === 4 ? '10.0.0.0/31' : 'fd00::/127'}`,
    () => `${ip} saddr ${not()}${family === 4 ? '99.0.0.0/25' : '2001:db8:99::/122'}`,
    () => (fits ? `${ip} daddr ${not()}@some` : ''),
    () => `${l4()} dport ${not()}${port()}`,
    () => `${l4()} dport ${not()}{ ${port()}, 8081 }`,
    () => `${l4()} dport ${not()}${random.pick(['1-100', '80-8080', '443-65535'])}`,
    () => `${l4()} dport ${not()}{ 1-100, 443, 8000-9000 }`,
    () => `${l4()} sport ${not()}${random.pick(['53', '1024-45000'])}`,
    () => `tcp dport > 443`,
    () => `meta l4proto ${not()}{ tcp, udp }`,
    () => (family === 4 ? 'icmp type echo-request' : 'icmpv6 type echo-request'),
    () => `fib daddr type ${not()}local`,
    () => `ct state ${random.pick(['new', 'established', '{ new, related }', 'new,untracked'])}`,
    () => `meta mark ${not()}0`,
    () => 'tcp flags syn / syn,ack',
    () => `${ip} daddr . tcp dport { ${own[family][0]} . ${port()}, ${own[family][1]} . 1-500 }`,
    () => 'limit rate 1000/second',
    () => (fits ? `update @seen { ${ip} saddr limit rate over 1000/second }` : ''),
    () => (fits ? `add @seen { ${ip} saddr ${random.pick(['', 'counter'])} }` : ''),
    () => random.pick(['quota name "large"', 'counter name "total"']),
    () => 'tcp dport 80-443 meta mark set 5',
  ])()
}

function nftAction(random: Random, family: Family, both: boolean, chain: string): string {
  const to = both ? `dnat ${family === 4 ? 'ip' : 'ip6'} to` : 'dnat to'
  const with_ = (address: string, port: string) => (family === 4 ? `${address}:${port}` : `[${address}]:${port}`)
  const target = () => inside(random, family)
  const port = () => random.pick(ports)
  const inner = chain === 'c1' ? ['c2'] : chain === 'c2' ? [] : ['c1', 'c2']
  const jump = () => (inner.length > 0 ? `${random.pick(['jump', 'goto'])} ${random.pick(inner)}` : 'return')
  return random.pick<() => string>([
    () => `${to} ${target()}`,
    () => `${to} ${target()}`,
    () => `meta l4proto { tcp, udp } ${to} ${with_(target(), port())}`,
    () => `${to} ${target()}`,
    () => `${to} tcp dport map { 80 : ${target()}, 443 : ${target()}, 8000-9000 : ${target()} }`,
    () =>
      `tcp dport vmap { 80 : ${inner[0] ? `jump ${inner[0]}` : 'return'}, 443 : accept, 8080 : ${inner[1] ? `goto ${inner[1]}` : 'drop'} }`,
    () => 'meta l4proto tcp redirect to :8081',
    () => 'redirect',
    jump,
    jump,
    jump,
    () => 'return',
    () => 'accept',
    () => 'counter',
  ])()
}

/** Lines of iptables-restore for the table nat: as Docker and others write them. */
export function iptablesRules(random: Random, family: Family): string[] {
  const chains = ['DOCKER', 'KUBE']
  const rules = Array.from({ length: 2 + random.below(8) }, () => {
    const chain = random.pick(['PREROUTING', 'PREROUTING', ...chains])
    return `-A ${chain} ${iptablesMatch(random, family)} ${iptablesAction(random, family, chain)}`
  })
  return [':PREROUTING ACCEPT', ...chains.map((chain) => `:${chain} -`), ...rules]
}

function iptablesMatch(random: Random, family: Family): string {
  const not = () => random.pick(['', '', '! '])
  const port = () => random.pick(ports)
  const l4 = random.pick(['tcp', 'udp'])
  const plain = random.pick([
    '',
    '-m addrtype --dst-type LOCAL',
    '-m addrtype ! --dst-type LOCAL',
    `${not()}-i f${random.below(2)}`,
    '-i f+',
    `${not()}-d ${random.pick(own[family])}`,
    `${not()}-s ${family === 4 ? '99.0.0.0/25' : '2001:db8:99::/122'}`,
    '-m conntrack --ctstate NEW,RELATED',
    '-m conntrack --ctstate ESTABLISHED',
    '-m state --state NEW',
    '-m comment --comment "of somebody"',
    `-m mark ${not()}--mark 0x1/0x1`,
    '-m statistic --mode random --probability 0.5',
  ])
  const ported = random.pick([
    '',
    `-p ${l4} -m ${l4} ${not()}--dport ${port()}`,
    `-p ${l4} -m ${l4} --dport 80:8080`,
    `-p ${l4} -m ${l4} --sport 53 --dport 1:1000`,
    `-p ${l4} -m multiport --dports 80,8000:9000`,
    `-p ${l4} -m multiport ${not()}--ports 53,443`,
    `-p ${l4}`,
    '-p tcp -m tcp --tcp-flags SYN,ACK SYN',
    family === 4 ? '-p icmp -m icmp --icmp-type echo-request' : '-p icmpv6 -m icmp6 --icmpv6-type echo-request',
  ])
  return `${plain} ${ported}`
}

function iptablesAction(random: Random, family: Family, chain: string): string {
  const target = inside(random, family)
  const withPort = family === 4 ? `${target}:80` : `[${target}]:80`
  const inner = chain === 'PREROUTING' ? random.pick(['-j DOCKER', '-g KUBE', '-j KUBE']) : '-j RETURN'
  return random
    .pick([
      `-j DNAT --to-destination ${target}`,
      `-p tcp -j DNAT --to-destination ${withPort}`,
      `-j DNAT --to-destination ${target}`,
      '-p udp -j REDIRECT --to-ports 8081',
      '-j REDIRECT',
      inner,
      inner,
      inner,
      '-j RETURN',
      '-j ACCEPT',
      '-j MARK --set-mark 7',
      '-j LOG',
    ])
    .replace(/^-p (tcp|udp) /, '')
}
