import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nothingDesired } from '../../../src/policy/desired.ts'
import { diff } from '../../../src/policy/diff.ts'
import { interestOf } from '../../../src/policy/interest.ts'
import { judge } from '../../../src/policy/outcome.ts'
import { isOurRoute, isOurRule } from '../../../src/policy/ownership.ts'
import { questions } from '../../../src/policy/questions.ts'
import type { Settings } from '../../../src/policy/settings.ts'
import { spareTables } from '../../../src/policy/tables.ts'
import { type Change, changeKey, takesAway } from '../../../src/state/change.ts'
import { type Route, routeIdentity, routeKey, table } from '../../../src/state/route.ts'
import { ruleKey } from '../../../src/state/rule.ts'
import { linkNamer, type Snapshot } from '../../../src/state/snapshot.ts'
import { applyAll, lookup, readOf } from '../../support/fake-kernel-model.ts'
import { changesOf, desiredOf, planLines, planOf, routeLine, ruleLine, snapshot } from '../../support/snapshot.ts'
import { pristineWorld, quietWorld, usedWorld, type World } from '../../support/snapshot-arbitraries.ts'

/** Worlds tried for each law; `LAW_RUNS=20000` searches longer. */
const numRuns = Number(process.env.LAW_RUNS ?? 150)

const law = (name: string, world: fc.Arbitrary<World>, holds: (world: World, seen: Snapshot) => void) =>
  test(name, { timeout: 20_000 + 20 * numRuns }, () => {
    fc.assert(
      fc.property(world, (given) => holds(given, snapshot(given.text))),
      { numRuns },
    )
  })

const isOurs = (change: Change, settings: Settings): boolean =>
  (change.kind === 'rule' && isOurRule(settings, change.rule)) ||
  (change.kind === 'route' && isOurRoute(settings, change.route))

const foreignLines = (seen: Snapshot, settings: Settings): string[] => [
  ...seen.rules.filter((rule) => !isOurRule(settings, rule)).map(ruleLine),
  ...seen.routes.filter((route) => !isOurRoute(settings, route)).map((route) => routeLine(route, seen)),
]

const cleaned = (seen: Snapshot, settings: Settings): Snapshot =>
  applyAll(seen, diff(seen, nothingDesired, settings)).snapshot

/** A key that several routes have takes a second look: a replacement meets the first of them alone. */
function passes(seen: Snapshot, circumstances: World['circumstances']): Snapshot {
  const once = applyAll(seen, changesOf(seen, circumstances)).snapshot
  return applyAll(once, changesOf(once, circumstances)).snapshot
}

