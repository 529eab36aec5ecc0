import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { addContainer, publish, published, publishers, unserved } from '../support/container.ts'
import { cli, labConfig, startDaemon } from '../support/daemon.ts'
import { droppedPackets, eth0, eth1, eth2, everything, silent } from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

const connmark = `${labConfig}[routing]\ncontainers = "connmark"\n`
const addressesOf = (...enis: { readonly addresses: readonly string[] }[]) => enis.flatMap(({ addresses }) => addresses)

/** A VPC whose instance has a container. */
const containerTest = (rpFilter: 0 | 1 | 2 = 0) =>
  vpcTest({ rpFilter }).extend('container', async ({ vpc }, { onCleanup }) => {
    const container = await addContainer(vpc)
    onCleanup(() => container.remove())
    return container
  })

const nft = (vpc: Vpc, ...args: string[]) => vpc.instance.exec('nft', args)
const tables = async (vpc: Vpc) => (await nft(vpc, 'list', 'tables')).trim().split('\n').filter(Boolean)
const srcValidMark = (vpc: Vpc, link: string) =>
  vpc.instance.exec('sysctl', ['-n', `net.ipv4.conf.${link}.src_valid_mark`]).then((text) => text.trim())

describe.each([0, 1, 2] as const)('with rp_filter %i', (rpFilter) => {
  const test = containerTest(rpFilter)

  test.for(publishers)('ports published by %s answer on every ENI', async (publisher, { vpc, container }) => {
    expect(container).toBeDefined()
    for (const eni of [eth0, eth1, eth2]) await vpc.attach(eni)
    await publish(vpc, publisher)
    await startDaemon(vpc, connmark)
    const before = await droppedPackets(vpc)
    expect(await unserved(vpc, addressesOf(eth0, eth1, eth2))).toEqual([])
    expect(await droppedPackets(vpc)).toBe(before)
    expect(await cli(vpc, ['check'], connmark)).toMatchObject({ code: 0 })
  })
})

