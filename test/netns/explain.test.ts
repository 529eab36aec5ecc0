import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { describe, expect, test as plain } from 'vitest'
import { labConfig } from '../../src/lab/daemon-process.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { NLM_F, RTM } from '../../src/netlink/constants.ts'
import { RequestSocket } from '../../src/netlink/request.ts'
import { encodeRule } from '../../src/netlink/rule-request.ts'
import { agrees } from '../../src/policy/fib/answer.ts'
import { type Packet, plainPacket } from '../../src/policy/fib/packet.ts'
import { fibOf } from '../../src/policy/fib/picture.ts'
import { wayOut } from '../../src/policy/fib/way.ts'
import type { Rule } from '../../src/state/rule.ts'
import { fuzzArrivals } from '../fuzz/fib/arrivals.ts'
import { Bench } from '../fuzz/fib/bench.ts'
import { fuzzKernel } from '../fuzz/fib/kernel.ts'
import { fuzzRedirects } from '../fuzz/fib/redirects.ts'
import { report } from '../fuzz/fib/report.ts'
import { fuzzWire } from '../fuzz/fib/wire.ts'
import { addresses, destinations } from '../fuzz/fib/words.ts'
import { Random } from '../fuzz/random.ts'
import { addContainer, publish, published, publishers } from '../support/container.ts'
import { cli } from '../support/daemon.ts'
import { eth0, eth1 } from '../support/judge-answers.ts'
import { unprivileged } from '../support/netlink.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()

async function attachBoth(vpc: Vpc, applied = true): Promise<void> {
  await vpc.attach(eth0)
  await vpc.attach(eth1)
  if (applied) await cli(vpc, ['apply'])
}

const explain = (vpc: Vpc, ...args: string[]) => cli(vpc, ['explain', ...args])
const json = async (vpc: Vpc, ...args: string[]) =>
  JSON.parse((await explain(vpc, ...args, '--json')).stdout).explanations

describe('the model', () => {
  plain.skipIf(unprivileged)('says what the kernel says, over random rules and routes', () => {
    const { first, questions } = fuzzKernel(new Random(7), (rounds) => rounds === 40)
    expect(first ? report(first) : '').toBe('')
    expect(questions).toBe(40 * 60)
  })

  plain.skipIf(unprivileged)('says by which link, and to which neighbour, packets leave that are sent', () => {
    const { first, left } = fuzzWire(new Random(7), (rounds) => rounds === 15)
    expect(first ? report(first) : '').toBe('')
    expect(left).toBeGreaterThan(150)
  })
})

describe('the model of rules that ip of this machine may not know', () => {
  const bytes = (type: number, hex: string) => ({ type, hex })
  const byDscp = [[bytes(25, '2e')], [bytes(25, '04')], [bytes(25, '28'), bytes(30, '38')]]
  const byLabel = [
    [bytes(26, '00000005'), bytes(27, '000fffff')],
    [bytes(26, '00000000'), bytes(27, '0000000f')],
  ]
  const byMaskedPort = { ipProto: 6, destinationPort: { from: 80, to: 80 }, opaque: [bytes(29, 'f000')] }

  plain.skipIf(unprivileged).for([
    { name: 'dscp', family: 4, selectors: byDscp.map((opaque) => ({ opaque })) },
    { name: 'dscp', family: 6, selectors: byDscp.map((opaque) => ({ opaque })) },
    { name: 'flowlabel', family: 6, selectors: byLabel.map((opaque) => ({ opaque })) },
    { name: 'dport with a mask', family: 4, selectors: [byMaskedPort] },
    { name: 'dport with a mask', family: 6, selectors: [byMaskedPort] },
  ] as const)('IPv$family rules by $name: the kernel says the same', ({ family, selectors }) => {
    const bench = new Bench()
    const socket = RequestSocket.open()
    try {
      bench.shuffle(new Random(1))
      execFileSync('ip', [`-${family}`, 'rule', 'flush'])
      let hits = 0
      let tried = 0
      for (const selector of selectors) {
        const rule: Rule = { family, priority: 5, action: 'prohibit', table: 0, protocol: 4, ...selector }
        const [refused] = socket.batch([{ type: RTM.NEWRULE, flags: NLM_F.ACK, payload: encodeRule(rule) }])
        // Linux before 6.14 has some of them not: it must say so, or it is a fault of this test.
        if (refused) {
          expect(refused).toMatchObject({ code: expect.stringMatching(/^(EINVAL|EOPNOTSUPP)$/) })
          continue
        }
        tried++
        const fib = fibOf(bench.inquiry.picture())
        const taken = [0, 0xb8, 0x10, 0xa0, 0xa8].flatMap((tos) =>
          [80, 81, 443].map((destinationPort) => {
            const [source, destination] = [addresses[family][0] as string, destinations[family][7] as string]
            const packet: Packet = { ...plainPacket, family, source, destination, tos, destinationPort }
            const model = wayOut(fib, packet, { asked: true })
            expect(agrees(model, bench.inquiry.wayOf(packet)), JSON.stringify({ selector, packet })).toBe(true)
            return model.steps.some(({ rule: asked, event }) => asked.priority === 5 && event.kind === 'refused')
          }),
        )
        hits += taken.filter((hit) => hit).length
        socket.batch([{ type: RTM.DELRULE, flags: NLM_F.ACK, payload: encodeRule(rule) }])
      }
      expect(hits > 0).toBe(tried > 0)
    } finally {
      socket.close()
      bench.close()
    }
  })
})

