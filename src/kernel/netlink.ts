import { addAddress, deleteAddress } from '../netlink/address-request.ts'
import type { Dump } from '../netlink/dump.ts'
import { NetlinkError } from '../netlink/errors.ts'
import { frame, type Request } from '../netlink/framing.ts'
import { giveWay } from '../netlink/libc.ts'
import { setLinkGroup, setLinkUp, setSrcValidMark } from '../netlink/link.ts'
import { RequestSocket } from '../netlink/request.ts'
import { addRoute, deleteRoute, replaceRoute } from '../netlink/route-request.ts'
import { addRule, deleteRule } from '../netlink/rule-request.ts'
import type { Interest } from '../policy/interest.ts'
import { Kept } from '../policy/kept.ts'
import type { Answer } from '../policy/outcome.ts'
import type { Question } from '../policy/questions.ts'
import type { Address } from '../state/address.ts'
import type { Change } from '../state/change.ts'
import { type Family, families } from '../state/ip.ts'
import type { Link } from '../state/link.ts'
import type { MarkingSight } from '../state/marking.ts'
import { type Route, routeIdentity } from '../state/route.ts'
import type { Rule } from '../state/rule.ts'
import type { Snapshot } from '../state/snapshot.ts'
import { createDriverLookup } from './driver.ts'
import { EventSource } from './events.ts'
import { Nftables } from './nftables.ts'
import { Picture } from './picture.ts'
import { type Contents, contentsOf, differences } from './picture-contents.ts'
import type { ChangeResult, Hint, InterestOf, Kernel, Relevance } from './port.ts'
import { resultOf } from './result.ts'
import { retained } from './retained.ts'

const refusals = ['unreachable', 'blackhole', 'prohibit'] as const

/**
 * Changes after which whoever waits for them goes first: the kernel wakes him on this processor, where he would wait until the
 * changes are verified and told. At a start, with more of them, all the machine is busy, and the daemon itself is waited for.
 */
const few = 16

/** Times that a dump torn by other writers is read anew before it is used as it is. */
const attempts = 4

/**
 * Opens the kernel of the network namespace of this process. `onDifference` is told where a thorough look found that what
 * was kept from earlier ones is not what the kernel has.
 * @throws {NetlinkError}
 */
export const openKernel = (onDifference: (what: string) => void = () => {}): Kernel => new NetlinkKernel(onDifference)

class NetlinkKernel implements Kernel {
  readonly #socket = RequestSocket.open()
  readonly #picture = new Picture(this.#socket)
  readonly #events = EventSource.open(this.#socket.portId, this.#picture)
  readonly #drivers = createDriverLookup()
  readonly #nftables = new Nftables()
  /** Lists of which no part has changed are those that they were. */
  readonly #kept = { rules: new Kept<readonly Rule[]>(), routes: new Kept<readonly Route[]>() }
  #lastRoutes: readonly Route[] = []
  #onHint: ((hint: Hint) => void) | undefined
  readonly #onDifference: (what: string) => void

  constructor(onDifference: (what: string) => void) {
    this.#onDifference = onDifference
  }

