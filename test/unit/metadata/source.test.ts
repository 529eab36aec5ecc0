import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Answer } from '../../../src/metadata/client.ts'
import type { Refresh } from '../../../src/metadata/schedule.ts'
import { MetadataSource } from '../../../src/metadata/source.ts'
import type { Watched } from '../../../src/metadata/watched.ts'
import { type EniFacts, numbersOf } from '../../../src/policy/knowledge.ts'
import { formatPrefix } from '../../../src/state/prefix.ts'
import { memoryLog } from '../../support/fake-kernel-log.ts'
import { documentsOf, folderOf } from '../../support/imds.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const minute = 60_000
const fiveMinutes = 5 * minute
const hour = 60 * minute

const eth0 = {
  mac: '02:00:00:00:00:02',
  id: 'eni-00000000000000000',
  device: 0,
  ipv4: ['172.31.15.216'],
  subnet: '172.31.0.0/20',
  ipv6: ['2600:1f18::216'],
  subnetsIpv6: ['2600:1f18::/64'],
}
const eth1 = {
  ...eth0,
  mac: '02:00:00:00:00:03',
  id: 'eni-00000000000000001',
  device: 1,
  ipv4: ['172.31.0.218'],
  ipv6: ['2600:1f18::218'],
}
const link = (linkIndex: number, more: Partial<Watched> = {}): Watched => ({
  mac: `02:00:00:00:00:0${linkIndex}`,
  linkIndex,
  name: `eth${linkIndex - 2}`,
  isEni: true,
  bare: false,
  adopted: false,
  unlisted: [],
  ...more,
})

/** A service in memory, a source that asks it, and what it was asked so far. */
function setUp({ eni = [eth0, eth1], required = false, refresh = 'auto' as Refresh } = {}) {
  const documents = new Map<string, string>([['mac', eth0.mac]])
  const put = (more: Record<string, string>) => {
    for (const [path, text] of Object.entries(more)) documents.set(path, text)
  }
  const drop = (folder: string) => {
    for (const path of [...documents.keys()].filter((known) => known.startsWith(folder))) documents.delete(path)
  }
  for (const one of eni) put(documentsOf(one))
  const asked: { path: string; at: number }[] = []
  const faults: { answer?: (path: string) => Answer | 'hanging' | undefined } = {}
  const answer = (path: string): Answer => {
    const names = [...documents.keys()].filter((known) => known.startsWith(path))
    const listing = [...new Set(names.map((name) => name.slice(path.length).replace(/\/.*/, '/')))].join('\n')
    const body = documents.get(path) ?? (path.endsWith('/') && names.length > 0 ? listing : undefined)
    return body === undefined ? { kind: 'absent' } : { kind: 'document', body }
  }
  const client = {
    closed: false,
    async get(path: string, deadline = 1_000): Promise<Answer> {
      asked.push({ path, at: performance.now() })
      const fault = faults.answer?.(path)
      if (fault !== 'hanging') return fault ?? answer(path)
      await new Promise((resolve) => setTimeout(resolve, deadline))
      return { kind: 'failed', reason: 'timeout', problem: `no answer within ${deadline} ms` }
    },
    close() {
      client.closed = true
    },
  }
  const { log, entries, messages } = memoryLog()
  const news: string[] = []
  const source = new MetadataSource({
    client,
    log,
    refresh,
    required,
    onNews: (what) => news.push(what),
    chance: () => 0.5,
  })
  const see = (...links: Watched[]) => source.see(links, () => 'the same')
  const facts = (mac: string) => source.knowledge.enis.get(mac)
  return { source, client, documents, put, drop, asked, faults, news, entries, messages, see, facts }
}
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

