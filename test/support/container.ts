import { bare } from '../../src/lab/addressing.ts'
import { removeNamespaces } from '../../src/lab/cleanup.ts'
import { run } from '../../src/lab/command.ts'
import { Host } from '../../src/lab/host.ts'
import type { Vpc } from '../../src/lab/vpc.ts'

/** Port of the instance that is published; the container's service is the echo on port 7. */
export const published = 8080

/** Who writes the DNAT: each of them marks what it does in its own way. */
export const publishers = ['nft', 'iptables-nft', 'iptables-legacy'] as const
export type Publisher = (typeof publishers)[number]

/** What a container, or a VM, has behind the bridge `docker0`. */
export const inside = { ipv4: '172.17.0.2', ipv6: 'fd17::2' } as const

export interface Container {
  readonly host: Host
  remove(): void
}

/** A bridge with a container behind it, as Docker sets it up: forwarding on, an address that nobody outside knows. */
export async function addContainer(vpc: Vpc): Promise<Container> {
  const { instance } = vpc
  const host = new Host(`${instance.name}-c`)
  await run('ip', ['netns', 'add', host.name])
  await instance.sysctl({ 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 })
  await instance.batch([
    'link add name docker0 type bridge',
    'link set dev docker0 up',
    'address add 172.17.0.1/16 dev docker0',
    'address add fd17::1/64 dev docker0 nodad',
    `link add name vethc type veth peer name eth0 netns ${host.name}`,
    'link set dev vethc master docker0 up',
  ])
  await host.batch([
    'link set dev lo up',
    'link set dev eth0 up',
    `address add ${inside.ipv4}/16 dev eth0`,
    `address add ${inside.ipv6}/64 dev eth0 nodad`,
    'route add default via 172.17.0.1',
    'route add default via fd17::1',
  ])
  await host.startAgent()
  return {
    host,
    remove: () => {
      host.killChildren()
      removeNamespaces([host.name])
    },
  }
}

/** Publishes the container on every address of the instance, as Docker does: TCP, UDP and echo requests. */
export async function publish({ instance }: Vpc, publisher: Publisher): Promise<void> {
  if (publisher === 'nft') {
    await instance.exec('nft', ['-f', '-'], nftRules)
    return
  }
  for (const [command, to, subnet, icmp] of [
    [publisher, inside.ipv4, '172.17.0.0/16', ['icmp', '--icmp-type', 'echo-request']],
    [publisher.replace('ip', 'ip6'), inside.ipv6, 'fd17::/64', ['icmpv6', '--icmpv6-type', 'echo-request']],
  ] as const) {
    const target = to.includes(':') ? `[${to}]:7` : `${to}:7`
    const dnat = ['-t', 'nat', '-A', 'PREROUTING', '!', '-i', 'docker0', '-m', 'addrtype', '--dst-type', 'LOCAL']
    for (const protocol of ['tcp', 'udp']) {
      const match = ['-p', protocol, '--dport', String(published), '-j', 'DNAT', '--to-destination', target]
      await instance.exec(command, [...dnat, ...match])
    }
    await instance.exec(command, [...dnat, '-p', ...icmp, '-j', 'DNAT', '--to-destination', to])
    const masquerade = ['-t', 'nat', '-A', 'POSTROUTING', '-s', subnet, '!', '-o', 'docker0', '-j', 'MASQUERADE']
    await instance.exec(command, masquerade)
  }
}

const nftRules = `table inet publish {
  chain prerouting {
    type nat hook prerouting priority dstnat
    iifname != docker0 fib daddr type local jump publish
  }
  chain publish {
    ip protocol icmp icmp type echo-request dnat ip to ${inside.ipv4}
    meta nfproto ipv6 icmpv6 type echo-request dnat ip6 to ${inside.ipv6}
    meta nfproto ipv4 tcp dport ${published} dnat ip to ${inside.ipv4}:7
    meta nfproto ipv4 udp dport ${published} dnat ip to ${inside.ipv4}:7
    meta nfproto ipv6 tcp dport ${published} dnat ip6 to [${inside.ipv6}]:7
    meta nfproto ipv6 udp dport ${published} dnat ip6 to [${inside.ipv6}]:7
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr 172.17.0.0/16 oifname != docker0 masquerade
    ip6 saddr fd17::/64 oifname != docker0 masquerade
  }
}
`

/** Published services that do not answer: every address by TCP, UDP and ping, from everywhere. */
export async function unserved(vpc: Vpc, addresses: readonly string[], timeoutMs = 1000): Promise<string[]> {
  const places = Object.entries({ 'subnet a': vpc.client('a'), 'subnet b': vpc.client('b'), outside: vpc.outside })
  const probes = addresses
    .map(bare)
    .flatMap((address) => places.map(([place, host]) => ({ address, place, host })))
    .flatMap(({ address, place, host }) => [
      { what: `${address} by TCP from ${place}`, answer: host.tcp(address, { port: published, timeoutMs }) },
      { what: `${address} by UDP from ${place}`, answer: host.udp(address, { port: published, timeoutMs }) },
      { what: `${address} by ping from ${place}`, answer: host.ping(address, { timeoutMs }) },
    ])
  const answers = await Promise.all(probes.map(async ({ what, answer }) => ({ what, ok: (await answer).ok })))
  return answers.flatMap(({ what, ok }) => (ok ? [] : [what]))
}