  observe(interestOf: InterestOf, thorough: boolean): Snapshot {
    const start = this.#events.catchUp()
    const before = thorough ? contentsOf(this.#picture) : undefined
    if (thorough) {
      this.#picture.forget()
    }
    const links = this.#picture.links ?? this.#picture.keepLinks(this.#readLinks())
    const addresses = this.#addresses()
    const rules = this.#rules()
    const interest = interestOf(links, rules.items)
    const routes = this.#untorn(() => perFamily((family) => this.#routes(family, interest)))
    const marking = this.#marking(interest, thorough)
    if (before && this.#events.catchUp() === start) {
      this.#compare(before)
    }
    return {
      links,
      addresses,
      rules: rules.items,
      routes: this.#routesOf(routes.dumps),
      tables: interest.tables,
      torn: rules.torn || routes.torn,
      ...(marking ? { marking } : {}),
    }
  }

  apply(changes: readonly Change[]): ChangeResult[] {
    // Ours comes last of what is put there and goes first of what is taken away: what lies between is one batch.
    const [before, rest] = splitAt(changes, (change) => change.kind === 'nft')
    const [nft, ...after] = rest
    return [
      ...this.#applyBatch(before),
      ...(nft?.kind === 'nft'
        ? [nft.op === 'delete' ? this.#nftables.remove() : this.#nftables.replace(nft.table)]
        : []),
      ...(after.length > 0 ? this.apply(after) : []),
    ]
  }

  rehearse(changes: readonly Change[]): void {
    for (const change of changes) {
      const request = requestOf(change)
      if (request) frame(request, 0)
    }
  }

  ask(question: Question): Answer {
    const answer = this.#socket.routeGet({ ...question, fibMatch: true })
    return answer instanceof NetlinkError ? { error: answer.code } : { route: answer }
  }

  refusingRoutes(family: Family): readonly Route[] {
    return refusals.flatMap((type) => this.#socket.routes({ family, type }).items)
  }

  watch(relevance: Relevance, onHint: (hint: Hint) => void): void {
    this.#onHint = onHint
    this.#events.watch(relevance, onHint)
  }

  echo(heard: () => void): boolean {
    return this.#events.echo((port) => this.#socket.greet(port), heard)
  }

  close(): void {
    this.#events.close()
    this.#drivers.close()
    this.#nftables.close()
    this.#socket.close()
  }

  #marking({ marking }: Interest, thorough: boolean): MarkingSight | undefined {
    if (!marking) {
      // A host's firewall may write thousands of rules that are of no interest then.
      this.#nftables.unwatch()
    } else if (this.#onHint) {
      this.#nftables.watch(this.#onHint)
    }
    return marking || (thorough && this.#nftables.hasTable()) ? this.#nftables.observe(thorough) : undefined
  }

  #applyBatch(changes: readonly Change[]): ChangeResult[] {
    const outcomes = this.#socket.batch(changes.flatMap((change) => requestOf(change) ?? []))
    if (changes.length <= few) {
      giveWay()
    }
    if (changes.some((change) => 'link' in change)) {
      this.#picture.forgetLinks()
    }
    return changes.map((change, i) => resultOf(change, outcomes[i]))
  }

  #readLinks(): readonly Link[] {
    return whole(this.#socket.links(), 'links').map((link) => this.#withDriver(link))
  }

  #addresses(): readonly Address[] {
    const { addresses } = this.#picture
    const read = () => whole(this.#socket.addresses(), 'addresses')
    const keep = (items: readonly Address[]) => {
      const kept = addresses.keep(items)
      this.#socket.adoptAddresses(kept)
      return kept
    }
    return addresses.items ?? this.#settled(read, keep)
  }

  /** Rules that were torn while they were read serve this once. */
  #rules(): { items: readonly Rule[]; torn: boolean } {
    const { rules } = this.#picture
    const joined = (lists: readonly (readonly Rule[])[]) => this.#kept.rules.of('', lists, () => lists.flat())
    if (rules[4].items && rules[6].items) {
      return { items: joined([rules[4].items, rules[6].items]), torn: false }
    }
    let torn = false
    const read = () => {
      const result = this.#untorn(() => perFamily((family) => [this.#socket.rules(family)]))
      torn = result.torn
      return result.dumps.flatMap(({ items }) => items)
    }
    const keepFamily = (items: readonly Rule[], family: Family) => {
      const kept = rules[family].keep(items.filter((rule) => rule.family === family))
      this.#socket.adoptRules(family, kept)
      return kept
    }
    const keep = (items: readonly Rule[]) => joined(families.map((family) => keepFamily(items, family)))
    return { items: this.#settled(read, (items) => (torn ? items : keep(items))), torn }
  }

  /** Reads, and keeps what was read if no event came meanwhile, which the picture would not have, or have twice. */
  #settled<T>(read: () => readonly T[], keep: (items: readonly T[]) => readonly T[]): readonly T[] {
    const start = this.#events.catchUp()
    const items = read()
    return this.#events.catchUp() === start ? keep(items) : items
  }

  /** Tells where the picture had it otherwise than the kernel: a fault of ours, or a silence of the kernel's. */
  #compare(before: Contents): void {
    for (const difference of differences(before, contentsOf(this.#picture))) {
      this.#onDifference(difference)
    }
  }

  /** Virtual links tell their kind; the others have a driver. */
  #withDriver(link: Link): Link {
    const driver = link.kind === undefined && !link.loopback ? this.#drivers.driverOf(link.name) : undefined
    return driver === undefined ? link : { ...link, driver }
  }

  #routes(family: Family, { mainThrough, tables, protocols }: Interest): Dump<Route>[] {
    return [
      ...this.#picture.routes.through(mainThrough, family),
      ...tables.map((number) => this.#picture.routes.ofTable(number, family)),
      ...protocols.map((protocol) => this.#socket.routes({ family, protocol })),
    ]
  }

  /** The very list of the last time where nothing has changed. */
  #routesOf(dumps: readonly Dump<Route>[]): readonly Route[] {
    const lists = dumps.map(({ items }) => items)
    // A thorough look asks more questions than others, mostly for the same routes.
    return this.#kept.routes.of(String(lists.length), lists, () => {
      this.#lastRoutes = retained(this.#lastRoutes, distinct(lists.flat()), routeIdentity)
      return this.#lastRoutes
    })
  }

  #foreignWrites(): number {
    this.#events.catchUp()
    return this.#events.foreignWrites
  }

  /**
   * The kernel does not flag torn dumps of rules and routes. What came in one datagram is whole; what came in more is
   * believed only if nobody else wrote meanwhile.
   */
  #untorn<T>(read: () => Dump<T>[]): { dumps: Dump<T>[]; torn: boolean } {
    for (let attempt = 1; ; attempt++) {
      const before = this.#events.foreignWrites
      const dumps = read()
      const parts = dumps.some(({ interrupted, datagrams }) => interrupted || datagrams > 1)
      const torn = parts && this.#foreignWrites() !== before
      if (torn) {
        this.#picture.routes.forget()
      }
      if (!torn || attempt === attempts) {
        return { dumps, torn }
      }
    }
  }
}