describe('what is learned', () => {
  test('everything of every ENI, within a second', async () => {
    const { see, facts, source, messages } = setUp({
      eni: [eth0, { ...eth1, card: 2, prefixes: ['172.31.4.16/28'] } as typeof eth1],
    })
    see(link(2), link(3))
    await pass(1_000)
    expect(source.knowledge.primaryMac).toBe(eth0.mac)
    expect(facts(eth1.mac)).toMatchObject({
      id: eth1.id,
      device: 1,
      card: 2,
      addresses: { 4: { latest: eth1.ipv4 }, 6: { latest: eth1.ipv6 } },
    })
    expect(facts(eth1.mac)?.subnets.map(formatPrefix)).toEqual(['172.31.0.0/20', '2600:1f18::/64'])
    expect(facts(eth1.mac)?.delegated.map(formatPrefix)).toEqual(['172.31.4.16/28'])
    expect(facts(eth1.mac)?.vpc.map(formatPrefix)).toEqual(['172.31.0.0/16'])
    expect(messages('metadata')).toContain(
      'eth1 is eni-00000000000000001, device 1 of network card 2, in 172.31.0.0/20, 2600:1f18::/64',
    )
  })

  test('an ENI with IPv6 alone', async () => {
    const { ipv4: _, subnet: __, ...rest } = eth1
    const { see, facts } = setUp({ eni: [eth0, rest as typeof eth1] })
    see(link(2), link(3))
    await pass(1_000)
    expect(facts(eth1.mac)).toMatchObject({ id: eth1.id, device: 1, addresses: { 6: { latest: eth1.ipv6 } } })
  })

  test('nothing of MACs that no link has', async () => {
    const { see, asked, source } = setUp()
    see(link(2))
    await pass(hour)
    expect([...source.knowledge.enis.keys()]).toEqual([eth0.mac])
    expect(asked.filter(({ path }) => path.includes(eth1.mac))).toEqual([])
  })

  test('device 0 is believed of the primary alone, and asked again until it is true', async () => {
    const { see, source, put } = setUp({ eni: [eth0, { ...eth1, device: 0 }] })
    see(link(2), link(3))
    await pass(5_000)
    expect(numbersOf({ ...source.knowledge }, eth0.mac)).toEqual({ card: 0, device: 0 })
    expect(numbersOf({ ...source.knowledge }, eth1.mac)).toBeUndefined()
    put({ [`${folderOf(eth1.mac)}device-number`]: '1' })
    await pass(30_000)
    expect(numbersOf({ ...source.knowledge }, eth1.mac)).toEqual({ card: 0, device: 1 })
  })

  test('documents that come piece by piece, the last after the ENI counts as whole', async () => {
    const { see, facts, put } = setUp({ eni: [eth0] })
    see(link(2), link(3))
    await pass(3_000)
    put({ [`${folderOf(eth1.mac)}device-number`]: '0' })
    await pass(5_000)
    const all = documentsOf({ ...eth1, prefixes: ['172.31.4.16/28'] })
    const late = `${folderOf(eth1.mac)}ipv4-prefix`
    const { [late]: prefix, ...early } = all
    put(early)
    await pass(10_000)
    expect(facts(eth1.mac)).toMatchObject({ id: eth1.id, device: 1, delegated: [] })
    put({ [late]: prefix as string })
    await pass(16_000)
    expect(facts(eth1.mac)?.delegated.map(formatPrefix)).toEqual(['172.31.4.16/28'])
  })

  test.each([3_000, 18_000, 60_000])('documents that are %i ms late', async (lag) => {
    const { see, facts, put } = setUp({ eni: [eth0] })
    see(link(2), link(3))
    await pass(lag)
    put(documentsOf(eth1))
    await pass(lag)
    expect(facts(eth1.mac)).toMatchObject({ id: eth1.id, device: 1 })
  })

  test('a bare ENI is asked about five times a second until its addresses are there', async () => {
    const { see, facts, put } = setUp({ eni: [eth0] })
    see(link(2), link(3, { bare: true }))
    await pass(60_000)
    put(documentsOf(eth1))
    await pass(200)
    expect(facts(eth1.mac)?.addresses[4]?.latest).toEqual(eth1.ipv4)
  })

  test('a list of addresses that comes in parts, where they are to be given to the ENI', async () => {
    const { see, facts, put } = setUp()
    see(link(2), link(3, { adopted: true }))
    await pass(1_000)
    put({ [`${folderOf(eth1.mac)}local-ipv4s`]: '172.31.0.218\n172.31.0.219' })
    await pass(16_000)
    expect(facts(eth1.mac)?.addresses[4]?.latest).toEqual(['172.31.0.218', '172.31.0.219'])
  })

  test('an address that another ENI is given is taken from the first', async () => {
    const { see, facts, put, source } = setUp({ eni: [{ ...eth0, ipv4: ['172.31.15.216', '172.31.9.9'] }, eth1] })
    see(link(2), link(3))
    await pass(1_000)
    put({ [`${folderOf(eth1.mac)}local-ipv4s`]: '172.31.0.218\n172.31.9.9' })
    source.reload()
    await pass(100)
    expect(facts(eth1.mac)?.addresses[4]?.latest).toContain('172.31.9.9')
    put({ [`${folderOf(eth0.mac)}local-ipv4s`]: '172.31.15.216' })
    await pass(5_000)
    expect(facts(eth0.mac)?.addresses[4]).toEqual({ latest: ['172.31.15.216'], before: ['172.31.15.216'] })
  })
})

