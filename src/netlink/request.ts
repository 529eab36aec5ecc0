import type { Address } from '../state/address.ts'
import type { Family } from '../state/ip.ts'
import type { Link } from '../state/link.ts'
import type { Route } from '../state/route.ts'
import type { Rule } from '../state/rule.ts'
import { verdict } from './ack.ts'
import { addressDumpPayload, decodeAddress } from './address.ts'
import { type Outcomes, runBatch } from './batch.ts'
import { messageName, NLM_F, NLMSG, RTM } from './constants.ts'
import { type Dump, type DumpRequest, plainly, type Reading, runDump } from './dump.ts'
import { NetlinkError } from './errors.ts'
import { Exchange, type ExchangeOptions } from './exchange.ts'
import { frame, type Request } from './framing.ts'
import { decodeLink, linkDumpPayload } from './link.ts'
import { decodeNeighbour, type Neighbour, neighbourDumpPayload } from './neighbour.ts'
import { Rereading } from './rereading.ts'
import { decodeAnyRoute, decodeRoute } from './route.ts'
import { lookupRequest, type RouteQuery } from './route-lookup.ts'
import { passes, type RouteFilter, routeDumpPayload } from './route-request.ts'
import { decodeRule, ruleDumpPayload } from './rule.ts'
import { NetlinkSocket } from './socket.ts'
import type { Transport } from './transport.ts'

const EBADMSG = 74

/** Dumps of routes that are remembered: two families of main and of the own table of the most ENIs, four times over. */
const mostRereadings = 1_000

/** ENOENT, ENODEV: a dump with a filter of something that is not there, no such table, no such link. */
const absent = [2, 19]

function ruleOf(family: Family, payload: Buffer): Rule | undefined {
  const rule = decodeRule(payload)
  return rule?.family === family ? rule : undefined
}

/**
 * A socket to ask the kernel with. Every call is synchronous, and is over when the kernel has answered: rtnetlink does
 * its work while the request is being sent, so there is nothing to wait for.
 */
