import { describe, expect, test } from 'vitest'
import type { Verdict } from '../../../src/instance/configurators.ts'
import { Adoption } from '../../../src/metadata/adoption.ts'
import { knowing } from '../../support/knowledge.ts'
import { snapshot } from '../../support/snapshot.ts'

const eth1 = snapshot('link eth0\nlink eth1 down').links[2]!
const facts = knowing([{ index: 3, ipv4: ['172.31.0.218'], subnets: ['172.31.0.0/20'] }]).enis
const known = (mac: string) => facts.get(mac)

/** A link that is bare from 0 ms on; at `times` it is considered. */
function consider(verdict: () => Verdict, ...times: number[]) {
  const adoption = new Adoption(verdict)
  return times.map((now) => adoption.consider({ bare: [eth1], kept: [] }, known, now).granted.length).join(' ')
}

describe('a bare link', () => {
  test.each<{ name: string; verdict: Verdict; times: number[]; adopted: string }>([
    {
      name: 'that nobody configures is adopted after a moment',
      verdict: 'nobody',
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
    const adoption = new Adoption(() => 'nobody')
    expect(adoption.consider({ bare: [eth1], kept: [] }, () => undefined, 0)).toEqual({ granted: [] })
    expect(adoption.consider({ bare: [eth1], kept: [] }, () => undefined, 9_000)).toEqual({ granted: [] })
    expect(adoption.consider({ bare: [eth1], kept: [] }, known, 9_001).granted).toEqual([eth1])
  })

  test('that was configured in between begins anew', () => {
    const adoption = new Adoption(() => 'nobody')
    adoption.consider({ bare: [eth1], kept: [] }, known, 0)
    adoption.consider({ bare: [], kept: [] }, known, 100)
    expect(adoption.consider({ bare: [eth1], kept: [] }, known, 200)).toEqual({ granted: [], lookAgainIn: 150 })
  })

  test('tells when to look again', () => {
    const adoption = new Adoption(() => 'undecided')
    expect(adoption.consider({ bare: [eth1], kept: [] }, known, 0).lookAgainIn).toBe(150)
    expect(adoption.consider({ bare: [eth1], kept: [] }, known, 200).lookAgainIn).toBe(100)
  })

  test('that is looked after already waits a moment, and nobody is asked', () => {
    const adoption = new Adoption(() => 'somebody')
    const kept = { bare: [], kept: [eth1] }
    expect(adoption.consider(kept, known, 0)).toEqual({ granted: [], lookAgainIn: 150 })
    expect(adoption.consider(kept, known, 150)).toEqual({ granted: [eth1] })
  })
})