describe('what was learned stays', () => {
  test.each<{ name: string; answer: (path: string) => Answer | undefined }>([
    { name: 'absent', answer: () => ({ kind: 'absent' }) },
    { name: 'refused', answer: () => ({ kind: 'refused' }) },
    { name: 'failing', answer: () => ({ kind: 'failed', reason: 'status', problem: '503' }) },
    { name: 'gone', answer: () => ({ kind: 'failed', reason: 'unreachable', problem: 'ECONNREFUSED' }) },
    { name: 'garbage', answer: () => ({ kind: 'document', body: '<html>' }) },
    { name: 'empty', answer: () => ({ kind: 'document', body: '' }) },
  ])('when everything is $name', async ({ answer }) => {
    const { see, facts, faults, source } = setUp()
    see(link(2), link(3))
    await pass(minute)
    const before = [facts(eth0.mac), facts(eth1.mac)]
    faults.answer = answer
    source.reload()
    await pass(2 * hour)
    expect([facts(eth0.mac), facts(eth1.mac)]).toEqual(before)
  })

  test('while its link lives: a later one with the same MAC is asked about anew', async () => {
    const { see, facts, put } = setUp()
    see(link(2), link(3))
    await pass(minute)
    see(link(2))
    expect(facts(eth1.mac)).toBeUndefined()
    put({ [`${folderOf(eth1.mac)}device-number`]: '4' })
    see(link(2), { ...link(3), linkIndex: 9 })
    await pass(minute)
    expect(facts(eth1.mac)?.device).toBe(4)
    put({ [`${folderOf(eth1.mac)}device-number`]: '5' })
    see(link(2), { ...link(3), linkIndex: 10 })
    await pass(minute)
    expect(facts(eth1.mac)?.device).toBe(5)
  })

  test('a detached MAC that lingers in the listing is not asked about', async () => {
    const { see, asked } = setUp()
    see(link(2), link(3))
    await pass(minute)
    see(link(2))
    asked.length = 0
    await pass(hour)
    expect(asked.filter(({ path }) => path.includes(eth1.mac))).toEqual([])
  })
})

test('an address that is added soon after the first look is learned within a short refresh', async () => {
  const { see, facts, put } = setUp({ refresh: 10_000 })
  see(link(2), link(3, { adopted: true }))
  await pass(1_000)
  put({ [`${folderOf(eth1.mac)}local-ipv4s`]: '172.31.0.218\n172.31.0.219' })
  await pass(10_000)
  expect(facts(eth1.mac)?.addresses[4]?.latest).toContain('172.31.0.219')
})

