import { describe, expect } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import { removeNamespaces } from '../../src/lab/cleanup.ts'
import { run } from '../../src/lab/command.ts'
import { Host } from '../../src/lab/host.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { cli, labConfig, startDaemon } from '../support/daemon.ts'
import { droppedPackets, eth0, eth1, silent } from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

/** A pod: its address is one that the VPC gave to an ENI of the node. */
interface Pod {
  readonly address: string
  /** The ENI whose address it has. */
  readonly eni: string
  /** The node's end of its veth, in the plug-in's way of naming. */
  readonly veth: string
}

/** A container network plug-in as its node looks like: what it does once, and for a pod. */
interface Plugin {
  readonly name: string
  readonly toldAs: string
  readonly veth: (number: number) => string
  setUp(vpc: Vpc): Promise<void>
  readonly podCommands: (pod: Pod) => string[]
}

const router = '172.31.0.1'
/** The plug-in's table of the second ENI has but the way to the router. */
const tableCommands = (number: number): string[] => [
  `route add ${router} dev eth1 scope link table ${number}`,
  `route add default via ${router} dev eth1 table ${number}`,
]

/** amazon-vpc-cni-k8s, pkg/networkutils: priorities 512, 1024 and 1536, mark 0x80, table 2 for the second device. */
const vpcCni: Plugin = {
  name: 'the Amazon VPC CNI',
  toldAs: 'driven by the Amazon VPC CNI (ip rule priority 1024 from all fwmark 0x80/0x80 lookup main',
  veth: (number) => `eni${String(number).padStart(11, '0')}`,
  setUp: async ({ instance }) => {
    await instance.batch([...tableCommands(2), 'rule add priority 1024 fwmark 0x80/0x80 lookup main'])
    const mangle = ['-t', 'mangle', '-A', 'PREROUTING']
    const local = ['-m', 'addrtype', '--dst-type', 'LOCAL', '--limit-iface-in', '-j', 'CONNMARK', '--set-xmark']
    await instance.exec('iptables-nft', [...mangle, '-i', 'eth0', ...local, '0x80/0x80'])
    await instance.exec('iptables-nft', [...mangle, '-i', 'eni+', '-j', 'CONNMARK', '--restore-mark', '--mask', '0x80'])
  },
  podCommands: ({ address, eni }) => [
    `rule add priority 512 to ${address} lookup main`,
    ...(eni === 'eth0' ? [] : [`rule add priority 1536 from ${address} lookup 2`]),
  ],
}

/** cilium, pkg/datapath/linux: priorities 9, 20 and 111, the rule of local moved to 100, table 11 for the first ENI of its own. */
const cilium: Plugin = {
  name: 'cilium in ENI mode',
  toldAs: 'driven by cilium in ENI mode (ip rule priority 111 from 172.31.9.1 lookup 11',
  veth: (number) => `lxc${String(number).padStart(12, 'a')}`,
  setUp: ({ instance }) =>
    instance.batch([
      'link add cilium_host type veth peer name cilium_net',
      'link set dev cilium_net up',
      'link set dev cilium_host up',
      'rule add priority 9 fwmark 0x200/0xf00 lookup 2004',
      'route add local 0.0.0.0/0 dev lo table 2004',
      'rule add priority 100 lookup local',
      'rule del priority 0 lookup local',
      ...tableCommands(11),
    ]),
  podCommands: ({ address, eni }) => [
    `rule add priority 20 to ${address} lookup main`,
    ...(eni === 'eth0' ? [] : [`rule add priority 111 from ${address} lookup 11`]),
  ],
}

const first = { ...eth0, addresses: [eth0.addresses[0]!] }
const second = { ...eth1, addresses: [eth1.addresses[0]!] }

/** On the second ENI, and on the first; a third one comes later. */
const addresses = ['172.31.9.1', '172.31.9.2', '172.31.9.3'] as const

/** A node: its own ENI, one of the plug-in's, and pods on both. */
class Node {
  readonly vpc: Vpc
  readonly plugin: Plugin
  readonly #hosts: Host[] = []

  constructor(vpc: Vpc, plugin: Plugin) {
    this.vpc = vpc
    this.plugin = plugin
  }

  async setUp(): Promise<void> {
    const { vpc, plugin } = this
    await vpc.attach(first)
    await vpc.attach({ ...second, configure: false })
    await vpc.instance.sysctl({ 'net.ipv4.ip_forward': 1 })
    // The plug-in takes the subnet's route away again, as long as ENIs share a subnet.
    await vpc.instance.batch(['link set dev eth1 up', `address add ${second.addresses[0]} dev eth1 noprefixroute`])
    await plugin.setUp(vpc)
    await this.addPod({ address: addresses[0], eni: 'eth1', veth: plugin.veth(1) })
    await this.addPod({ address: addresses[1], eni: 'eth0', veth: plugin.veth(2) })
  }

  async addPod(pod: Pod): Promise<void> {
    const { vpc, plugin } = this
    const host = new Host(`${vpc.instance.name}-p${this.#hosts.length}`)
    this.#hosts.push(host)
    await run('ip', ['netns', 'add', host.name])
    await vpc.assign(pod.eni, `${pod.address}/20`)
    await vpc.instance.batch([
      `link add name ${pod.veth} address 02:ee:00:00:00:01 type veth peer name eth0 netns ${host.name}`,
      `link set dev ${pod.veth} up`,
      `route add ${pod.address} dev ${pod.veth} scope link`,
      ...plugin.podCommands(pod),
    ])
    await host.batch([
      'link set dev lo up',
      'link set dev eth0 up',
      `address add ${pod.address}/32 dev eth0`,
      'route add 169.254.1.1 dev eth0 scope link',
      'route add default via 169.254.1.1',
      'neighbour add 169.254.1.1 lladdr 02:ee:00:00:00:01 nud permanent dev eth0',
    ])
    await host.startAgent()
  }

