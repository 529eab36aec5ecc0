import fc from 'fast-check'
import { addressAt, networkOf } from '../../src/state/prefix.ts'
import { routeIdentity } from '../../src/state/route.ts'
import type { Snapshot } from '../../src/state/snapshot.ts'
import { type Circumstances, desiredOf, ethSettings, routeLine, ruleLine, settings, snapshot } from './snapshot.ts'
import { parseRoute } from './snapshot-parse.ts'

/** A kernel in the text of `snapshot`, so that a counterexample reads like a terminal, and the configuration for it. */
export interface World {
  readonly text: string
  readonly circumstances: Circumstances & { readonly settings: NonNullable<Circumstances['settings']> }
}

const old = { tableBase: 40_000, priorityBase: 15_000, protocol: 214, linkGroup: 7_000 }

export const someSettings = fc.constantFrom(
  settings(),
  ethSettings(),
  ethSettings('link-group = 0'),
  settings('[interfaces]\ninclude = ["*"]\nexclude = ["eth2"]'),
  settings('', [{ numbers: old, include: [] }]),
  settings('[routing]\nprotocol = 214\npriority-base = 12000', [settings()]),
)

/** Roles that a link can play; `#` is its place among the links. */
const roles = [
  'link eth# driver ena',
  'link eth# driver ena',
  'link ens# driver ixgbevf',
  'link eth# type veth',
  'link veth# type veth',
  'link br# type bridge',
  'link wg# type wireguard',
  'link eth#.5 type vlan parent lo',
  'link eth# driver ena master lo',
  'link eno# driver e1000e',
]

interface LinkText {
  readonly name: string
  readonly up: boolean
  readonly lines: readonly string[]
}

const often = (weight: number, usual: string, ...seldom: string[]) =>
  fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...seldom) })

/** `ADDRESS/LENGTH`: few subnets and hosts, so that links share them, and both at times. */
const localAddress = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(['10.0.0.0', 24], ['10.0.1.0', 24], ['172.31.0.0', 20], ['10.9.0.0', 32]),
      fc.integer({ min: 2, max: 30 }),
    )
    .map(
      ([[subnet, length], host]) => `${addressAt(networkOf(subnet as string, 0 + (length as number)), host)}/${length}`,
    ),
  fc
    .tuple(
      fc.constantFrom(['2001:db8::', 64], ['2001:db8:0:1::', 64], ['2001:db8:9::', 128], ['fe80::', 64]),
      fc.integer({ min: 2, max: 30 }),
    )
    .map(([[subnet, length], host]) => `${(subnet as string) + host.toString(16)}/${length}`),
)

/** Main's routes through a link `@`; each gets a metric of its own. */
const mainRoute = fc.constantFrom(
  'route default via 10.0.0.1 dev @',
  'route default via 172.31.0.1 dev @ mtu 1400',
  'route default via 169.254.7.1 dev @ onlink',
  'route default dev @',
  '-6 route default via fe80::1 dev @ proto ra',
  '-6 route default via 2001:db8::1 dev @',
  'route 192.168.0.0/16 via 10.0.0.7 dev @',
  'route 192.168.0.0/16 via 10.0.1.7 dev @ onlink',
  'route 169.254.0.0/16 dev @ scope link',
  'route 0.0.0.0/1 via 10.0.0.9 dev @',
  '-6 route 2001:db8:77::/48 via fe80::7 dev @ mtu 1280',
  '-6 route 2001:db8::/64 dev @ proto ra',
  '-6 route 2000::/3 via fe80::8 dev @',
)

const linkText = (place: number): fc.Arbitrary<LinkText> =>
  fc
    .record({
      role: fc.constantFrom(...roles),
      state: often(5, '', 'down'),
      group: often(4, '', 'group 20000', 'group 7000', 'group 9'),
      addresses: fc.uniqueArray(localAddress, { maxLength: 4, selector: (text) => text.split('/')[0] }),
      flag: often(6, '', 'tentative', 'dadfailed', 'noprefixroute'),
      routes: fc.array(mainRoute, { maxLength: 3 }),
    })
    .map(({ role, state, group, addresses, flag, routes }) => {
      const name = role.replace('#', String(place)).split(' ')[1] as string
      return {
        name,
        up: state === '',
        lines: [
          `${role.replace('#', String(place))} ${state} ${group}`,
          ...addresses.map((address, i) => `addr ${address} dev ${name} ${i === 0 ? flag : ''}`),
          ...(state === '' ? routes : []).map((r, i) => `${r.replace('@', name)} metric ${place * 10 + i}`),
        ],
      }
    })

const links = fc
  .integer({ min: 0, max: 5 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, i) => linkText(i))))

