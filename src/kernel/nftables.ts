import { NetlinkError } from '../netlink/errors.ts'
import { type Watch, watchReadable } from '../netlink/libc.ts'
import { decodeMarkUse } from '../netlink/mark-use.ts'
import { NFNLGRP_NFTABLES, NFT_MSG, nftEvents, ruleDumpPayload, tableRequest } from '../netlink/nftables.ts'
import { RequestSocket } from '../netlink/request.ts'
import { NETLINK_PROTOCOL, NetlinkSocket } from '../netlink/socket.ts'
import { openNftLibrary } from '../nftables/library.ts'
import { parseListing } from '../nftables/listing.ts'
import { type MarkingSight, type MarkTable, type MarkUse, markTableName, markTableText } from '../state/marking.ts'
import type { ChangeResult, Hint } from './port.ts'

/** Bytes of events that may wait: a transaction of kube-proxy has thousands. */
const RECEIVE_QUEUE_BYTES = 4 * 1024 * 1024
/** Datagrams read at one wake. */
const PER_WAKE = 1000
/** The rules of others are read anew after this many times the ms that reading them took: a tenth of the time at most. */
const REST = 10

type Trouble = NonNullable<MarkingSight['unavailable']>

/** Our nftables table and what others do with marks, kept from one look to the next until an event touches them. */
export class Nftables {
  #socket: RequestSocket | undefined
  #events: NetlinkSocket | undefined
  #watch: Watch | undefined
  #onHint: (hint: Hint) => void = () => {}
  #table: { readonly seen: MarkTable | undefined } | undefined
  #uses: { readonly seen: readonly MarkUse[]; readonly until: number } | undefined
  #usesTouched = false

  /** Is the table there? Needs no library. False where the kernel has no nftables, or does not tell. */
  hasTable(): boolean {
    try {
      return this.#askForTable() === true
    } catch {
      // A kernel without nfnetlink has no table either.
      return false
    }
  }

  /** @throws nothing: what can't be seen is told in the sight */
  observe(thorough: boolean): MarkingSight {
    this.#drain()
    try {
      if (thorough) {
        this.#table = undefined
      }
      this.#table ??= { seen: this.#readTable() }
      const table = this.#table.seen
      return { ...(table ? { table } : {}), uses: this.#markUses(thorough) }
    } catch (error) {
      return { uses: [], unavailable: explain(error) }
    }
  }

  replace(table: MarkTable): ChangeResult {
    return this.#run(markTableText(table))
  }

  remove(): ChangeResult {
    return this.#run(`delete table inet ${markTableName}`)
  }

  /** Calls back where somebody else touches our table or writes rules. Without effect where the kernel has no nftables. */
  watch(onHint: (hint: Hint) => void): void {
    this.#onHint = onHint
    try {
      this.#events ??= NetlinkSocket.open({
        protocol: NETLINK_PROTOCOL.NETFILTER,
        groups: [NFNLGRP_NFTABLES],
        receiveQueueBytes: RECEIVE_QUEUE_BYTES,
      })
      const { fd } = this.#events
      this.#watch ??= watchReadable(fd, () => this.#read())
    } catch {
      // A kernel without nfnetlink: the looks tell.
    }
  }

  close(): void {
    this.#watch?.close()
    this.#events?.close()
    this.#socket?.close()
  }

  #readTable(): MarkTable | undefined {
    const answer = this.#askForTable()
    if (answer instanceof NetlinkError) {
      if (answer.code === 'ENOENT') {
        // The library is asked for early, so that its absence is told before it is needed.
        openNftLibrary()
        return undefined
      }
      throw answer
    }
    return parseListing(openNftLibrary().run(`list table inet ${markTableName}`))
  }

  /** @throws {NetlinkError} where the kernel has no nfnetlink */
  #ask(): RequestSocket {
    this.#socket ??= new RequestSocket(NetlinkSocket.open({ protocol: NETLINK_PROTOCOL.NETFILTER }))
    return this.#socket
  }

  #askForTable(): true | NetlinkError {
    return this.#ask().get<true>(tableRequest(markTableName), () => true)
  }

  #run(commands: string): ChangeResult {
    try {
      openNftLibrary().run(commands)
      return { done: true, already: false }
    } catch (error) {
      return { done: false, code: 'nft', message: (error as Error).message }
    } finally {
      this.#table = undefined
      // What we did ourselves is no news.
      this.#drain()
    }
  }

  #markUses(thorough: boolean): readonly MarkUse[] {
    const now = performance.now()
    const stale = thorough || this.#usesTouched
    if (this.#uses && !(stale && now >= this.#uses.until)) {
      return this.#uses.seen
    }
    this.#usesTouched = false
    const { items } = this.#ask().dump(NFT_MSG.GETRULE, ruleDumpPayload(), decodeMarkUse, NFT_MSG.NEWRULE)
    const found = new Map<string, number>()
    for (const { family, table, chain, bits } of items) {
      if (!(family === 'inet' && table === markTableName)) {
        const where = `nftables: ${family} ${table} ${chain}`
        found.set(where, ((found.get(where) ?? 0) | bits) >>> 0)
      }
    }
    const seen = [...found].map(([where, bits]) => ({ where, bits }))
    const done = performance.now()
    this.#uses = { seen, until: done + REST * (done - now) }
    return seen
  }

  #read(): void {
    const { ours, rules } = this.#drain()
    if (ours || rules) {
      // Never from within the watch: Node takes no exceptions there.
      setImmediate(() =>
        this.#onHint({
          urgency: ours ? 'now' : 'soon',
          what: ours ? 'our nftables table was changed' : 'nftables rules were changed',
          sighting: 'nftables changed',
        }),
      )
    }
  }

  /** Reads what waits, forgets what it touches, and tells what that was. */
  #drain(): { ours: boolean; rules: boolean } {
    let ours = false
    let rules = false
    for (let count = 0; this.#events && count < PER_WAKE; count++) {
      const got = this.#events.receive(0)
      if (got === 'timeout') break
      const lost = got instanceof NetlinkError
      if (lost && got.code !== 'ENOBUFS') break
      const events = lost ? [] : nftEvents(got.bytes, markTableName)
      ours ||= lost || events.some((event) => event.ours)
      rules ||= lost || events.some((event) => event.rules && !event.ours)
    }
    if (ours) this.#table = undefined
    this.#usesTouched ||= rules
    return { ours, rules }
  }
}

function explain(error: unknown): Trouble {
  if (error instanceof NetlinkError) {
    return error.code === 'EPERM'
      ? {
          problem:
            'nftables can only be read with CAP_NET_ADMIN: what becomes of published container ports is not known',
          remedy: 'run this command as root',
          blind: true,
        }
      : {
          problem: `the kernel has no nftables (${error.code}): replies of published container ports can't follow their ENI`,
          remedy:
            'load or build the kernel modules nf_tables, nf_conntrack and nft_ct, or set routing.containers = "off"',
          blind: false,
        }
  }
  const { message } = error as Error
  return {
    problem: `libnftables can't be used (${message.split('\n', 1)[0]}): replies of published container ports can't follow their ENI`,
    remedy: 'install the package libnftables1 (Debian, Ubuntu) or nftables (others), or set routing.containers = "off"',
    blind: false,
  }
}
