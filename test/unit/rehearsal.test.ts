import { expect, test } from 'vitest'
import type { Kernel } from '../../src/kernel/port.ts'
import { rehearse } from '../../src/rehearsal.ts'
import type { Change } from '../../src/state/change.ts'
import { desiredOf, settings, snapshot } from '../support/snapshot.ts'

const lone = 'link eth0 driver ena\naddr 172.31.15.216/20 dev eth0\n'

/** The kinds of changes that are rehearsed, and how many of each. */
function rehearsed(text: string): Record<string, number> {
  const seen = snapshot(text)
  const changes: Change[] = []
  const kernel = { rehearse: (more: readonly Change[]) => changes.push(...more) } as Partial<Kernel> as Kernel
  rehearse({ snapshot: seen, desired: desiredOf(seen), pending: [] }, kernel, settings())
  return Object.fromEntries(
    ['link', 'route', 'rule'].map((kind) => [kind, changes.filter((change) => change.kind === kind).length]),
  )
}

test.each([
  {
    name: 'with one ENI, the attachment of another: groups, and routes and rules of both',
    text: lone,
    parts: { link: 2, route: 4, rule: 6 },
  },
  { name: 'without any address, nothing', text: 'link eth0 driver ena\n', parts: { link: 0, route: 0, rule: 0 } },
  { name: 'without any ENI, nothing', text: 'link eth0 type veth\n', parts: { link: 0, route: 0, rule: 0 } },
])('$name', ({ text, parts }) => {
  expect(rehearsed(text)).toEqual(parts)
})