describe('a pass', () => {
  law('ends in the desired state, and nothing is left to do', usedWorld, ({ circumstances }, seen) => {
    const { rules, routes, groups, tables } = desiredOf(seen, circumstances)
    const after = passes(seen, circumstances)
    const { settings } = circumstances
    const ours = (keys: string[]) => keys.sort()
    expect(ours(after.rules.filter((rule) => isOurRule(settings, rule)).map(ruleKey))).toEqual(
      ours(rules.map(({ rule }) => ruleKey(rule))),
    )
    expect(ours(after.routes.filter((route) => isOurRoute(settings, route)).map(routeIdentity))).toEqual(
      ours(routes.map(({ route }) => routeIdentity(route))),
    )
    for (const link of after.links) {
      const before = seen.links.find(({ index }) => index === link.index)?.group
      expect([groups.get(link.index) ?? 0, before]).toContain(link.group)
    }
    expect(planOf(after, { ...circumstances, tables })).toEqual([])
  })

  law('needs no memory: a program that starts anew finds nothing to do', usedWorld, ({ circumstances }, seen) => {
    expect(planOf(passes(seen, circumstances), circumstances)).toEqual([])
    // Nor where history gave other tables than a first look would.
    const tables = new Map(seen.links.map(({ index, mac }) => [index, { mac, table: 20_018 - index }]))
    expect(planOf(passes(seen, { ...circumstances, tables }), circumstances)).toEqual([])
  })

  law('is one batch where no key is taken twice', usedWorld, ({ circumstances }, seen) => {
    fc.pre(new Set(seen.routes.map(routeKey)).size === seen.routes.length)
    const after = applyAll(seen, changesOf(seen, circumstances)).snapshot
    expect(planOf(after, circumstances)).toEqual([])
  })

  law('is accepted by the kernel, change by change', usedWorld, ({ circumstances }, seen) => {
    const changes = changesOf(seen, circumstances)
    expect(applyAll(seen, changes).steps.map(({ result }) => result)).toEqual(
      changes.map(() => ({ done: true, already: false })),
    )
  })

  law('touches nothing foreign but routes under a key of ours', usedWorld, ({ circumstances }, seen) => {
    const { settings } = circumstances
    const wanted = new Set(desiredOf(seen, circumstances).routes.map(({ route }) => routeKey(route)))
    for (const change of changesOf(seen, circumstances)) {
      const drift = change.kind === 'route' && wanted.has(routeKey(change.route))
      expect(change.kind === 'link' || drift || isOurs(change, settings), planLines([change], seen)[0]).toBe(true)
    }
    const foreign = { ...seen, routes: seen.routes.filter((route) => !wanted.has(routeKey(route))) }
    expect(foreignLines(passes(seen, circumstances), settings)).toEqual(foreignLines(foreign, settings))
  })

  law('only removes, and only ours, with fewer than two ENIs', usedWorld, ({ circumstances }, seen) => {
    fc.pre(desiredOf(seen, circumstances).enis.length < 2)
    const changes = changesOf(seen, circumstances)
    expect(changes.filter((change) => !takesAway(change))).toEqual([])
    expect(changes.filter((change) => change.kind !== 'link' && !isOurs(change, circumstances.settings))).toEqual([])
  })

  law('after a cleanup does what the first one did', pristineWorld, ({ circumstances }, seen) => {
    const before = cleaned(seen, circumstances.settings)
    const after = cleaned(passes(before, circumstances), circumstances.settings)
    const drift = new Set(desiredOf(before, circumstances).routes.map(({ route }) => routeKey(route)))
    fc.pre(!before.routes.some((route) => drift.has(routeKey(route))))
    expect(after).toEqual(before)
    expect(planOf(after, circumstances)).toEqual(planOf(before, circumstances))
  })
})

describe('the order of a pass', () => {
  const isDefault = ({ destination }: Route) => destination.length === 0

  law('has groups first, and their removal last', usedWorld, ({ circumstances }, seen) => {
    const places = changesOf(seen, circumstances).map((change) =>
      change.kind !== 'link' ? 1 : change.op === 'set' ? 0 : 2,
    )
    expect(places).toEqual([...places].sort())
  })

  law('never puts a rule before the default route of its table', usedWorld, ({ circumstances }, seen) => {
    const defaults = desiredOf(seen, circumstances)
      .routes.map(({ route }) => route)
      .filter(isDefault)
    const changes = changesOf(seen, circumstances)
    const { steps } = applyAll(seen, changes)
    for (const [i, change] of changes.entries()) {
      if (change.kind === 'rule' && change.op === 'add' && change.rule.table !== table.main) {
        const { family, table: number } = change.rule
        const due = defaults.filter((route) => route.family === family && route.table === number).map(routeIdentity)
        expect(steps[i]?.snapshot.routes.map(routeIdentity)).toEqual(expect.arrayContaining(due))
      }
    }
  })

  law('takes the rules of a default route away before it', usedWorld, ({ circumstances }, seen) => {
    const changes = changesOf(seen, circumstances)
    const { steps } = applyAll(seen, changes)
    const wanted = new Set(desiredOf(seen, circumstances).rules.map(({ rule }) => ruleKey(rule)))
    for (const [i, change] of changes.entries()) {
      if (change.kind === 'route' && change.op === 'delete' && isDefault(change.route)) {
        const { family, table: number } = change.route
        const stale = (steps[i]?.snapshot.rules ?? [])
          .filter((rule) => rule.family === family && rule.table === number)
          .filter((rule) => isOurRule(circumstances.settings, rule) && !wanted.has(ruleKey(rule)))
        expect(stale.map(ruleLine)).toEqual([])
      }
    }
  })

  law('puts on-link routes before those with a router, and the default last', usedWorld, ({ circumstances }, seen) => {
    const place = (route: Route) => (isDefault(route) ? 2 : route.nexthops[0]?.gateway ? 1 : 0)
    const places = changesOf(seen, circumstances).flatMap((change) =>
      change.kind === 'route' && change.op !== 'delete' ? [place(change.route)] : [],
    )
    expect(places).toEqual([...places].sort())
  })

  law('asks the address rules before the device rule, main before the table', usedWorld, ({ circumstances }, seen) => {
    const added = changesOf(seen, circumstances).flatMap((c) =>
      c.kind === 'rule' && c.op === 'add' ? [c.rule.priority] : [],
    )
    expect(added).toEqual([...added].sort((a, b) => a - b))
  })
})