describe('a change is seen within one refresh', () => {
  const longer = { [`${folderOf(eth1.mac)}local-ipv4s`]: '172.31.0.218\n172.31.0.219' }
  const { ipv6: _, subnetsIpv6: __, ...ipv4 } = eth1

  test.each([
    { name: '10 minutes, IPv4', eni: ipv4, refresh: 'auto' as const, within: 2 * fiveMinutes },
    { name: '10 minutes, both families', eni: eth1, refresh: 'auto' as const, within: 2 * fiveMinutes },
    { name: 'what is configured, both families', eni: eth1, refresh: 30_000, within: 30_000 },
  ])('$name', async ({ eni, refresh, within }) => {
    const { see, facts, put } = setUp({ eni: [eth0, eni as typeof eth1], refresh })
    see(link(2), link(3, { adopted: true }))
    await pass(hour)
    put(longer)
    await pass(within)
    expect(facts(eth1.mac)?.addresses[4]?.latest).toContain('172.31.0.219')
  })

  test('10 minutes, the first IPv6 address', async () => {
    const { see, facts, put } = setUp({ eni: [eth0, ipv4 as typeof eth1] })
    see(link(2), link(3, { adopted: true }))
    await pass(hour)
    put(documentsOf(eth1))
    await pass(2 * fiveMinutes)
    expect(facts(eth1.mac)?.addresses[6]?.latest).toEqual(eth1.ipv6)
    expect(facts(eth1.mac)?.subnets.map(formatPrefix)).toContain('2600:1f18::/64')
  })
})

describe('a document that vanishes', () => {
  const prefixed = { ...eth1, prefixes: ['172.31.4.16/28'], prefixesIpv6: ['2600:1f18::1:0:0:0/80'] }
  const leaves = ['ipv6s', 'ipv4-prefix', 'ipv6-prefix'].map((leaf) => folderOf(eth1.mac) + leaf)
  const listsOf = (told: EniFacts | undefined) => [
    ...(told?.addresses[6]?.latest ?? []),
    ...(told?.delegated ?? []).map(formatPrefix),
  ]
  async function settled() {
    const world = setUp({ eni: [eth0, prefixed as typeof eth1] })
    world.see(link(2), link(3, { adopted: true }))
    await pass(minute)
    return world
  }

  test('is believed when two folders in a row lack it', async () => {
    const { drop, facts, source } = await settled()
    for (const path of leaves) drop(path)
    source.reload()
    await pass(1_000)
    expect(listsOf(facts(eth1.mac))).toHaveLength(3)
    source.reload()
    await pass(1_000)
    expect(listsOf(facts(eth1.mac))).toEqual([])
    expect(facts(eth1.mac)?.addresses[6]?.before).toEqual([])
  })

  test('is believed a minute after the first word, without anybody asking', async () => {
    const { drop, facts, source } = await settled()
    for (const path of leaves) drop(path)
    source.reload()
    await pass(59_000)
    expect(listsOf(facts(eth1.mac))).toHaveLength(3)
    await pass(2_000)
    expect(listsOf(facts(eth1.mac))).toEqual([])
  })

  test('is found by the refresh', async () => {
    const { drop, facts } = await settled()
    for (const path of leaves) drop(path)
    await pass(12 * fiveMinutes)
    expect(listsOf(facts(eth1.mac))).toEqual([])
  })

  test.each<{ name: string; answer: (path: string) => Answer | undefined }>([
    {
      name: 'the folder still names it',
      answer: (path) => (leaves.includes(path) ? { kind: 'absent' } : undefined),
    },
    {
      name: 'the folder is that of an ENI whose documents are coming or going',
      answer: (path) =>
        path === folderOf(eth1.mac)
          ? { kind: 'document', body: 'device-number\nmac' }
          : leaves.includes(path)
            ? { kind: 'absent' }
            : undefined,
    },
    {
      name: 'everything below the folder is',
      answer: (path) => (path.includes(eth1.mac) ? { kind: 'absent' } : undefined),
    },
  ])('is not believed where $name', async ({ answer }) => {
    const { facts, faults, source, asked } = await settled()
    faults.answer = answer
    asked.length = 0
    for (let i = 0; i < 12; i++) {
      source.reload()
      await pass(10 * minute)
    }
    expect(listsOf(facts(eth1.mac))).toHaveLength(3)
    expect(asked.length).toBeLessThan(12 * 50)
  })

  test('comes back as one that is new', async () => {
    const { drop, put, facts, source } = await settled()
    for (const path of leaves) drop(path)
    await pass(12 * fiveMinutes)
    put(documentsOf(prefixed))
    source.reload()
    await pass(1_000)
    expect(listsOf(facts(eth1.mac))).toHaveLength(3)
  })
})