describe('the model of packets that come in', () => {
  plain.skipIf(unprivileged)('says which are taken, which go on and where, and how the kernel answers', () => {
    const { first, delivered, forwarded, answered } = fuzzArrivals(new Random(7), (rounds) => rounds === 40)
    expect(first ? report(first) : '').toBe('')
    expect(delivered).toBeGreaterThan(150)
    expect(forwarded).toBeGreaterThan(30)
    expect(answered).toBeGreaterThan(70)
  })
})

describe('the model of redirections', () => {
  plain.skipIf(unprivileged)('says where rules of nftables and iptables-nft send packets', () => {
    const { first, redirected, vague, sent } = fuzzRedirects(new Random(7), (rounds) => rounds === 40)
    expect(first).toBeUndefined()
    expect(redirected).toBeGreaterThan(100)
    expect(vague).toBeLessThan(sent / 4)
  })
})

describe('explain', () => {
  test("tells the way of an ENI's packets to destinations that tell", async ({ vpc }) => {
    await attachBoth(vpc)
    const told = await json(vpc, '172.31.0.218')
    expect(told).toMatchObject([
      {
        towards: 'its own subnet',
        ways: [{ interface: 'eth1', table: 20001 }],
        withoutUs: { ways: [{ interface: 'eth0' }], symmetry: { verdict: 'no' } },
      },
      { towards: 'another subnet', ways: [{ interface: 'eth1', router: '172.31.0.1' }] },
      { towards: 'the Internet', ways: [{ interface: 'eth1', router: '172.31.0.1' }], symmetry: { verdict: 'yes' } },
    ])
    for (const one of told) {
      expect(one).toMatchObject({ agrees: true })
    }
  })

  test('without the shape the way back is not the way in', async ({ vpc }) => {
    await attachBoth(vpc, false)
    const outcome = await explain(vpc, 'eth1', 'to', '8.8.8.8')
    expect(outcome.code).toBe(1)
    expect(outcome.stdout).toMatch(/way out +eth0 via 172\.31\.0\.1/)
    expect(outcome.stdout).toContain('packets to its source come in by eth1')
  })

  test('takes the source that the kernel chooses where none is named', async ({ vpc }) => {
    await attachBoth(vpc)
    const [told] = await json(vpc, 'to', '8.8.8.8')
    expect(told).toMatchObject({ packet: { source: '172.31.15.216' }, ways: [{ interface: 'eth0' }], agrees: true })
    await vpc.instance.ip('rule add priority 100 to 203.0.113.0/24 lookup 20001')
    const [by1] = await json(vpc, 'to', '203.0.113.9')
    expect(by1).toMatchObject({ packet: { source: '172.31.0.218' }, ways: [{ interface: 'eth1' }], agrees: true })
    await vpc.instance.ip('rule add priority 99 to 203.0.113.9 prohibit')
    const refused = await explain(vpc, 'to', '203.0.113.9')
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('no way to 203.0.113.9 for a program that names no source: EACCES')
  })

  test('names the rule that a port decides about', async ({ vpc }) => {
    await attachBoth(vpc)
    await vpc.instance.ip('rule add priority 100 ipproto tcp dport 25 lookup main')
    expect((await explain(vpc, 'eth1', 'to', '8.8.8.8', 'tcp', 'dport', '443')).code).toBe(0)
    const [told] = await json(vpc, 'eth1', 'to', '8.8.8.8', 'tcp', 'dport', '25')
    expect(told.steps.at(-1)).toMatchObject({ priority: 100, outcome: 'taken' })
    expect(told).toMatchObject({ agrees: true, symmetry: { verdict: 'no' } })
    expect((await explain(vpc, 'eth1', 'to', '8.8.8.8')).stdout).toContain('tells packets apart by port')
  })

  test('a mark, a user and a bound socket decide as the kernel says', async ({ vpc }) => {
    await attachBoth(vpc)
    await vpc.instance.batch([
      'rule add priority 100 fwmark 0x10/0xf0 lookup main',
      'rule add priority 101 uidrange 1000-1999 lookup main',
    ])
    const ways = async (...args: string[]) => {
      const [{ ways, agrees }] = await json(vpc, '172.31.0.218', 'to', '8.8.8.8', ...args)
      return [ways[0].interface, agrees]
    }
    expect(await ways()).toEqual(['eth1', true])
    expect(await ways('mark', '0x1f')).toEqual(['eth0', true])
    expect(await ways('--uid', '1500')).toEqual(['eth0', true])
    expect(await ways('--oif', 'eth0')).toEqual(['eth0', true])
  })

  test.for([
    { mode: 1, passes: false, applied: false },
    { mode: 2, passes: true, applied: false },
    { mode: 1, passes: true, applied: true },
  ])(
    'an incoming connection under rp_filter $mode, shape $applied: $passes',
    async ({ mode, passes, applied }, { vpc }) => {
      await attachBoth(vpc, applied)
      await vpc.instance.sysctl({ 'net.ipv4.conf.eth1.rp_filter': mode })
      const [told] = await json(
        vpc,
        '203.0.113.9',
        'to',
        '172.31.0.218',
        '--protocol',
        'tcp',
        '--to-port',
        '443',
        '--in',
        'eth1',
      )
      expect(told).toMatchObject({ in: 'eth1', rpFilter: { mode, passes } })
      expect('error' in told.inward.kernel).toBe(!passes)
      expect(told.answer).toMatchObject({ agrees: true, ways: [{ interface: applied ? 'eth1' : 'eth0' }] })
    },
  )

  test('follows a connection to a container by its mark, past strict rp_filter', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    await vpc.instance.batch([
      'link add docker0 type bridge',
      'address add 172.17.0.1/16 dev docker0',
      'link set docker0 up',
    ])
    await vpc.instance.sysctl({ 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.eth1.rp_filter': 1 })
    const answer = async () =>
      (await json(vpc, '203.0.113.9', 'to', '172.17.0.2', 'tcp', 'dport', '80', 'in', 'eth1'))[0]
    expect(await cli(vpc, ['apply'], labConfig)).toMatchObject({ code: 0 })
    expect(await answer()).toMatchObject({
      rpFilter: { passes: false },
      answer: { ways: [{ interface: 'eth0' }], symmetry: { verdict: 'no' } },
    })
    await cli(vpc, ['apply'], `${labConfig}[routing]\ncontainers = "connmark"\n`)
    expect(await answer()).toMatchObject({
      rpFilter: { passes: true, srcValidMark: true },
      inward: { agrees: true, ways: [{ interface: 'docker0' }] },
      answer: { agrees: true, ways: [{ interface: 'eth1', table: 20001 }], symmetry: { verdict: 'yes' } },
    })
  })

  test.for(publishers)('a port that %s publishes', async (publisher, { vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    const container = await addContainer(vpc)
    try {
      await publish(vpc, publisher)
      await vpc.instance.sysctl({ 'net.ipv4.conf.eth1.rp_filter': 1 })
      const words = ['203.0.113.9', 'to', '172.31.0.218', 'tcp', 'dport', String(published), 'in', 'eth1']
      const connmark = `${labConfig}[routing]\ncontainers = "connmark"\n`
      expect(await cli(vpc, ['apply'])).toMatchObject({ code: 0 })
      if (publisher === 'iptables-legacy') {
        expect((await explain(vpc, ...words)).stdout).toContain('iptables-legacy has a nat table here')
        return
      }
      const told = await explain(vpc, ...words)
      expect(told.stdout).toMatch(/nftables sends it to 172\.17\.0\.2 port 7 \(rule: (ip|inet) \w+ \w+ handle \d+\)/)
      expect(told.stdout).toContain('with containers = "connmark" under [routing]')
      expect(told.code).toBe(1)
      await cli(vpc, ['apply'], connmark)
      const [one] = JSON.parse((await cli(vpc, ['explain', ...words, '--json'], connmark)).stdout).explanations
      expect(one).toMatchObject({
        redirected: { to: '172.17.0.2', port: 7 },
        rpFilter: { passes: true },
        inward: { ways: [{ interface: 'docker0' }] },
        answer: { packet: { in: 'docker0' }, ways: [{ interface: 'eth1' }], symmetry: { verdict: 'yes' } },
      })
      expect(one).not.toHaveProperty('doubts')
      const other = await json(vpc, '203.0.113.9', 'to', '172.31.0.218', 'in', 'eth1')
      expect(other[0].doubts).toContainEqual(expect.stringContaining('the destination port is not known'))
      expect(other[0]).not.toHaveProperty('redirected')
    } finally {
      container.remove()
    }
  })

  test('says loudly that a rule of ours is missing, also one of the index', async ({ vpc }) => {
    await attachBoth(vpc)
    await vpc.instance.ip('rule del priority 20001 from 172.31.0.218')
    const plain = await explain(vpc, '172.31.0.218', 'to', '8.8.8.8')
    expect(plain.stdout).toContain('A RULE OF OURS IS MISSING: none leads 172.31.0.218 to table 20001 of eth1')
    expect(plain.code).toBe(1)
    await vpc.instance.batch(Array.from({ length: 60 }, (_, i) => `address add 172.31.2.${i + 1}/20 dev eth${i % 2}`))
    await cli(vpc, ['apply'])
    const told = await explain(vpc, '172.31.2.8', 'to', '8.8.8.8')
    expect(told.stdout).toMatch(/rule 20\d+-20\d+ +\d+ rules of the index of addresses lead it on to 20\d+ /)
    expect(told.stdout).not.toContain('MISSING')
    expect((await explain(vpc, '172.31.2.8', 'to', '8.8.8.8', '--all')).stdout).toMatch(/from 172\.31\.2\.8 goto/)
    const [dispatch] = await json(vpc, '172.31.2.8', 'to', '8.8.8.8')
    const [first] = dispatch.steps.filter(
      ({ outcome }: { outcome: string }) => outcome === 'goto' || outcome === 'jump',
    )
    await vpc.instance.ip(`rule del priority ${first.priority} ${first.rule.replace(/ goto.*/, '')}`)
    const [cut] = await json(vpc, '172.31.2.8', 'to', '8.8.8.8')
    expect(cut).toMatchObject({ ruleMissing: { interface: 'eth1', table: 20001 } })
  })

  test('draws it into a file', async ({ vpc }) => {
    await attachBoth(vpc)
    const file = `/run/${vpc.instance.name}.svg`
    try {
      expect(await explain(vpc, 'eth1', 'to', '8.8.8.8', '--svg', file)).toEqual({ code: 0, stdout: '', stderr: '' })
      expect(readFileSync(file, 'utf8')).toMatch(/^<svg .*takes &quot;default via 172\.31\.0\.1 dev eth1.*<\/svg>\n$/s)
    } finally {
      rmSync(file, { force: true })
    }
    const missing = await explain(vpc, 'eth1', '--svg', '/nowhere/way.svg')
    expect(missing).toMatchObject({ code: 1, stdout: '' })
    expect(missing.stderr).toContain("the picture can't be written: ENOENT")
  })

  test.for([
    { args: ['172.31.0.281'], code: 1, says: 'no interface has 172.31.0.281; did you mean 172.31.0.218 on eth1?' },
    { args: ['172.31.0.128'], code: 1, says: 'did you mean 172.31.0.218 on eth1?' },
    { args: ['10.9.8.7'], code: 1, says: 'present: 172.31.15.216 (eth0), 172.31.0.218 (eth1)' },
    { args: ['eth7'], code: 1, says: 'there is no link "eth7"; present: lo, eth0, eth1' },
    { args: ['172.31.0.218', 'to', '8.8.8.8', 'dport', '70000'], code: 64, says: '"70000" is no destination port' },
    { args: ['172.31.0.218', 'to', '2600::1'], code: 64, says: 'different families' },
    { args: ['172.31.0.218', 'sport'], code: 64, says: '"sport" needs a value' },
    { args: [], code: 64, says: "missing required argument 'SOURCE'" },
  ])('$args: $says', async ({ args, code, says }, { vpc }) => {
    await attachBoth(vpc)
    const outcome = await explain(vpc, ...args)
    expect(outcome).toMatchObject({ code, stdout: '' })
    expect(outcome.stderr).toContain(says)
  })
})

describe('the proof of the outcome', () => {
  test.for([
    { rule: 'ipproto tcp dport 25', says: 'the Internet to port 25' },
    { rule: 'uidrange 1500-1600', says: 'the Internet of user 1500' },
    { rule: 'ipproto udp sport 53', says: 'the Internet from port 53' },
  ])('sees a rule by $rule in front of ours, and names it', async ({ rule, says }, { vpc }) => {
    await attachBoth(vpc)
    expect((await cli(vpc, ['check'])).code).toBe(0)
    await vpc.instance.ip(`rule add priority 100 ${rule} lookup main`)
    const { code, stdout } = await cli(vpc, ['check'])
    expect(code).toBe(1)
    expect(stdout).toContain(says)
    expect(stdout).toMatch(/the rule "priority 100 from all .*" is asked first/)
  })

  test.for(['fwmark 0x80000/0xff0000', 'ipproto sctp', 'iif eth0', 'not from 0.0.0.0/0'])(
    'accuses no rule by %s, which leads no unmarked packet of ours astray',
    async (rule, { vpc }) => {
      await attachBoth(vpc)
      await vpc.instance.ip(`rule add priority 100 ${rule} lookup main`)
      expect(await cli(vpc, ['check'])).toMatchObject({ code: 0, stdout: 'in sync\n' })
    },
  )
})
