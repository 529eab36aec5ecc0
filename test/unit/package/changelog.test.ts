import { expect, test } from 'vitest'
import { debianChangelog, folded, releaseNotes, rpmChangelog } from '../../../tools/package/changelog.ts'
import type { Origin } from '../../../tools/package/origin.ts'

const origin: Origin = {
  name: 'eni-routed',
  version: '1.2.0',
  release: '1',
  summary: 'routing',
  commit: '0123',
  epoch: 1_700_000_000,
}
const changelog = `# Changelog

## Unreleased

- To come.

## 1.2.0 (2023-11-14)

- Half the time,
  100% of the packets.
- Fewer words.

## 1.1.0

- Older.
`

test('the notes of a version are its chapter', () => {
  expect(releaseNotes(changelog, '1.2.0')).toBe('- Half the time,\n  100% of the packets.\n- Fewer words.\n')
})

test('a version without a chapter has what is unreleased', () => {
  expect(releaseNotes(changelog, '1.3.0')).toBe('- To come.\n')
})

test('a changelog without either is refused', () => {
  expect(() => releaseNotes('# Changelog\n', '1.3.0')).toThrow('neither a chapter "## 1.3.0"')
})

test("Debian's form", () => {
  expect(
    debianChangelog(origin, releaseNotes(changelog, '1.2.0'), 'A <a@b.org>'),
  ).toBe(`eni-routed (1.2.0-1) stable; urgency=medium

  * Half the time, 100% of the packets.
  * Fewer words.

 -- A <a@b.org>  Tue, 14 Nov 2023 22:13:20 +0000
`)
})

test("RPM's form, where a per cent sign is doubled", () => {
  expect(
    rpmChangelog(origin, releaseNotes(changelog, '1.2.0'), 'A <a@b.org>'),
  ).toBe(`* Tue Nov 14 2023 A <a@b.org> - 1.2.0-1
- Half the time, 100%% of the packets.
- Fewer words.
`)
})

test('lines are broken at spaces, and longer words kept whole', () => {
  expect(folded('one two three abcdefghijkl m', 8)).toEqual(['one two', 'three', 'abcdefghijkl', 'm'])
})