describe('a bare ENI, while the service fails', () => {
  /** Answers that fail by a fixed sequence: one in `every`. */
  const oneIn = (every: number, failing: Answer) => {
    let seed = 1
    return (): Answer | undefined => {
      seed = (seed * 1_664_525 + 1_013_904_223) % 2 ** 32
      return seed / 2 ** 32 < 1 / every ? failing : undefined
    }
  }
  const busy: Answer = { kind: 'failed', reason: 'status', problem: '503' }

  test.each([3, 2])('has its addresses within 300 ms, though one in %i requests fails', async (every) => {
    const { see, facts, put, drop, faults } = setUp({ eni: [eth0] })
    see(link(2))
    await pass(minute)
    faults.answer = oneIn(every, busy)
    for (let i = 0; i < 50; i++) {
      see(link(2), link(3, { bare: true }))
      await pass(1_000 + 7 * i)
      put(documentsOf(eth1))
      await pass(300)
      expect(facts(eth1.mac)).toMatchObject({ device: 1, addresses: { 4: { latest: eth1.ipv4 } } })
      see(link(2))
      drop(folderOf(eth1.mac))
      await pass(1_000)
    }
  })

  test('asks for one thing after another where all fails, five times a second and no more', async () => {
    const { see, asked, faults } = setUp({ eni: [eth0] })
    see(link(2))
    await pass(minute)
    faults.answer = () => busy
    see(link(2), link(3, { bare: true }))
    await pass(5_000)
    asked.length = 0
    await pass(minute)
    expect(asked.length).toBeGreaterThan(60 * 5)
    expect(asked.length).toBeLessThan(60 * 10)
    await pass(10 * minute)
    asked.length = 0
    await pass(hour)
    expect(asked.length).toBeLessThan(100)
  })

  test('is told of when its numbers are known, and without them after a moment', async () => {
    const { see, put, news, faults } = setUp({ eni: [eth0] })
    see(link(2))
    await pass(minute)
    const late = `${folderOf(eth1.mac)}device-number`
    faults.answer = (path) => (path === late ? busy : undefined)
    put(documentsOf(eth1))
    news.length = 0
    see(link(2), link(3, { bare: true }))
    await pass(50)
    expect(news).toEqual([])
    await pass(200)
    expect(news).toEqual([
      'the metadata told local-ipv4s, subnet-ipv4-cidr-block, ipv6s, subnet-ipv6-cidr-blocks of eth1',
    ])
    delete faults.answer
    await pass(minute)
    expect(news[1]).toContain('device-number')
  })

  test('asks anew soon where a connection hangs, and waits longer for a service that is slow', async () => {
    const { see, put, faults, facts, asked } = setUp({ eni: [eth0] })
    see(link(2))
    await pass(minute)
    put(documentsOf(eth1))
    const first = `${folderOf(eth1.mac)}local-ipv4s`
    faults.answer = (path) =>
      path === first && !asked.slice(0, -1).some((one) => one.path === path) ? 'hanging' : undefined
    see(link(2), link(3, { bare: true }))
    await pass(140)
    expect(facts(eth1.mac)?.addresses[4]).toBeUndefined()
    await pass(30)
    expect(facts(eth1.mac)?.addresses[4]?.latest).toEqual(eth1.ipv4)
    faults.answer = () => 'hanging'
    see(link(2), { ...link(3, { bare: true }), linkIndex: 9 })
    asked.length = 0
    await pass(2_500)
    expect(
      asked
        .filter(({ path }) => path === first || path.endsWith('/macs/'))
        .map(({ at }) => Math.round((at - asked[0]!.at) / 100)),
    ).toEqual([0, 2, 5, 11, 21])
  })

  test('is asked about often again after a silence', async () => {
    const { see, put, faults, facts } = setUp({ eni: [eth0] })
    see(link(2))
    await pass(minute)
    faults.answer = () => ({ kind: 'failed', reason: 'unreachable', problem: 'ECONNREFUSED' })
    see(link(2), link(3, { bare: true }))
    await pass(2 * minute)
    put(documentsOf(eth1))
    delete faults.answer
    await pass(1_100)
    expect(facts(eth1.mac)?.addresses[4]?.latest).toEqual(eth1.ipv4)
  })
})

