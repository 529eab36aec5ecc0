import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bestMatch, matchLink } from '../../../src/policy/pattern.ts'
import { snapshot } from '../../support/snapshot.ts'

const linkOf = (text: string) => snapshot(`link ${text}`).links[1]!

describe('matchLink', () => {
  test.each([
    { name: 'a whole name is exact', pattern: 'eth1', link: 'eth1', match: 'exact' },
    { name: 'a part of a name is nothing', pattern: 'eth', link: 'eth1', match: undefined },
    { name: 'a glob with a literal start is a class', pattern: 'e*1', link: 'eth1', match: 'class' },
    { name: 'a glob that may start with anything is wild', pattern: '*1', link: 'eth1', match: 'wild' },
    { name: '? stands for one character', pattern: 'eth?', link: 'eth10', match: undefined },
    { name: '* stands for none, too', pattern: 'eth1*', link: 'eth1', match: 'class' },
    { name: 'stars side by side are one', pattern: 'e**1*', link: 'eth1', match: 'class' },
    { name: 'a star tries again after a false start', pattern: 'a*bc', link: 'abbbc', match: 'class' },
    { name: 'a dot is a dot', pattern: 'eth.5', link: 'ethx5', match: undefined },
    { name: 'an alternative name counts', pattern: 'enp0s*', link: 'eth1 altname enp0s5', match: 'class' },
    { name: 'a MAC is exact', pattern: 'mac:02:00:00:00:00:0A', link: 'x mac 02:00:00:00:00:0a', match: 'exact' },
    { name: 'an empty MAC meets no tunnel', pattern: 'mac:', link: 'tun0', match: undefined },
    { name: 'a driver is a class', pattern: 'driver:ena', link: 'eth0 driver ena', match: 'class' },
    { name: 'a driver is compared whole', pattern: 'driver:en', link: 'eth0 driver ena', match: undefined },
  ])('$name', ({ pattern, link, match }) => {
    expect(matchLink(pattern, { ...linkOf(link), ...(pattern === 'mac:' ? { mac: '' } : {}) })).toBe(match)
  })

  test('globs are those of a regular expression', () => {
    const letters = fc.array(fc.constantFrom('a', 'b', '*', '?'), { minLength: 1, maxLength: 8 }).map((l) => l.join(''))
    const names = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 8 }).map((l) => l.join(''))
    fc.assert(
      fc.property(letters, names, (glob, name) => {
        const oracle = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`)
        expect(matchLink(glob, linkOf(name)) !== undefined).toBe(oracle.test(name))
      }),
    )
  })

  test('a pattern made to explode does not', () => {
    expect(matchLink(`${'a*'.repeat(60)}b`, linkOf('a'.repeat(15)))).toBe(undefined)
  })
})

test('bestMatch is the closest of several', () => {
  const link = linkOf('eth1 driver ena')
  expect(bestMatch(['*', 'eth*', 'eth1'], link)).toBe('exact')
  expect(bestMatch(['*', 'driver:ena'], link)).toBe('class')
  expect(bestMatch(['*'], link)).toBe('wild')
  expect(bestMatch(['ens*'], link)).toBe(undefined)
})
