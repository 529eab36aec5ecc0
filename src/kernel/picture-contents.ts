import type { Address } from '../state/address.ts'
import type { Family } from '../state/ip.ts'
import type { Link } from '../state/link.ts'
import { type Route, routeIdentity } from '../state/route.ts'
import { type Rule, ruleKey } from '../state/rule.ts'
import { addressKey } from './kept-addresses.ts'
import type { Picture } from './picture.ts'

/** All that a picture held at one moment; what it did not know is undefined. */
export interface Contents {
  readonly links: readonly Link[] | undefined
  readonly addresses: readonly Address[] | undefined
  readonly rules: Readonly<Record<Family, readonly Rule[] | undefined>>
  readonly routes: ReadonlyMap<string, readonly Route[]>
}

export const contentsOf = ({ links, addresses, rules, routes }: Picture): Contents => ({
  links,
  addresses: addresses.items,
  rules: { 4: rules[4].items, 6: rules[6].items },
  routes: routes.contents(),
})

/** Where the earlier contents are not what was read since, one line an object. What either did not know says nothing. */
export function differences(before: Contents, read: Contents): string[] {
  return [
    ...compare('link', before.links, read.links, (link) => JSON.stringify(link)),
    ...compare('address', before.addresses, read.addresses, addressKey),
    ...compare('rule', before.rules[4], read.rules[4], ruleKey),
    ...compare('rule', before.rules[6], read.rules[6], ruleKey),
    ...[...before.routes].flatMap(([of, routes]) =>
      compareSets(`route (${of})`, routes, read.routes.get(of), routeIdentity),
    ),
  ]
}

/** Order counts: the first address of a subnet is the source of its routes, the first rule that matches decides. */
function compare<T>(
  what: string,
  before: readonly T[] | undefined,
  read: readonly T[] | undefined,
  keyOf: (item: T) => string,
): string[] {
  if (!before || !read || (before.length === read.length && before.every((item, i) => item === read[i]))) {
    return []
  }
  const found = compareSets(what, before, read, keyOf)
  return found.length > 0 ? found : [`${what}s in another order in the picture`]
}

const compareSets = <T>(
  what: string,
  before: readonly T[],
  read: readonly T[] | undefined,
  keyOf: (item: T) => string,
): string[] =>
  read === undefined || read === before
    ? []
    : [
        ...without(before, read, keyOf).map((key) => `${what} in the picture alone: ${key}`),
        ...without(read, before, keyOf).map((key) => `${what} missing in the picture: ${key}`),
      ]

function without<T>(items: readonly T[], others: readonly T[], keyOf: (item: T) => string): string[] {
  const keys = new Set(others.map(keyOf))
  return items.map(keyOf).filter((key) => !keys.has(key))
}