describe('the desired state', () => {
  law('does not depend on the order in which the kernel lists links, addresses and rules', usedWorld, (world, seen) => {
    const { tables } = desiredOf(seen, world.circumstances)
    const circumstances = { ...world.circumstances, tables }
    const turned: Snapshot = {
      ...seen,
      links: seen.links.toReversed(),
      // Within one link the first address of a subnet is its primary.
      addresses: seen.addresses.toSorted((a, b) => b.linkIndex - a.linkIndex),
      rules: seen.rules.toReversed(),
    }
    expect(desiredLines(turned, circumstances)).toEqual(desiredLines(seen, circumstances))
  })

  law('needs no more than what a thorough look reads', usedWorld, ({ circumstances }, seen) => {
    const how = { thorough: true, spare: spareTables }
    const interest = interestOf(seen.links, seen.rules, circumstances.settings, new Map(), how)
    expect(planOf(readOf(seen, interest), circumstances)).toEqual(planOf(seen, circumstances))
  })

  law('names an object once', usedWorld, ({ circumstances }, seen) => {
    const { rules, routes } = desiredOf(seen, circumstances)
    const keys = [...rules.map(({ rule }) => ruleKey(rule)), ...routes.map(({ route }) => routeKey(route))]
    expect(new Set(keys).size).toBe(keys.length)
    const changes = changesOf(seen, circumstances)
      .filter((change) => !takesAway(change))
      .map(changeKey)
    expect(new Set(changes).size).toBe(changes.length)
  })

  law('is ours in every object', usedWorld, ({ circumstances }, seen) => {
    const { rules, routes } = desiredOf(seen, circumstances)
    expect(rules.filter(({ rule }) => !isOurRule(circumstances.settings, rule))).toEqual([])
    expect(routes.filter(({ route }) => !isOurRoute(circumstances.settings, route))).toEqual([])
  })
})

const desiredLines = (seen: Snapshot, circumstances: World['circumstances']): string[] => {
  const { rules, routes } = desiredOf(seen, circumstances)
  const name = linkNamer(seen)
  return [...rules.map(({ rule }) => ruleLine(rule)), ...routes.map(({ route }) => routeLine(route, seen))]
    .sort()
    .concat(
      [...desiredOf(seen, circumstances).tables].map(([index, { table: number }]) => `${name(index)} ${number}`).sort(),
    )
}

describe('the outcome', () => {
  law(
    'is right in the eyes of the kernel and of the judge, unless something stands in front',
    quietWorld,
    (world, seen) => {
      const { circumstances } = world
      const { settings } = circumstances
      const shared = new Set(seen.addresses.map(({ address }) => address)).size < seen.addresses.length
      fc.pre(!shared)
      fc.pre(seen.links.every(({ group }) => group === 0))
      const after = passes(seen, circumstances)
      const desired = desiredOf(after, circumstances)
      const wrong = questions(desired, after, settings).map((question) =>
        judge(question, lookup(after, question), { snapshot: after, desired, settings, refusing: [] }),
      )
      expect(wrong.filter((outcome) => outcome !== undefined)).toEqual([])
    },
  )
})