describe('an address list that gets shorter', () => {
  const list = `${folderOf(eth1.mac)}local-ipv4s`

  test('is read again soon, and once more is enough', async () => {
    const { see, facts, put, source } = setUp({ eni: [eth0, { ...eth1, ipv4: ['172.31.0.218', '172.31.0.219'] }] })
    see(link(2), link(3))
    await pass(minute)
    put({ [list]: '172.31.0.218' })
    source.reload()
    await pass(100)
    expect(facts(eth1.mac)?.addresses[4]).toEqual({
      latest: ['172.31.0.218'],
      before: ['172.31.0.218', '172.31.0.219'],
    })
    await pass(2_500)
    expect(facts(eth1.mac)?.addresses[4]).toEqual({ latest: ['172.31.0.218'], before: ['172.31.0.218'] })
  })

  test('an error or garbage in between does not count as a word', async () => {
    const { see, facts, put, source, faults } = setUp({
      eni: [eth0, { ...eth1, ipv4: ['172.31.0.218', '172.31.0.219'] }],
    })
    see(link(2), link(3))
    await pass(minute)
    put({ [list]: '172.31.0.218' })
    source.reload()
    await pass(100)
    faults.answer = (path) => (path === list ? { kind: 'document', body: '<html>' } : undefined)
    await pass(minute)
    expect(facts(eth1.mac)?.addresses[4]?.before).toContain('172.31.0.219')
  })
})