export class RequestSocket {
  readonly #exchange: Exchange
  readonly #another: () => RequestSocket
  readonly #addresses = new Rereading(decodeAddress)
  readonly #rules: Readonly<Record<Family, Rereading<Rule>>> = {
    4: new Rereading((payload) => ruleOf(4, payload)),
    6: new Rereading((payload) => ruleOf(6, payload)),
  }
  readonly #routes = new Map<string, Rereading<Route>>()

  /** `another` opens a second socket, for a question that may be given up. */
  constructor(
    transport: Transport,
    { another, ...options }: ExchangeOptions & { readonly another?: () => RequestSocket } = {},
  ) {
    this.#exchange = new Exchange(transport, options)
    this.#another = another ?? (() => RequestSocket.open(options))
  }

  /** Opens a socket in the network namespace of this thread. Throws a NetlinkError where the kernel refuses. */
  static open(options: ExchangeOptions = {}): RequestSocket {
    const socket = new RequestSocket(NetlinkSocket.open(), options)
    // The kernel makes the parts of a dump as large as the largest receive so far: without one the first are 4 KiB.
    socket.batch([{ type: NLMSG.NOOP, flags: 0, payload: new Uint8Array() }])
    return socket
  }

  /** nl_pid of the socket: events that this socket caused carry it. */
  get portId(): number {
    return this.#exchange.transport.portId
  }

  /** Does the kernel filter dumps? (Ours are filtered either way; a table that is not there is cheap if it does.) */
  get strict(): boolean {
    return this.#exchange.transport.strict
  }

  batch(requests: readonly Request[]): Outcomes {
    return runBatch(this.#exchange, requests)
  }

  dump<T>(type: number, payload: Buffer, decode: (payload: Buffer) => T | undefined, answer?: number): Dump<T> {
    return runDump(this.#exchange, { type, payload, reading: plainly(decode), ...(answer ? { answer } : {}) })
  }

  links(): Dump<Link> {
    return this.dump(RTM.GETLINK, linkDumpPayload(), decodeLink)
  }

  /** Of all families, those that have not changed since the last time are the same objects. */
  addresses(family?: Family): Dump<Address> {
    const ofFamily = (payload: Buffer) =>
      payload[0] === addressDumpPayload(family)[0] ? decodeAddress(payload) : undefined
    const reading = family === undefined ? this.#addresses : plainly(ofFamily)
    return runDump(this.#exchange, { type: RTM.GETADDR, payload: addressDumpPayload(family), reading })
  }

  /** Those that have not changed since the last time are the same objects. */
  rules(family: Family): Dump<Rule> {
    const reading = this.#rules[family]
    return runDump(this.#exchange, { type: RTM.GETRULE, payload: ruleDumpPayload(family), reading })
  }

  /** Equal addresses, one for each of the last dump, which the next is to bring instead. */
  adoptAddresses(addresses: readonly Address[]): void {
    this.#addresses.adopt(addresses)
  }

  /** Equal rules, one for each of the last dump of the family, which the next is to bring instead. */
  adoptRules(family: Family, rules: readonly Rule[]): void {
    this.#rules[family].adopt(rules)
  }

  /**
   * The routes that pass the filter; none where its table or link does not exist. Those that have not changed since the last
   * time are the same objects.
   */
  routes(filter: RouteFilter): Dump<Route> {
    return runDump(this.#exchange, this.#routeDump(filter))
  }

  /**
   * The same where they come in one datagram, so that they can't be torn; undefined where they do not, and the kernel has not
   * gone through many more then.
   */
  routesAtOnce(filter: RouteFilter): Dump<Route> | undefined {
    const aside = this.#another()
    try {
      const dump = runDump(aside.#exchange, { ...this.#routeDump(filter), most: 1 })
      return dump.interrupted || dump.datagrams > 1 ? undefined : dump
    } finally {
      aside.close()
    }
  }

  neighbours(family: Family): Dump<Neighbour> {
    return this.dump(RTM.GETNEIGH, neighbourDumpPayload(family), decodeNeighbour)
  }

  /** The way a packet would take now, or the error it would meet (ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, …). */
  routeGet(query: RouteQuery): Route | NetlinkError {
    return this.get(lookupRequest(query), decodeAnyRoute)
  }

  /** Asks for one object. What can't be decoded is an error of code EBADMSG. */
  get<T>(request: Request, decode: (payload: Buffer) => T | undefined): T | NetlinkError {
    const sequence = this.#exchange.numbers()
    const operation = messageName(request.type)
    let answer: T | NetlinkError = new NetlinkError({ operation, errno: EBADMSG, sequence })
    const failure = this.#exchange.run(frame({ ...request, flags: request.flags & ~NLM_F.ACK }, sequence), {
      operation,
      owns: (number) => number === sequence,
      take: (message) => {
        answer = (message.type === NLMSG.ERROR ? verdict(message, request.type) : decode(message.payload)) ?? answer
        return true
      },
      torn: () => {},
    })
    return failure ?? answer
  }

  /** Sends an empty message to another socket, for which the kernel wants CAP_NET_ADMIN; false where it did not go. */
  greet(port: number): boolean {
    return (
      this.#exchange.transport.send(frame({ type: NLMSG.NOOP, flags: 0, payload: new Uint8Array() }, 0), port) ===
      undefined
    )
  }

  close(): void {
    this.#exchange.transport.close()
  }

  #routeDump(filter: RouteFilter): DumpRequest<Route> {
    const payload = routeDumpPayload(filter, this.strict)
    return { type: RTM.GETROUTE, payload, reading: this.#readingOf(filter), absent }
  }

  /** A kernel that does not filter sends everything that it has: that is not kept. */
  #readingOf(filter: RouteFilter): Reading<Route> {
    const decode = (payload: Buffer) => {
      const route = decodeRoute(payload)
      return route && passes(route, filter) ? route : undefined
    }
    if (!this.strict) {
      return plainly(decode)
    }
    const key = JSON.stringify(filter)
    const known = this.#routes.get(key) ?? new Rereading(decode)
    // What was asked for last stands last.
    this.#routes.delete(key)
    const [oldest] = this.#routes.keys()
    if (oldest !== undefined && this.#routes.size >= mostRereadings) {
      this.#routes.delete(oldest)
    }
    this.#routes.set(key, known)
    return known
  }
}