describe('marks', () => {
  const test = containerTest(1)

  test('are what it takes: without them a second ENI serves nobody', async ({ vpc, container }) => {
    expect(container).toBeDefined()
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await publish(vpc, 'nft')
    await startDaemon(vpc)
    expect(await unserved(vpc, [eth0.addresses[0]!])).toEqual([])
    expect(await unserved(vpc, [eth1.addresses[0]!], 300)).toHaveLength(9)
  })

  test('come and go with ENIs, without a packet lost on the others', async ({ vpc, container }) => {
    expect(container).toBeDefined()
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await publish(vpc, 'nft')
    await startDaemon(vpc, connmark)
    expect(await unserved(vpc, addressesOf(eth0, eth1))).toEqual([])
    const flood = await vpc.outside.pingFlood(bare(eth1.addresses[0]!))
    await vpc.attach(eth2)
    await expect.poll(() => unserved(vpc, eth2.addresses, 300)).toEqual([])
    await vpc.detach('eth2')
    await expect.poll(() => nft(vpc, 'list', 'table', 'inet', 'eni-routed')).not.toContain('arrival-2')
    await nft(vpc, 'add', 'rule', 'inet', 'eni-routed', 'forward', 'counter')
    await expect.poll(() => nft(vpc, 'list', 'table', 'inet', 'eni-routed')).not.toContain('counter')
    await sleep(100)
    expect((await flood.stop()).lost).toBe(0)
    expect(await unserved(vpc, addressesOf(eth0, eth1))).toEqual([])
  })

  test('are back after somebody flushed the ruleset, audited as a repair', async ({ vpc, container }) => {
    expect(container).toBeDefined()
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    const daemon = await startDaemon(vpc, connmark)
    await nft(vpc, 'flush', 'ruleset')
    await expect.poll(() => tables(vpc)).toEqual(['table inet eni-routed'])
    await publish(vpc, 'nft')
    expect(await unserved(vpc, addressesOf(eth0, eth1))).toEqual([])
    await expect
      .poll(() => daemon.lines.filter(({ object, cause }) => object === 'nft' && String(cause).startsWith('restored')))
      .toHaveLength(1)
  })

  test('touch neither local services nor bits of others', async ({ vpc, container }) => {
    expect(container).toBeDefined()
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await vpc.instance.exec(
      'nft',
      ['-f', '-'],
      `table inet others {
        chain early { type filter hook prerouting priority -160; meta mark set meta mark | 0x80ff00ff; ct mark set ct mark | 0x80aa00aa; }
        chain late { type filter hook forward priority 300; meta mark & 0x80ffffff == 0x80ff00ff counter; ct mark & 0x80ffffff == 0x80aa00aa counter; counter; }
      }`
        .replaceAll('; ', '\n')
        .replaceAll('{ ', '{\n')
        .replaceAll(' }', '\n}'),
    )
    await publish(vpc, 'nft')
    await startDaemon(vpc, connmark)
    expect(await unserved(vpc, addressesOf(eth0, eth1))).toEqual([])
    expect(await vpc.outside.tcp(bare(eth1.addresses[0]!))).toMatchObject({ ok: true })
    const counters = (await nft(vpc, 'list', 'table', 'inet', 'others'))
      .match(/packets \d+/g)!
      .map((text) => Number(text.slice(8)))
    const [withMark, withCtMark, all] = counters
    expect(all).toBeGreaterThan(10)
    expect([withMark, withCtMark]).toEqual([all, all])
    const connections = (await vpc.instance.exec('cat', ['/proc/net/nf_conntrack'])).split('\n')
    const marks = (port: number) =>
      connections
        .filter((line) => line.includes(`tcp`) && line.includes(`dst=172.31.0.218 `) && line.includes(`dport=${port} `))
        .map((line) => Number(/ mark=(\d+)/.exec(line)?.[1]) & 0x7f000000)
    expect(marks(7)).toEqual([0])
    expect(marks(published)).toEqual([0x04000000, 0x04000000, 0x04000000])
  })

  test('are gone with cleanup, and when the setting goes back to off', async ({ vpc, container }) => {
    expect(container).toBeDefined()
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await vpc.instance.sysctl({ 'net.ipv4.conf.eth0.src_valid_mark': 1 })
    const before = await everything(vpc)
    expect(await cli(vpc, ['apply'], connmark)).toMatchObject({ code: 0 })
    expect([await srcValidMark(vpc, 'eth0'), await srcValidMark(vpc, 'eth1')]).toEqual(['1', '213'])
    expect(await cli(vpc, ['apply'])).toMatchObject({ code: 0 })
    expect(await tables(vpc)).toEqual([])
    expect(await srcValidMark(vpc, 'eth1')).toBe('0')
    expect(await vpc.instance.ip('rule')).not.toContain('fwmark')
    await cli(vpc, ['apply'], connmark)
    expect(await cli(vpc, ['cleanup'])).toMatchObject({ code: 0 })
    expect(await tables(vpc)).toEqual([])
    expect([await srcValidMark(vpc, 'eth0'), await srcValidMark(vpc, 'eth1')]).toEqual(['1', '0'])
    expect(await everything(vpc)).toBe(before)
  })

  test('a plan can be typed', async ({ vpc, container }) => {
    expect(container).toBeDefined()
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    const { stdout } = await cli(vpc, ['plan'], connmark)
    await vpc.instance.exec('sh', [], stdout.replaceAll(/^\+ /gm, ''))
    expect(await cli(vpc, ['check'], connmark)).toMatchObject({ code: 0 })
    await publish(vpc, 'nft')
    expect(await unserved(vpc, addressesOf(eth0, eth1))).toEqual([])
  })

  test.for([
    { name: 'a rule of routing', command: 'ip rule add fwmark 0x1000000/0xf000000 table 100 priority 30000' },
    { name: 'a rule of routing without a mask', command: 'ip -6 rule add fwmark 0x1 table 100 priority 30000' },
    {
      name: 'nftables',
      command: 'nft -f -',
      input: 'table ip t {\nchain c {\nmeta mark set meta mark | 0x2000000\n}\n}\n',
    },
    {
      name: 'a match of nftables',
      command: 'nft -f -',
      input: 'table ip t {\nchain c {\nct mark & 0xff000000 == 0 drop\n}\n}\n',
    },
    { name: 'iptables', command: 'iptables-nft -t mangle -A FORWARD -j MARK --set-xmark 0x40000000/0x40000000' },
    { name: "iptables' connmark", command: 'iptables-nft -t mangle -A FORWARD -j CONNMARK --restore-mark' },
    {
      name: 'a shift of nftables',
      command: 'nft -f -',
      input: 'table ip t {\nchain c {\nmeta mark set meta mark << 8\n}\n}\n',
    },
    {
      name: "iptables' connmark that saves other bits than it writes",
      command: 'iptables-nft -t mangle -A FORWARD -j CONNMARK --save-mark --nfmask 0x40000000 --ctmask 0xff',
    },
    { name: "iptables' match", command: 'iptables-nft -t mangle -A FORWARD -m connmark --mark 0x1' },
  ])('are refused where $name uses their bits, and served with others', async ({ command, input = '' }, { vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await startDaemon(vpc, connmark)
    const [file, ...args] = command.split(' ') as [string, ...string[]]
    await vpc.instance.exec(file, args, input)
    await expect.poll(() => tables(vpc), { timeout: 3000 }).not.toContain('table inet eni-routed')
    await expect.poll(() => vpc.instance.ip('rule')).not.toContain('/0x7e000000')
    await expect.poll(() => srcValidMark(vpc, 'eth1')).toBe('0')
    const { code, stdout } = await cli(vpc, ['check'], connmark)
    expect(code).toBe(1)
    expect(stdout).toContain('are in use by')
    expect(await silent(vpc, [eth0, eth1])).toEqual([])
    const other = `${connmark}container-mark-mask = 0x00fe0000\n`
    const free = !/restore|0x1$|0x1 table/.test(command) && !input.includes('<<')
    expect((await cli(vpc, ['check'], other)).stdout.includes('are in use by')).toBe(!free)
  })

  test.for([
    'iptables-legacy -t mangle -A FORWARD -j MARK --set-xmark 0x40000000/0x40000000',
    'iptables-legacy -t raw -A PREROUTING -m mark --mark 0x1 -j DROP',
    'ip6tables-legacy -t mangle -A PREROUTING -p tcp -m tcp --dport 80 -j CONNMARK --restore-mark --nfmask 0x1000000 --ctmask 0x1000000',
    'iptables-legacy -t mangle -A PREROUTING -p tcp -j TPROXY --on-port 80 --tproxy-mark 0x2000000/0x2000000',
  ])('are served but complained of where %s uses their bits', async (command, { vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await startDaemon(vpc, connmark)
    const names = () => vpc.instance.exec('sh', ['-c', 'cat /proc/net/ip_tables_names /proc/net/ip6_tables_names'])
    expect(await cli(vpc, ['check'], connmark)).toMatchObject({ code: 0 })
    expect(await names(), 'to ask makes no table').toBe('')
    const [file, ...args] = command.split(' ') as [string, ...string[]]
    await vpc.instance.exec(file, args)
    const { code, stdout } = await cli(vpc, ['check'], connmark)
    expect({ code, stdout }).toMatchObject({ code: 1 })
    expect(stdout).toMatch(
      /replies of published container ports may go astray: .* in use by iptables-legacy: ip6? (mangle|raw) \(0x/,
    )
    expect(await tables(vpc)).toContain('table inet eni-routed')
    const other = await cli(vpc, ['check'], `${connmark}container-mark-mask = 0x00fe0000\n`)
    expect(other.stdout.includes('may go astray')).toBe(command.includes('--mark 0x1 '))
  })

  test('are served without a word beside rules of iptables-legacy that use other bits', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    for (const command of ['iptables-legacy', 'ip6tables-legacy']) {
      await vpc.instance.exec(command, ['-t', 'mangle', '-A', 'FORWARD', '-j', 'MARK', '--set-xmark', '0x200/0x200'])
      await vpc.instance.exec(command, ['-A', 'FORWARD', '-m', 'mark', '--mark', '0x4000/0x4000', '-j', 'ACCEPT'])
    }
    await startDaemon(vpc, connmark)
    expect(await cli(vpc, ['check'], connmark)).toMatchObject({ code: 0 })
  })

  test.for(['MARK --set-xmark 0x200/0x200', 'CONNMARK --set-xmark 0x1/0x1'])(
    'leave %s of iptables alone',
    async (target, { vpc }) => {
      await vpc.attach(eth0)
      await vpc.attach(eth1)
      await vpc.instance.exec('iptables-nft', ['-t', 'mangle', '-A', 'FORWARD', '-j', ...target.split(' ')])
      await startDaemon(vpc, connmark)
      expect(await cli(vpc, ['check'], connmark)).toMatchObject({ code: 0 })
      expect(await tables(vpc)).toContain('table inet eni-routed')
    },
  )
})

describe('a connection that came in by an ENI', () => {
  const test = containerTest(1)

  test('is answered to another container by its bridge, and the published port is not mistaken', async ({
    vpc,
    container,
  }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await publish(vpc, 'nft')
    await startDaemon(vpc, connmark)
    expect(await container.host.tcp('172.31.0.10')).toMatchObject({ ok: true })
    expect(await container.host.tcp('203.0.113.10')).toMatchObject({ ok: true })
    expect(await vpc.instance.tcp('172.17.0.2')).toMatchObject({ ok: true })
    expect(await vpc.outside.tcp(bare(eth1.addresses[0]!), { port: published })).toMatchObject({ ok: true })
  })
})

describe('transit', () => {
  const test = containerTest(0)

  test('from one ENI to another bears no mark', async ({ vpc, container }) => {
    expect(container).toBeDefined()
    await vpc.attach(eth0)
    await vpc.attach(eth2)
    await startDaemon(vpc, connmark)
    // The other client's answer never comes: neither knows of the detour.
    const there = '172.31.16.10'
    await vpc.client('a').ip(`route add ${there} via ${bare(eth0.addresses[0]!)} dev eth0`)
    await vpc.client('a').tcp(there, { timeoutMs: 200 })
    const connections = (await vpc.instance.exec('cat', ['/proc/net/nf_conntrack'])).split('\n')
    const transit = connections.filter((line) => line.includes(`dst=${there} `))
    expect(transit.map((line) => / mark=\d+/.exec(line)?.[0])).toEqual([' mark=0'])
  })
})

describe('what belongs to a connection that came in by an ENI', () => {
  const test = containerTest(1)

  test('leaves by it: the data that an FTP server sends by a connection of its own', async ({ vpc, container }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await publish(vpc, 'nft')
    await vpc.instance.exec(
      'nft',
      ['-f', '-'],
      `table inet helper {
        ct helper ftp { type "ftp" protocol tcp; }
        chain prerouting { type filter hook prerouting priority -50; tcp dport 7 ct helper set "ftp"; }
      }`,
    )
    await startDaemon(vpc, connmark)
    const dataPort = 50_000
    await vpc.outside.listen('::', dataPort)
    // The helper reads lines once it has seen the end of one.
    const lines = ['USER x\r\n', `PORT 203,0,113,10,${dataPort >> 8},${dataPort & 255}\r\n`]
    const control = `const lines = ${JSON.stringify(lines)}
      const socket = require('node:net').connect(${published}, '172.31.0.218')
      socket.on('connect', () => socket.write(lines[0]))
      socket.once('data', () => socket.write(lines[1]) && socket.on('data', (data) => process.stdout.write(data)))`
    const client = vpc.outside.spawn(process.execPath, ['-e', control])
    try {
      const answer = await new Promise((resolve) => client.stdout!.once('data', (data) => resolve(String(data))))
      expect(answer).toContain('PORT')
      const before = await droppedPackets(vpc)
      expect(await container.host.tcp('203.0.113.10', { port: dataPort })).toMatchObject({ ok: true })
      expect(await droppedPackets(vpc)).toBe(before)
    } finally {
      client.kill()
    }
    const connections = (await vpc.instance.exec('cat', ['/proc/net/nf_conntrack'])).split('\n')
    const data = connections.find((line) => line.includes('tcp') && line.includes(` dport=${dataPort} `))
    expect(data, 'from the address that the client spoke to').toMatch(/ dst=172\.31\.0\.218 .*mark=67108864 /)
  })

  test('leaves by it: the error that a container answers with', async ({ vpc, container }) => {
    expect(container).toBeDefined()
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await publish(vpc, 'nft')
    const deaf = 8081
    const redirect = `meta nfproto ipv4 udp dport ${deaf} dnat ip to 172.17.0.2:9`
    await nft(vpc, 'add', 'rule', 'inet', 'publish', 'publish', ...redirect.split(' '))
    await startDaemon(vpc, connmark)
    const unreachables = async () => {
      const [names, numbers] = (await vpc.outside.exec('cat', ['/proc/net/snmp']))
        .split('\n')
        .filter((l) => /^Icmp:/.test(l))
      return Number(numbers!.split(' ')[names!.split(' ').indexOf('InDestUnreachs')])
    }
    const before = [await unreachables(), await droppedPackets(vpc)]
    await vpc.outside.udp('172.31.0.218', { port: deaf, timeoutMs: 300 })
    expect([await unreachables(), await droppedPackets(vpc)]).toEqual([before[0]! + 1, before[1]])
  })
})

describe('with more addresses than have rules of their own', () => {
  const test = containerTest(1)
  const more = Array.from({ length: 40 }, (_, i) => [`172.31.2.${i + 1}/20`, `fd00:ec2:0:a::2:${i + 1}/64`]).flat()

  test('published ports answer', async ({ vpc, container }) => {
    expect(container).toBeDefined()
    await vpc.attach(eth0)
    await vpc.attach({ ...eth1, addresses: [...eth1.addresses, ...more] })
    await vpc.attach(eth2)
    await publish(vpc, 'nft')
    await startDaemon(vpc, connmark)
    expect(await unserved(vpc, addressesOf(eth0, eth1, eth2, { addresses: more.slice(-2) }))).toEqual([])
  })

  test('nothing is lost of connections that live while the index comes and goes', { timeout: 60_000 }, async ({
    vpc,
    container,
  }) => {
    expect(container).toBeDefined()
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await vpc.attach(eth2)
    await publish(vpc, 'nft')
    await vpc.assign('eth1', ...more)
    const change = (op: 'add' | 'del', addresses: readonly string[]) =>
      vpc.instance.batch(
        addresses.map((one) => `address ${op} ${one} dev eth1${one.includes(':') && op === 'add' ? ' nodad' : ''}`),
      )
    const isIndexed = async (family: 4 | 6) => (await vpc.instance.ip(`-${family} rule`)).includes(' goto ')
    const becomesIndexed = async (wanted: boolean) => {
      for (const family of [4, 6] as const) await expect.poll(() => isIndexed(family), { timeout: 5000 }).toBe(wanted)
      await expect.poll(async () => (await cli(vpc, ['plan'], connmark)).stdout, { timeout: 5000 }).toBe('')
    }
    // With the three that are there 32 of each family: one more makes the index.
    const [plain, last] = [more.slice(0, 58), more.slice(58, 60)]
    await change('add', plain)
    await startDaemon(vpc, connmark)
    await becomesIndexed(false)
    const targets = [eth0, eth1, eth2].flatMap(({ addresses }) => addresses.map(bare))
    const floods = await Promise.all(targets.map((address) => vpc.outside.pingFlood(address, { intervalMs: 2 })))
    const dropped = await droppedPackets(vpc)
    for (let round = 0; round < 5; round++) {
      await change('add', last)
      await becomesIndexed(true)
      if (round % 2 === 0) expect(await unserved(vpc, addressesOf(eth1, { addresses: last }))).toEqual([])
      await change('del', last)
      await becomesIndexed(false)
    }
    await change('add', more.slice(58))
    await becomesIndexed(true)
    await change('del', more.slice(58))
    await becomesIndexed(false)
    const counts = await Promise.all(floods.map((flood) => flood.stop()))
    expect(counts.map(({ lost }) => lost)).toEqual(targets.map(() => 0))
    expect(await droppedPackets(vpc)).toBe(dropped)
  })
})
