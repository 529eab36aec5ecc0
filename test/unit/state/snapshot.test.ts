import { expect, test } from 'vitest'
import { linkNamer, linksByIndex } from '../../../src/state/snapshot.ts'
import { snapshot } from '../../support/snapshot.ts'

const seen = snapshot('link eth0 index 7 driver ena')

test('linkNamer names a link, and one that is gone as ip does', () => {
  expect([7, 9].map(linkNamer(seen))).toEqual(['eth0', 'if9'])
})

test('linksByIndex finds a link', () => {
  expect(linksByIndex(seen).get(7)?.name).toBe('eth0')
})
