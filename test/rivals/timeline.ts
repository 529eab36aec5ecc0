import { familyOf } from '../../src/state/ip.ts'
import type { KernelEvent } from './kernel-watch.ts'

/** An ENI as the timeline knows it. */
export interface Subject {
  readonly name: string
  readonly subnet: string
  /** Without prefix lengths. */
  readonly addresses: readonly string[]
}

/** A stretch of time, ms since 1970. */
export interface Span {
  readonly from: number
  readonly to: number
}

export const isOurs = ({ kind, text }: KernelEvent): boolean =>
  (kind === 'rule' || kind === 'route') && /\bproto 213\b/.test(text)

/**
 * When nobody could have answered for an address: it was away, its link was down, or main had no default route of its
 * subnet. Such loss is the rival's own; it ends when the kernel has put the address into the local table.
 */
export function awaySpans(events: readonly KernelEvent[], enis: readonly Subject[], address: string): Span[] {
  const eni = enis.find(({ addresses }) => addresses.includes(address))!
  const peers = new Set(enis.filter(({ subnet }) => subnet === eni.subnet).map(({ name }) => name))
  const family = familyOf(address)!
  const spans: Span[] = []
  const state = { address: true, link: true, defaults: new Set([...peers].map((peer) => `initial ${peer}`)) }
  let since: number | undefined
  for (const event of events) {
    note(state, event, { eni: eni.name, peers, address, family })
    const possible = state.address && state.link && state.defaults.size > 0
    if (!possible) {
      since ??= event.at
    } else if (since !== undefined) {
      spans.push({ from: since, to: event.at })
      since = undefined
    }
  }
  return since === undefined ? spans : [...spans, { from: since, to: Number.POSITIVE_INFINITY }]
}

interface Reach {
  address: boolean
  link: boolean
  /** Main's default routes through ENIs of the subnet, as `METRIC DEVICE`. */
  defaults: Set<string>
}

interface Who {
  readonly eni: string
  readonly peers: ReadonlySet<string>
  readonly address: string
  readonly family: 4 | 6
}

function note(state: Reach, { kind, deleted, text }: KernelEvent, { eni, peers, address, family }: Who): void {
  const device = /\bdev (\S+)/.exec(text)?.[1] ?? /^\d+: ([^\s:@]+)/.exec(text)?.[1] ?? ''
  if (kind === 'address' && deleted) {
    state.address &&= !(device === eni && text.includes(` ${address}/`))
    if (family === 4 && peers.has(device) && / inet /.test(text)) {
      forgetDefaults(state, device) // The kernel drops them without a word.
    }
  } else if (kind === 'route' && !deleted && text.startsWith(`local ${address} dev ${eni} table local`)) {
    state.address = true
  } else if (kind === 'link' && device === eni) {
    state.link = !deleted && /[<,]LOWER_UP[,>]/.test(text)
  } else if (kind === 'route' && /^default /.test(text) && !/\btable\b/.test(text) && peers.has(device)) {
    if (family === (text.includes(' pref ') ? 6 : 4)) {
      const key = `${/\bmetric (\d+)/.exec(text)?.[1] ?? 0} ${device}`
      forgetInitial(state, device)
      deleted ? state.defaults.delete(key) : state.defaults.add(key)
    }
  }
}

const forgetInitial = (state: Reach, device: string): boolean => state.defaults.delete(`initial ${device}`)

function forgetDefaults(state: Reach, device: string): void {
  for (const key of [...state.defaults].filter((entry) => entry.endsWith(` ${device}`))) {
    state.defaults.delete(key)
  }
}

/** A rule or route of ours that was put back, and how long that took from the moment it could be. */
export interface Healed {
  readonly object: string
  /** ms */
  readonly took: number
}

/**
 * How long each rule and route that came (back) had been possible: since somebody deleted it while its address was
 * there, or since its address was back, and for a route what it follows: a router, main's route for the same prefix.
 * What came of itself (a new metric), or before everything was there, is left out.
 */
