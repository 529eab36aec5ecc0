import { describe, expect, test } from 'vitest'
import type { Verdict } from '../../../src/instance/configurators.ts'
import { Adoption } from '../../../src/metadata/adoption.ts'
import { knowing } from '../../support/knowledge.ts'
import { snapshot } from '../../support/snapshot.ts'

const eth1 = snapshot('link eth0\nlink eth1 down').links[2]!
const facts = knowing([{ index: 3, ipv4: ['172.31.0.218'], subnets: ['172.31.0.0/20'] }]).enis
const known = (mac: string) => facts.get(mac)

const links = [eth1]
const bare = { links, bare: [eth1], kept: [] }
const absent = { links: [], bare: [], kept: [] }

/** One that has seen a host without eth1. */
function watching(verdict: () => Verdict) {
  const adoption = new Adoption(verdict)
  adoption.consider(absent, known, -1)
  return adoption
}

/** A link that has come, bare, at 0 ms; at `times` it is considered. */
function consider(verdict: () => Verdict, ...times: number[]) {
  const adoption = watching(verdict)
  return times.map((now) => adoption.consider(bare, known, now).granted.length).join(' ')
}

describe('a bare link', () => {
  test.each<{ name: string; verdict: Verdict; times: number[]; adopted: string }>([
    { name: 'that all leave alone is adopted at once', verdict: 'nobody', times: [0], adopted: '1' },
    {
      name: 'of which nobody is there to tell is adopted after a moment',
      verdict: 'untold',
      times: [0, 149, 150],
      adopted: '0 0 1',
    },
    { name: 'that somebody configures never is', verdict: 'somebody', times: [0, 150, 60_000], adopted: '0 0 0' },
    {
      name: 'whose manager has not decided waits for him, but not for ever',
      verdict: 'undecided',
      times: [0, 150, 9_999, 10_000],
      adopted: '0 0 0 1',
    },
    {
      name: 'of which a manager says nothing waits for him, for less long',
      verdict: 'silent',
      times: [0, 150, 2_999, 3_000],
      adopted: '0 0 0 1',
    },
  ])('$name', ({ verdict, times, adopted }) => {
    expect(consider(() => verdict, ...times)).toBe(adopted)
  })

  test('waits for its documents', () => {
    const adoption = watching(() => 'nobody')
    expect(adoption.consider(bare, () => undefined, 0)).toEqual({ granted: [] })
    expect(adoption.consider(bare, () => undefined, 9_000)).toEqual({ granted: [] })
    expect(adoption.consider(bare, known, 9_001).granted).toEqual([eth1])
  })

  test.each<{ name: string; before: Parameters<Adoption['consider']>[0][] }>([
    { name: 'was there before this program', before: [] },
    { name: 'had been configured until now', before: [{ links, bare: [], kept: [] }] },
    { name: 'was bare, was configured, and is bare again', before: [absent, bare, { links, bare: [], kept: [] }] },
  ])('that $name waits for who may be about to configure it, whatever is said', ({ before }) => {
    const adoption = new Adoption(() => 'nobody')
    for (const sight of before) adoption.consider(sight, () => undefined, 0)
    expect(adoption.consider(bare, known, 200)).toEqual({ granted: [], lookAgainIn: 150 })
    expect(adoption.consider(bare, known, 350).granted).toEqual([eth1])
  })

  test('is asked about soon after it has come, then ever more seldom', () => {
    const adoption = watching(() => 'undecided')
    const waitAt = (now: number) => adoption.consider(bare, known, now).lookAgainIn
    expect([0, 2, 10, 80, 400, 9_990].map(waitAt)).toEqual([2, 2, 5, 40, 100, 10])
  })

  test('that is looked after already waits a moment, and nobody is asked', () => {
    const adoption = watching(() => 'somebody')
    const kept = { links, bare: [], kept: [eth1] }
    expect(adoption.consider(kept, known, 0)).toEqual({ granted: [], lookAgainIn: 150 })
    expect(adoption.consider(kept, known, 150)).toEqual({ granted: [eth1] })
  })
})