  /** Everything of the plug-in, as ip(8) shows it. */
  async works(): Promise<string> {
    const rules = (await this.vpc.instance.ip('rule')).split('\n').filter((line) => !line.includes('proto 213'))
    const routes = (await this.vpc.instance.ip('route show table all')).split('\n')
    return [...rules, ...routes.filter((line) => !line.includes('proto 213'))].join('\n')
  }

  async unreachable(pods: readonly string[]): Promise<string[]> {
    const places = Object.entries({ a: this.vpc.client('a'), b: this.vpc.client('b'), outside: this.vpc.outside })
    const probes = pods.flatMap((pod) => places.map(([place, host]) => ({ pod, place, host })))
    const answers = await Promise.all(probes.map(async (probe) => ({ ...probe, ...(await probe.host.tcp(probe.pod)) })))
    return answers.flatMap(({ ok, pod, place }) => (ok ? [] : [`${pod} from ${place}`]))
  }

  remove(): void {
    for (const host of this.#hosts) host.killChildren()
    removeNamespaces(this.#hosts.map(({ name }) => name))
  }
}

describe.each([vpcCni, cilium])('ENIs of $name', (plugin) => {
  const test = vpcTest({ ipv6: 'none' }).extend('node', async ({ vpc }, { onCleanup }) => {
    const node = new Node(vpc, plugin)
    onCleanup(() => node.remove())
    await node.setUp()
    return node
  })
  test('are left to it, visibly, and its pods answer as before', async ({ vpc, node }) => {
    expect(await node.unreachable(addresses.slice(0, 2))).toEqual([])
    const before = await node.works()
    const dropped = await droppedPackets(vpc)
    await startDaemon(vpc)
    expect(await node.works()).toBe(before)
    expect(await node.unreachable(addresses.slice(0, 2))).toEqual([])
    expect(await silent(vpc, [first])).toEqual([])
    expect(await droppedPackets(vpc)).toBe(dropped)

    const ours = (await vpc.instance.ip('rule')).split('\n').filter((line) => line.includes('proto 213'))
    expect(ours.filter((line) => !/172\.31\.15\.216|oif eth0/.test(line))).toEqual([])
    const status = await cli(vpc, ['status'])
    expect(status.stdout).toContain(plugin.toldAs)
    expect(status.stdout).toContain('interfaces.manage overrules')
    const { enis } = JSON.parse((await cli(vpc, ['status', '--json'])).stdout)
    expect(
      enis.map(({ interface: name, managed }: { interface: string; managed: boolean }) => [name, managed]),
    ).toEqual([
      ['eth0', true],
      ['eth1', false],
    ])
    expect(await cli(vpc, ['check'])).toMatchObject({ code: 0 })

    // What the plug-in does later goes well, too.
    await node.addPod({ address: addresses[2], eni: 'eth1', veth: plugin.veth(3) })
    expect(await node.unreachable(addresses)).toEqual([])
    const { code, stdout } = await cli(vpc, ['cleanup'])
    expect({ code, ours: stdout.includes('fwmark 0x80') }).toEqual({ code: 0, ours: false })
  })

  test('are managed where the configuration says so, and its pods answer all the same', async ({ vpc, node }) => {
    const manage = labConfig.replace('[interfaces]', '[interfaces]\nmanage = ["eth1"]')
    const before = await node.works()
    await startDaemon(vpc, manage)
    expect(await silent(vpc, [first, second])).toEqual([])
    expect(await node.unreachable(addresses.slice(0, 2))).toEqual([])
    expect(await node.works()).toBe(before)
    expect((await cli(vpc, ['status'], manage)).stdout).not.toContain('driven by')
    expect(await vpc.instance.ip(`route get 203.0.113.10 from ${bare(second.addresses[0]!)}`)).toContain('dev eth1')
  })

  test('are left to it from the moment that it comes, and are ours again when it has gone', async ({ vpc, node }) => {
    const signs = (await vpc.instance.ip('rule')).split('\n').flatMap((line) => {
      const [, priority, rest] = /^(\d+):\s*(.*(?:fwmark 0x80|from 172\.31\.9\.).*)$/.exec(line) ?? []
      return priority ? [`priority ${priority} ${rest}`] : []
    })
    const pods = [1, 2].map(node.plugin.veth)
    await startDaemon(vpc)
    const oursOnEth1 = async () => (await vpc.instance.ip('rule')).includes('oif eth1')
    await vpc.instance.batch([...signs.map((rule) => `rule del ${rule}`), ...pods.map((pod) => `link del dev ${pod}`)])
    await expect.poll(oursOnEth1, { timeout: 5000 }).toBe(true)
    expect(await silent(vpc, [second])).toEqual([])
    await vpc.instance.batch(signs.map((rule) => `rule add ${rule}`))
    await expect.poll(oursOnEth1, { timeout: 5000 }).toBe(false)
  })
})