describe('how often it asks', () => {
  /** amazon-ec2-net-utils: 12 to 14 requests a minute and ENI. */
  const others = 12 * 60

  test('nothing where no link could be an ENI', async () => {
    const { see, asked } = setUp()
    see()
    await pass(hour)
    expect(asked).toEqual([])
  })

  const prefixed = { ...eth1, prefixes: ['172.31.4.16/28'], prefixesIpv6: ['2600:1f18::1:0:0:0/80'] }
  const { ipv6: _, subnetsIpv6: __, ...ipv4 } = eth1
  const { ipv4: ___, subnet: ____, ...ipv6 } = eth1

  test.each<{ name: string; eni?: object; adopted?: true; lacking?: string[] }>([
    { name: 'both families' },
    { name: 'IPv4', eni: ipv4 },
    { name: 'IPv6', eni: ipv6 },
    { name: 'prefixes', eni: prefixed },
    { name: 'documents that lack what every ENI has', lacking: [`${folderOf(eth1.mac)}device-number`] },
    { name: 'a service that lists no folders', lacking: [folderOf(eth1.mac)] },
    { name: 'mode imds, both families', adopted: true },
    { name: 'mode imds, IPv4', eni: ipv4, adopted: true },
    { name: 'mode imds, IPv6', eni: ipv6, adopted: true },
    { name: 'mode imds, prefixes', eni: prefixed, adopted: true },
    { name: 'mode imds, a service that lists no folders', adopted: true, lacking: [folderOf(eth1.mac)] },
  ])('a quiet hour: $name', async ({ eni = eth1, adopted = false, lacking = [] }) => {
    const { see, asked, faults } = setUp({ eni: [eth0, eni as typeof eth1] })
    faults.answer = (path) => (lacking.includes(path) ? { kind: 'absent' } : undefined)
    see(link(2), link(3, { adopted }))
    await pass(20 * minute)
    asked.length = 0
    await pass(10 * hour)
    const its = asked.filter(({ path }) => path.includes(eth1.mac)).length / 10
    expect(its).toBeGreaterThan(10)
    expect(its).toBeLessThanOrEqual(others / 50)
  })

  test.each([
    { name: 'a listing, its folder twice, and each document', more: {}, requests: 1 + 2 + 7 },
    { name: 'one that is bare: no listing, since its documents are there', more: { bare: true }, requests: 2 + 7 },
    { name: 'one that gets its addresses: the lists twice', more: { adopted: true }, requests: 1 + 2 + 7 + 2 },
  ])('an attach: $name', async ({ more, requests }) => {
    const { see, asked, put } = setUp()
    see(link(2))
    await pass(2 * minute)
    asked.length = 0
    put(documentsOf(eth1))
    see(link(2), link(3, more))
    await pass(2 * minute)
    expect(asked.filter(({ path }) => !path.includes(eth0.mac)).map(({ path }) => path)).toHaveLength(requests)
  })

  test('an attach while the service has just failed: the listing first', async () => {
    const { see, asked, faults, source, put } = setUp({ eni: [eth0] })
    see(link(2))
    await pass(2 * minute)
    faults.answer = () => ({ kind: 'failed', reason: 'status', problem: '503' })
    source.reload()
    await pass(20)
    delete faults.answer
    await pass(minute / 2)
    asked.length = 0
    put(documentsOf(eth1))
    see(link(2), link(3, { bare: true }))
    await pass(100)
    expect(asked[0]?.path).toBe('network/interfaces/macs/')
  })

  test('an attach whose documents come later: what is asked at the first look, and then one question at a time', async () => {
    const { see, asked } = setUp({ eni: [eth0] })
    see(link(2))
    await pass(2 * minute)
    asked.length = 0
    see(link(2), link(3, { bare: true }))
    await pass(10_000)
    const its = asked
      .filter(({ path }) => path.includes(eth1.mac))
      .map(({ path }) => path.replace(folderOf(eth1.mac), ''))
    expect(its).toEqual(['local-ipv4s', 'subnet-ipv4-cidr-block', 'device-number', ''])
    expect(asked.length).toBeLessThanOrEqual(4 + 101)
  })

  test.each([
    { name: 'lists no folders', answer: { kind: 'absent' } as const },
    { name: 'lists folders that lack what is there', answer: { kind: 'document', body: 'mac\nowner-id' } as const },
    { name: 'lists folders as garbage', answer: { kind: 'document', body: '<html> </html>' } as const },
  ])('all documents are asked for where the service $name', async ({ answer }) => {
    const { see, faults, facts } = setUp({ eni: [eth0, prefixed as typeof eth1] })
    faults.answer = (path) => (path === folderOf(eth1.mac) ? answer : undefined)
    see(link(2), link(3, { bare: true }))
    await pass(minute)
    expect(facts(eth1.mac)?.delegated).toHaveLength(2)
  })

  test('a link that is no ENI is asked about for two minutes', async () => {
    const { see, asked } = setUp()
    see(link(2), link(7, { isEni: false }))
    await pass(10 * minute)
    asked.length = 0
    await pass(hour)
    expect(asked.filter(({ path }) => path.endsWith('/macs/'))).toEqual([])
  })

  test('where nobody answers, ever more seldom, until a link or address comes', async () => {
    const { source, asked, faults } = setUp()
    faults.answer = () => ({ kind: 'failed', reason: 'unreachable', problem: 'ENETUNREACH' })
    source.see([link(2)], () => 'no address')
    await pass(hour)
    expect(asked.length).toBeLessThan(30)
    asked.length = 0
    source.see([link(2)], () => 'an address')
    await pass(100)
    expect(asked).toHaveLength(1)
  })

  test('a storm of failures is answered with ever longer pauses', async () => {
    const { see, asked, faults } = setUp()
    faults.answer = () => ({ kind: 'failed', reason: 'status', problem: '503' })
    see(link(2), link(3))
    await pass(hour)
    expect(asked.length).toBeLessThan(100)
  })

  test('a third of 503 costs little: what is known is not asked again', async () => {
    const { see, asked, faults, facts } = setUp()
    let n = 0
    faults.answer = () => (++n % 3 === 0 ? { kind: 'failed', reason: 'status', problem: '503' } : undefined)
    see(link(2), link(3))
    await pass(10_000)
    expect(facts(eth1.mac)).toMatchObject({ id: eth1.id, device: 1 })
    expect(asked.length).toBeLessThan(80)
  })

  test('an address that no document lists: the lists at once, and twice more', async () => {
    const { see, asked, facts, put } = setUp()
    see(link(2), link(3))
    await pass(minute)
    asked.length = 0
    put({ [`${folderOf(eth1.mac)}local-ipv4s`]: '172.31.0.218\n172.31.0.219' })
    see(link(2), link(3, { unlisted: ['172.31.0.219'] }))
    await pass(100)
    expect(facts(eth1.mac)?.addresses[4]?.latest).toContain('172.31.0.219')
    expect(asked).toHaveLength(3)
    await pass(3 * minute)
    expect(asked).toHaveLength(3 * 3)
    await pass(hour)
    expect(asked.length).toBeLessThan(40)
  })

  test('addresses that come and go without end: every ten seconds at most', async () => {
    const { see, asked } = setUp()
    see(link(2), link(3))
    await pass(minute)
    asked.length = 0
    for (let i = 0; i < 600; i++) {
      see(link(2), link(3, { unlisted: i % 2 === 0 ? ['172.31.0.219'] : [] }))
      await pass(100)
    }
    expect(asked.length).toBeLessThanOrEqual(4 * 7)
  })

  test('stopping it ends it', async () => {
    const { see, asked, source, client } = setUp()
    see(link(2))
    await pass(minute)
    source.stop()
    asked.length = 0
    await pass(hour)
    expect(asked).toEqual([])
    expect(client.closed).toBe(true)
  })
})