/** A kernel without IPv6, or without its policy routing, has nothing of that family. */
function perFamily<T>(read: (family: Family) => Dump<T>[]): Dump<T>[] {
  return families.flatMap((family) => {
    try {
      return read(family)
    } catch (error) {
      const absent = error instanceof NetlinkError && ['EAFNOSUPPORT', 'EOPNOTSUPP'].includes(error.code)
      if (absent && family === 6) return []
      throw error
    }
  })
}

/** Links and addresses decide about removals: half of them is worse than none. */
function whole<T>({ items, interrupted }: Dump<T>, what: string): readonly T[] {
  if (interrupted) {
    const EINTR = 4
    throw new NetlinkError({ operation: `reading ${what}`, errno: EINTR, kernelText: 'they change too fast' })
  }
  return items
}

/** A route that several of the questions ask for is one route. IPv4 keeps no two of one identity in a table. */
function distinct(routes: readonly Route[]): readonly Route[] {
  return [...new Map(routes.map((route) => [routeIdentity(route), route])).values()]
}

function splitAt<T>(items: readonly T[], isThere: (item: T) => boolean): [readonly T[], readonly T[]] {
  const at = items.findIndex(isThere)
  return at < 0 ? [items, []] : [items.slice(0, at), items.slice(at)]
}

/** undefined for what rtnetlink does not do. */
function requestOf(change: Change): Request | undefined {
  switch (change.kind) {
    case 'link':
      return setLinkGroup(change.link.index, change.group)
    case 'up':
      return setLinkUp(change.link.index)
    case 'address':
      return change.op === 'add' ? addAddress(change.address) : deleteAddress(change.address)
    case 'src_valid_mark':
      return setSrcValidMark(change.link.index, change.value)
    case 'nft':
      return undefined
    case 'rule':
      return change.op === 'add' ? addRule(change.rule) : deleteRule(change.rule)
    case 'route':
      return { add: addRoute, replace: replaceRoute, delete: deleteRoute }[change.op](change.route)
  }
}