export function healed(events: readonly KernelEvent[], enis: readonly Subject[]): Healed[] {
  const spans = new Map(enis.flatMap(({ addresses }) => addresses.map((a) => [a, awaySpans(events, enis, a)])))
  // `ip` prints a device's rules of both families alike.
  const deletedAt = new Map<string, number[]>()
  const main = new MainRoutes()
  return events.flatMap((event) => {
    main.note(event)
    if (!isOurs(event)) {
      return []
    }
    if (event.deleted) {
      deletedAt.set(event.text, [...(deletedAt.get(event.text) ?? []), event.at])
      return []
    }
    const away = subjects(event.text, enis).map((address) => spans.get(address)!)
    const deleted = deletedAt.get(event.text)?.shift() ?? Number.NEGATIVE_INFINITY
    const early = away.some((list) => list.some(({ from, to }) => event.at >= from && event.at < to))
    const since = Math.max(deleted, main.cameAt(event.text), ...away.map((list) => lastEnd(list, event.at)))
    return !early && Number.isFinite(since) ? { object: event.text, took: event.at - since } : []
  })
}

/** Since when main has had the routes that ours follow. */
class MainRoutes {
  readonly #since = new Map<string, number>()

  note({ kind, deleted, text, at }: KernelEvent): void {
    const route = kind === 'route' && !/\btable\b/.test(text) ? keyOf(text) : undefined
    if (route && deleted) {
      this.#since.delete(route)
    } else if (route && !this.#since.has(route)) {
      this.#since.set(route, at)
    } else if (kind === 'address' && deleted && / inet /.test(text)) {
      // The kernel drops an address's routes without a word.
      const device = /^\d+: (\S+)/.exec(text)?.[1]
      for (const key of [...this.#since.keys()].filter(
        (entry) => entry.endsWith(` ${device}`) && !entry.includes(':'),
      )) {
        this.#since.delete(key)
      }
    }
  }

  /** A default follows main's default of its device, and can't be before the on-link prefix is. */
  cameAt(text: string): number {
    const own = keyOf(text)
    const [destination, device] = own?.split(' ') ?? []
    const family = /::/.test(text) ? 6 : 4
    const keys = [...this.#since.keys()].filter((key) => {
      const [other, on] = key.split(' ') as [string, string]
      const sameFamily = (other.includes(':') ? 6 : 4) === family || other === 'default'
      return (
        on === device && (other === destination || (destination === 'default' && sameFamily && other !== 'fe80::/64'))
      )
    })
    return Math.max(Number.NEGATIVE_INFINITY, ...keys.map((key) => this.#since.get(key)!))
  }
}

/** `DESTINATION DEVICE` of a route, undefined for a rule. */
function keyOf(text: string): string | undefined {
  const device = /\bdev (\S+)/.exec(text)?.[1]
  return device && !/^\d+: /.test(text) ? `${text.split(' ')[0]} ${device}` : undefined
}

/** The addresses that a rule or route needs: those of its family on its ENI, or the very one that it names. */
function subjects(text: string, enis: readonly Subject[]): readonly string[] {
  const named = /\b(?:from|src) (\S+)/.exec(text)?.[1]
  const device = /\b(?:dev|oif) (\S+)/.exec(text)?.[1]
  const eni = enis.find(({ name, addresses }) => name === device || addresses.includes(named ?? ''))
  if (/ oif /.test(text)) {
    return eni?.addresses ?? [] // The rule of which family it is, `ip` does not tell.
  }
  const family = /\bpref \w+$|[\da-f]::?[\da-f]*/.test(text.replace(/^\d+:/, '')) ? 6 : 4
  const candidates = eni?.addresses.filter((address) => familyOf(address) === family) ?? []
  return candidates.includes(named ?? '') ? [named!] : candidates
}

/** The end of the last span that was over by then. */
const lastEnd = (spans: readonly Span[], at: number): number =>
  Math.max(Number.NEGATIVE_INFINITY, ...spans.map(({ to }) => to).filter((to) => to <= at))

/** Whether a packet that was sent then could be answered, within the accuracy of ping's clock on the way down. */
export const isAway = (spans: readonly Span[], at: number): boolean =>
  spans.some(({ from, to }) => at >= from - 2 && at < to)
