import { describe, expect, test } from 'vitest'
import { differences, explainDifference } from '../../../src/policy/differences.ts'
import { knowing, type Told } from '../../support/knowledge.ts'
import { desiredOf, settings, snapshot } from '../../support/snapshot.ts'

const host = `
  link eth0 driver ena
  addr 172.31.15.216/20 dev eth0
  link eth1 driver ena
  addr 172.31.0.218/20 dev eth1
`
function problemsOf(text: string, told: Omit<Told, 'index'>, toml = ''): string[] {
  const given = settings(toml, [], knowing([{ index: 2 }, { index: 3, ...told }]))
  const seen = snapshot(text)
  return differences(seen, desiredOf(seen, { settings: given }), given).flatMap((difference) =>
    explainDifference(difference, given).map(({ problem }) => problem),
  )
}

describe('differences', () => {
  test.each([
    { name: 'none where both agree', told: { ipv4: ['172.31.0.218'] }, problems: [] },
    {
      name: 'none of a family that no document lists',
      told: { ipv6: ['2600::1'] },
      text: `${host}addr 2600::1/128 dev eth1`,
      problems: [],
    },
    {
      name: 'an address that the link lacks',
      told: { ipv4: ['172.31.0.218', '172.31.0.219'] },
      problems: ['eth1 lacks 172.31.0.219, which the metadata lists'],
    },
    {
      name: 'an address that another link has is missing',
      told: { ipv4: ['172.31.0.218', '172.31.15.216'] },
      problems: ['eth1 lacks 172.31.15.216, which the metadata lists'],
    },
    {
      name: 'an address that no document lists',
      told: { ipv4: ['172.31.0.218'] },
      text: `${host}addr 172.31.0.99/32 dev eth1`,
      problems: ['eth1 has 172.31.0.99, which the metadata does not list: the VPC drops what is sent from there'],
    },
    {
      name: 'one that the document before the last still listed is not told of',
      told: { ipv4: ['172.31.0.9'], ipv4Before: ['172.31.0.9', '172.31.0.218'] },
      problems: ['eth1 lacks 172.31.0.9, which the metadata lists'],
    },
    {
      name: 'an address in a delegated prefix is listed by that',
      told: { ipv4: ['172.31.0.218'], delegated: ['172.31.4.16/28'] },
      text: `${host}addr 172.31.4.17/32 dev eth1`,
      problems: [],
    },
    {
      name: "link-local and temporary addresses are nobody's business",
      told: { ipv4: ['172.31.0.218'], ipv6: ['2600::1'] },
      text: `${host}addr 2600::1/64 dev eth1\naddr fe80::1/64 dev eth1`,
      problems: [],
    },
    {
      name: 'many are counted',
      told: { ipv4: ['172.31.0.218', '172.31.1.1', '172.31.1.2', '172.31.1.3', '172.31.1.4', '172.31.1.5'] },
      problems: ['eth1 lacks 172.31.1.1, 172.31.1.2, 172.31.1.3 and 2 more, which the metadata lists'],
    },
  ])('$name', ({ text = host, told, problems }) => {
    expect(problemsOf(text, told)).toEqual(problems)
  })

  test('addresses that a container network plug-in gives to pods are not missing, but the first is', () => {
    const pod = `${host}link eni0123456789a type veth`
    const listed = { ipv4: ['172.31.0.218', '172.31.0.219', '172.31.0.220'] }
    const manage = 'interfaces.manage = ["eth1"]'
    expect(problemsOf(pod, listed, manage)).toEqual([])
    const bare = pod.replace('addr 172.31.0.218/20 dev eth1', '')
    expect(problemsOf(bare, listed, manage)).toEqual(['eth1 lacks 172.31.0.218, which the metadata lists'])
    expect(problemsOf(pod, listed)).toEqual([])
  })

  test('nothing is told of an ENI that is excluded', () => {
    expect(problemsOf(host, { ipv4: ['172.31.9.9'] }, 'interfaces.exclude = ["eth1"]')).toEqual([])
  })

  test('the remedy names the setting', () => {
    const given = settings('', [], knowing([{ index: 2 }, { index: 3, ipv4: ['172.31.0.7'] }]))
    const seen = snapshot('link eth0 driver ena\nlink eth1 driver ena down')
    const [difference] = differences(seen, desiredOf(seen, { settings: given }), given)
    expect(explainDifference(difference!, given)).toEqual([
      {
        missing: true,
        problem: 'eth1 lacks 172.31.0.7, which the metadata lists, and is down',
        remedy:
          'addresses.mode = "imds" lets the daemon configure an ENI that is bare; by hand: ip address add 172.31.0.7 dev eth1',
      },
    ])
  })

  test('the remedy for an ENI that somebody took down is to raise it', () => {
    const told = knowing([{ index: 2 }, { index: 3, ipv4: ['172.31.0.7'] }], { raised: new Set([3]) })
    const given = settings('addresses.mode = "imds"', [], told)
    const seen = snapshot('link eth0 driver ena\nlink eth1 driver ena down')
    const [difference] = differences(seen, desiredOf(seen, { settings: given }), given)
    expect(explainDifference(difference!, given)[0]?.remedy).toBe(
      'somebody took it down; its addresses come back with: ip link set dev eth1 up',
    )
  })
})