/** Rules and routes of other programs, in front of ours, behind, in our bands, and with our protocol at other places. */
const foreignLine = fc.constantFrom(
  'rule priority 5270 lookup 52 protocol static',
  'rule not priority 19999 fwmark 0xca6c lookup 51820 protocol boot',
  'rule priority 20000 from 10.0.0.2 lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol boot',
  'rule priority 20001 from 10.0.0.2 lookup 20000 protocol boot',
  'rule priority 20001 from 10.0.0.3 lookup 20001 protocol static',
  'rule priority 20500 from 10.7.0.0/16 lookup 20003 protocol boot',
  'rule priority 20001 from 10.0.0.2 lookup 100 protocol 213',
  'rule priority 20002 from 10.0.0.2 unreachable protocol 213',
  'rule priority 5000 from 10.0.0.2 lookup 20000 protocol 213',
  '-6 rule priority 20001 from 2001:db8::2 lookup 20000 protocol boot',
  '-6 rule priority 25000 lookup 20002 protocol 213',
  'route 10.44.0.0/16 dev lo table 100 proto 213',
  'route blackhole 10.45.0.0/16 table 20001 proto static',
  'route unreachable default metric 4000000',
  'route 10.46.0.0/16 dev lo table 20000 proto 12',
  'route default dev lo table 20000 proto boot',
  'route default dev lo table 20001 proto boot metric 50',
  'route 10.0.0.0/24 dev lo table 20001 proto boot',
  'route blackhole 10.0.0.0/24 table 20001 proto static',
  '-6 route default dev lo table 20001 proto boot',
  '-6 route default via fe80::bad dev lo table 20001 proto boot',
  '-6 route 2001:db8::/64 dev lo table 20000 proto boot metric 7',
)

/** What became of an object of ours while nobody looked. */
const fate = fc.constantFrom('missing', 'there', 'there', 'twice', 'changed', 'foreign')

/** Objects of ours that are left from a state that no longer holds. */
const leftover = fc.constantFrom(
  'rule priority 20001 from 10.0.0.30 lookup 20000 protocol 213',
  'rule priority 20002 oif gone9 lookup 20002 protocol 213',
  '-6 rule priority 20000 from 2001:db8::30 lookup main suppress_prefixlength 4 protocol 213',
  'rule priority 15001 from 10.0.0.2 lookup 40000 protocol 214',
  'route 10.99.0.0/16 dev lo table 20002 proto 213',
  'route default dev lo table 40000 proto 214',
  '-6 route 2001:db8:5::/64 dev lo table 20001 proto 213',
)

/** A host alone with its links: nobody else writes rules or routes. */
export const quietWorld: fc.Arbitrary<World> = fc.tuple(links, someSettings).map(([texts, given]) => ({
  text: kept(texts.flatMap(({ lines }) => lines)),
  circumstances: { settings: given },
}))

/** A host that nobody has touched: no object of ours, whatever others have. */
export const pristineWorld: fc.Arbitrary<World> = fc
  .record({ links, foreign: fc.uniqueArray(foreignLine, { maxLength: 5 }), settings: someSettings })
  .map(({ links: texts, foreign, settings: given }) => ({
    text: kept([...texts.flatMap(({ lines }) => lines), ...foreign]),
    circumstances: { settings: given },
  }))

/** A host on which the program has run, and others since: some of ours is missing, there twice, changed or left over. */
export const usedWorld: fc.Arbitrary<World> = fc
  .tuple(pristineWorld, fc.array(fate, { minLength: 80, maxLength: 80 }), fc.uniqueArray(leftover, { maxLength: 3 }))
  .map(([{ text, circumstances }, fates, leftovers]) => {
    const seen = snapshot(text)
    const ours = ourLines(seen, circumstances).flatMap((line, i) => befallen(line, fates[i % fates.length] as string))
    return { text: kept([...text.split('\n'), ...ours, ...leftovers]), circumstances }
  })

function ourLines(seen: Snapshot, circumstances: Circumstances): string[] {
  const { routes, rules } = desiredOf(seen, circumstances)
  return [...routes.map(({ route }) => routeLine(route, seen)), ...rules.map(({ rule }) => ruleLine(rule))]
}

function befallen(line: string, what: string): string[] {
  switch (what) {
    case 'missing':
      return []
    case 'twice':
      return line.includes('rule') ? [line, line] : [line]
    case 'foreign':
      return [line.replace(/proto(col)? 21[34]/, 'proto$1 static')]
    case 'changed':
      return [
        line
          .replace(/via \S+ |src \S+ ?|suppress_prefixlength \d+|scope link/, '')
          .replace(/lookup 2\d+/, 'lookup 20005'),
      ]
    default:
      return [line]
  }
}

/** Without the routes that a table can't hold twice. */
function kept(lines: readonly string[]): string {
  const { links, routes } = snapshot(lines.filter((line) => /^(link|addr)/.test(line)).join('\n'))
  const linkIndex = (name: string) => links.find((link) => link.name === name)?.index ?? 0
  const present = new Set(routes.map(routeIdentity))
  return lines
    .filter((line) => {
      const [, six, words] = /^(-6 )?route (.*)/.exec(line) ?? []
      if (words === undefined) return true
      const key = routeIdentity(parseRoute(words.split(' '), linkIndex, six ? 6 : undefined))
      return !present.has(key) && present.add(key)
    })
    .join('\n')
}