describe('what a person is told', () => {
  test('silence is no news', async () => {
    const { see, faults, entries, source } = setUp()
    faults.answer = () => ({ kind: 'failed', reason: 'unreachable', problem: 'ENETUNREACH' })
    see(link(2))
    await pass(hour)
    expect(entries.filter(({ level }) => Number(level) > 20)).toEqual([])
    expect(source.knowledge).toMatchObject({ expected: true, troubles: [] })
  })

  test('where the metadata is required, it is an error that ends with the silence', async () => {
    const { see, faults, source } = setUp({ required: true })
    faults.answer = () => ({ kind: 'failed', reason: 'unreachable', problem: 'http://169.254.169.254: ENETUNREACH' })
    see(link(2))
    await pass(minute)
    expect(source.knowledge.troubles).toMatchObject([
      {
        severity: 'error',
        problem: 'metadata.mode is "required", and the metadata service fails: http://169.254.169.254: ENETUNREACH',
      },
    ])
    delete faults.answer
    await pass(10 * minute)
    expect(source.knowledge.troubles).toEqual([])
  })

  test('403 means off, and is said once', async () => {
    const { see, faults, source, messages } = setUp()
    faults.answer = () => ({ kind: 'refused' })
    see(link(2))
    await pass(hour)
    expect(messages('metadata')).toEqual([expect.stringContaining('refuses to answer (403)')])
    expect(source.knowledge.expected).toBe(false)
    delete faults.answer
    await pass(10 * minute)
    expect(source.knowledge.expected).toBe(true)
  })

  test('a malformed document is a warning while it is', async () => {
    const { see, faults, source } = setUp()
    faults.answer = (path) => (path.endsWith('interface-id') ? { kind: 'document', body: '<html>' } : undefined)
    see(link(2))
    await pass(minute)
    expect(source.knowledge.troubles).toMatchObject([
      {
        severity: 'warning',
        problem: `the metadata document ${folderOf(eth0.mac)}interface-id is malformed and ignored: no ENI id`,
      },
    ])
    delete faults.answer
    await pass(10 * minute)
    expect(source.knowledge.troubles).toEqual([])
  })
})
