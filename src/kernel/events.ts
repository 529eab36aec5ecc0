import { readFileSync } from 'node:fs'
import type { EventView, NetlinkEvent } from '../netlink/event.ts'
import type { EventBatch } from '../netlink/event-reader.ts'
import { Listener } from '../netlink/listener.ts'
import { decodeRoute } from '../netlink/route.ts'
import { decodeRule } from '../netlink/rule.ts'
import type { EventSketch } from '../policy/relevance.ts'
import { routeTypes, table } from '../state/route.ts'
import type { Picture } from './picture.ts'
import type { Hint, Relevance, Sighting } from './port.ts'

/** Hears the kernel's events, passes on those that matter as hints, and counts the writes of others. */
export class EventSource {
  readonly #ownPort: number
  readonly #picture: Pick<Picture, 'note' | 'forget'>
  readonly #listener: Listener
  #relevance: Relevance = () => undefined
  #onHint: (hint: Hint) => void = () => {}
  #foreignWrites = 0
  #heard: (() => void) | undefined
  #seen = 0

  private constructor(ownPort: number, picture: Pick<Picture, 'note' | 'forget'>) {
    this.#ownPort = ownPort
    this.#picture = picture
    this.#listener = Listener.open({
      filter: (view) => this.#filter(view),
      onGreeting: (port) => this.#greeted(port),
      onEvents: (batch) => this.#deliver(batch),
      onError: (error) => this.#onHint({ ...lost, what: `the event socket failed: ${String(error)}` }),
    })
  }

  /**
   * `ownPort`: the netlink port of the socket through which this process makes its changes. The picture is told of every
   * event as soon as it is read, before anything is delivered.
   * @throws {NetlinkError}
   */
  static open(ownPort: number, picture: Pick<Picture, 'note' | 'forget'>): EventSource {
    return new EventSource(ownPort, picture)
  }

  watch(relevance: Relevance, onHint: (hint: Hint) => void): void {
    this.#relevance = relevance
    this.#onHint = onHint
  }

  /** Reads what waits, so that the picture has all that the kernel has announced. Returns how many events came so far. */
  catchUp(): number {
    if (this.#listener.drain().overflow) {
      this.#foreignWrites++
      this.#seen++
      this.#picture.forget()
    }
    return this.#seen
  }

  /** Counts the writes to rules and routes by others, as far as their events were read; lost events count as one. */
  get foreignWrites(): number {
    return this.#foreignWrites
  }

  /** Calls `heard` when the greeting that `greet` sends to this socket's port has arrived. */
  echo(greet: (port: number) => boolean, heard: () => void): boolean {
    this.#heard = heard
    return greet(this.#listener.portId)
  }

  close(): void {
    this.#listener.close()
  }

  /** Not from within the watch, which swallows what is thrown. Others may greet as they like. */
  #greeted(port: number): void {
    if (port === this.#ownPort && this.#heard) {
      setImmediate(this.#heard)
      this.#heard = undefined
    }
  }

  /** Runs on every event, thousands a second on a busy router: the bytes in place decide for most. */
  #filter(view: EventView): boolean {
    this.#seen++
    this.#picture.note(view)
    if (view.portId === this.#ownPort) {
      return false
    }
    switch (view.kind) {
      case 'route':
        return this.#filterRoute(view)
      case 'rule':
        this.#foreignWrites++
        return true
      default:
        return true
    }
  }

  #filterRoute(view: EventView): boolean {
    this.#foreignWrites++
    const number = view.routeTable
    const linkIndex = number === table.main || number === table.local ? view.routeLinkIndex : undefined
    // A route that refuses packets leaves by no link, and needs no look at once.
    const anyLink = linkIndex === undefined && routeTypes[view.routeType] === 'unicast'
    const sketch = {
      kind: 'route',
      table: number,
      linkIndex,
      anyLink,
      destinationLength: view.routeDestinationLength,
    } as const
    return this.#relevance(sketch) !== undefined
  }

  #deliver({ events, overflow }: EventBatch): void {
    if (overflow) {
      this.#picture.forget()
      this.#onHint(lost)
      return
    }
    let soon: NetlinkEvent | undefined
    for (const event of events) {
      const urgency = this.#relevance(sketch(event))
      if (urgency === 'now') {
        this.#onHint(new EventHint(urgency, event))
        return
      }
      soon ??= urgency && event
    }
    if (soon) {
      this.#onHint(new EventHint('soon', soon))
    }
  }
}

const lost: Hint = { urgency: 'now', what: 'events were lost', sighting: 'events lost' }

/** What can't be decoded concerns us until proved otherwise: its kind alone remains. */
function sketch({ kind, payload }: NetlinkEvent): EventSketch {
  switch (kind) {
    case 'link':
    case 'address':
      return { kind, linkIndex: linkIndexOf(payload) }
    case 'route': {
      const route = decodeRoute(payload)
      const [hop, ...more] = route?.nexthops ?? []
      return {
        kind,
        table: route?.table,
        destinationLength: route?.destination.length,
        linkIndex: hop?.oif,
        anyLink: route?.type === 'unicast' && (more.length > 0 || route.nexthopId !== undefined),
      }
    }
    case 'rule': {
      const rule = decodeRule(payload)
      return { kind, table: rule?.table, priority: rule?.priority }
    }
    case 'nexthop':
      return { kind }
  }
}

/** ifi_index of struct ifinfomsg and ifa_index of struct ifaddrmsg stand at one place. */
const linkIndexOf = (payload: Buffer): number | undefined => (payload.length < 8 ? undefined : payload.readUInt32LE(4))

/**
 * `rule deleted by process 812 (ip)`: a netlink port is the process id of its owner, unless that has several sockets.
 * Whose name it is, is looked up when it is asked for: what the event calls for comes first.
 */
class EventHint implements Hint {
  readonly urgency: 'now' | 'soon'
  readonly sighting: Sighting
  readonly #portId: number
  #what: string | undefined

  constructor(urgency: 'now' | 'soon', { kind, deleted, portId }: NetlinkEvent) {
    this.urgency = urgency
    this.sighting = `${kind} ${deleted ? 'deleted' : 'changed'}`
    this.#portId = portId
  }

  get what(): string {
    const by = () => (this.#portId === 0 ? 'the kernel' : `process ${this.#portId}${commandOf(this.#portId)}`)
    this.#what ??= `${this.sighting} by ${by()}`
    return this.#what
  }
}

function commandOf(pid: number): string {
  try {
    return ` (${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()})`
  } catch {
    // It has ended already, as `ip` does.
    return ''
  }
}
