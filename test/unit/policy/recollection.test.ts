import { describe, expect, test } from 'vitest'
import { type EniFacts, type Knowledge, noMetadata } from '../../../src/policy/knowledge.ts'
import { recollect, withRecollection } from '../../../src/policy/recollection.ts'
import type { Settings } from '../../../src/policy/settings.ts'
import { formatPrefix } from '../../../src/state/prefix.ts'
import type { Snapshot } from '../../../src/state/snapshot.ts'
import { knowing, type Told } from '../../support/knowledge.ts'
import { changesOf, desiredOf, settings, snapshot } from '../../support/snapshot.ts'

const host = `
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
  addr 2600:1f18::216/64 dev eth0
  link eth1 driver ena
  addr 172.31.0.218/20 dev eth1
  addr 2600:1f18::218/64 dev eth1
`
const addresses = (device: string, ...of: string[]) =>
  of.map((address) => `addr ${address}/32 dev ${device}`).join('\n')
const range = (network: string, from: number, count: number) =>
  Array.from({ length: count }, (_, i) => `${network}.${from + i}`)
const untold: Knowledge = { ...noMetadata, expected: true, untold: true }

/** The kernel after a run that knew, and what a run sees in it that was told nothing yet. */
function afterRun(text: string, told: readonly Told[], toml = '') {
  const seen = snapshot(text)
  const knew = desiredOf(seen, { settings: settings(toml, [], knowing(told)) })
  const left: Snapshot = {
    ...seen,
    links: seen.links.map((link) => ({ ...link, group: knew.groups.get(link.index) ?? link.group })),
    rules: [...seen.rules, ...knew.rules.map(({ rule }) => rule)],
    routes: [...seen.routes, ...knew.routes.map(({ route }) => route)],
  }
  return { left, changes: (given: Settings) => changesOf(left, { settings: given }) }
}

const shown = (facts: ReadonlyMap<string, EniFacts>) =>
  Object.fromEntries([...facts].map(([mac, { delegated }]) => [mac.slice(-2), delegated.map(formatPrefix).sort()]))

test('what the same snapshot shows is looked for once: nothing decided by it is decided anew', () => {
  const { left } = afterRun(host, [{ index: 2 }, { index: 3, delegated: ['172.31.4.16/28'] }])
  const given = settings('', [], untold)
  const all = withRecollection(given, left)
  const { links, rules } = left
  const early = withRecollection(given, { links, rules })
  expect(withRecollection(given, left)).toBe(all)
  expect(withRecollection(given, { links, rules })).toBe(early)
})

describe('a restart while the metadata is silent takes nothing away', () => {
  test.each<{ name: string; text?: string; told: Told[]; toml?: string }>([
    {
      name: 'of delegated prefixes',
      told: [{ index: 2 }, { index: 3, delegated: ['172.31.4.16/28', '2600:1f18::5:0:0:0/80'] }],
    },
    {
      name: 'of the subnet of an address that puts none on its link',
      text: `${host}addr 2600:1f18:0:1::7/128 dev eth1 proto 213`.replace('addr 2600:1f18::218/64 dev eth1', ''),
      told: [
        { index: 2, device: 0 },
        { index: 3, device: 1, subnets: ['172.31.0.0/20', '2600:1f18:0:1::/64'] },
      ],
      toml: '[addresses]\nmode = "imds"',
    },
    {
      name: 'of prefixes in the index, where neighbours share a rule with addresses',
      text: host + addresses('eth1', ...range('172.31.4', 0, 16), ...range('172.31.9', 1, 30)),
      told: [
        { index: 2, delegated: ['172.31.5.0/28', '2600:1f18::5:0:0:0/80'] },
        { index: 3, delegated: ['172.31.4.16/28', '172.31.4.32/28', '172.31.4.48/28'] },
      ],
    },
    {
      name: 'of ENIs that the metadata alone names',
      text: host.replaceAll('ena', 'virtio_net'),
      told: [
        { index: 2, device: 0 },
        { index: 3, device: 1, delegated: ['172.31.4.16/28'] },
      ],
    },
  ])('$name', ({ text = host, told, toml = '' }) => {
    const { changes } = afterRun(text, told, toml)
    expect(changes(settings(toml, [], untold))).toEqual([])
  })
})

describe('recollected is', () => {
  test('each prefix, and no block of addresses', () => {
    const text = host + addresses('eth1', ...range('172.31.4', 0, 16), ...range('172.31.9', 0, 30))
    const { left } = afterRun(text, [{ index: 2 }, { index: 3, delegated: ['172.31.4.16/28'] }])
    expect(left.rules.some(({ source }) => source?.address === '172.31.4.0' && source.length === 27)).toBe(true)
    expect(shown(recollect(settings('', [], untold), left))).toEqual({ '03': ['172.31.4.16/28'] })
  })

  test('nothing of ENIs that have a pattern or a driver, and no prefix', () => {
    const { left } = afterRun(host, [{ index: 2 }, { index: 3 }])
    expect(shown(recollect(settings('', [], untold), left))).toEqual({})
  })

  test('nothing of a link that a pattern named until the configuration was read again', () => {
    const text = host.replaceAll('ena', 'virtio_net')
    const { left } = afterRun(text, [], 'interfaces.include = ["eth*"]')
    const [earlier, now] = [settings('interfaces.include = ["eth*"]'), settings('', [], untold)]
    const retired = [{ numbers: earlier.numbers, include: earlier.include }]
    expect(shown(recollect({ ...now, retired }, left))).toEqual({})
  })

  test('nothing of rules of others', () => {
    const { left } = afterRun(host, [{ index: 2 }, { index: 3, delegated: ['172.31.4.16/28'] }])
    const foreign = { ...left, rules: left.rules.map((rule) => ({ ...rule, protocol: 4 })) }
    expect(shown(recollect(settings('', [], untold), foreign))).toEqual({})
  })
})

test('what was told goes before what is recollected, and nothing is recollected after it', () => {
  const { changes } = afterRun(host, [{ index: 2 }, { index: 3, delegated: ['172.31.4.16/28'] }])
  const gone = changes(settings('', [], knowing([{ index: 2 }, { index: 3 }])))
  expect(gone.map(({ op, kind }) => `${op} ${kind}`)).toEqual(['delete rule', 'delete rule'])
})
