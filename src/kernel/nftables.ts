import { NetlinkError } from '../netlink/errors.ts'
import { type Watch, watchReadable } from '../netlink/libc.ts'
import { decodeMarkUse } from '../netlink/mark-use.ts'
import { NFNLGRP_NFTABLES, NFT_MSG, nftEvents, ruleDumpPayload, tableRequest } from '../netlink/nftables.ts'
import { RequestSocket } from '../netlink/request.ts'
import { NETLINK_PROTOCOL, NetlinkSocket } from '../netlink/socket.ts'
import { NftError, openNftLibrary } from '../nftables/library.ts'
import { parseListing } from '../nftables/listing.ts'
import { type MarkingSight, type MarkTable, type MarkUse, markTableName, markTableText } from '../state/marking.ts'
import { legacyMarkUses } from './legacy-tables.ts'
import type { ChangeResult, Hint } from './port.ts'

/** Bytes of events that may wait: a transaction of kube-proxy has thousands. */
const RECEIVE_QUEUE_BYTES = 4 * 1024 * 1024
/** Datagrams read at one wake. What is left wakes the loop again. */
const PER_WAKE = 1000
/** The rules of others are read anew after this many times the ms that reading them took: a tenth of the time at most. */
const REST = 10
/** ms after which a table that could not be read is looked at again. */
const RETRY = 1000
/** The answers of a kernel without nfnetlink, and of one without nf_tables. Whatever else goes wrong may go well next time. */
const absence = ['EPROTONOSUPPORT', 'EAFNOSUPPORT', 'EOPNOTSUPP', 'EINVAL']

type Trouble = NonNullable<MarkingSight['unavailable']>

/** What events told of: our table, rules of others. */
interface Touched {
  readonly ours: boolean
  readonly rules: boolean
}

/** Our nftables table and what others do with marks, kept from one look to the next until an event touches them. */
export class Nftables {
  #socket: RequestSocket | undefined
  #events: NetlinkSocket | undefined
  #watch: Watch | undefined
  #onHint: (hint: Hint) => void = () => {}
  #table: { readonly seen: MarkTable | undefined } | undefined
  #uses: { readonly seen: readonly MarkUse[]; readonly until: number } | undefined
  #usesTouched = false
  #legacyUses: readonly MarkUse[] = []
  /** Events were lost, and the queue has not been empty since: the kernel drops more of them without a word. */
  #congested = false
  #later: NodeJS.Timeout | undefined

  /** Is the table there? Needs no library. False where the kernel has no nftables, or does not tell. */
  hasTable(): boolean {
    try {
      return this.#isThere()
    } catch {
      // A kernel without nfnetlink has no table either.
      return false
    }
  }

  /** @throws nothing: what can't be seen is told in the sight */
  observe(thorough: boolean): MarkingSight {
    // Whoever reads an event passes it on: not every look is made by somebody who acts on what it finds.
    this.#tell(this.#drain())
    try {
      if (thorough) {
        this.#table = undefined
        // Nothing tells when they change.
        this.#legacyUses = legacyMarkUses()
      }
      this.#table ??= { seen: this.#readTable() }
      const table = this.#table.seen
      return { ...(table ? { table } : {}), uses: this.#markUses(thorough), legacyUses: this.#legacyUses }
    } catch (error) {
      const unavailable = explain(error)
      if (unavailable.blind) this.#lookAgainIn(RETRY)
      return { uses: [], unavailable }
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

  /** Hears nothing more: what was kept is not kept true any longer. */
  unwatch(): void {
    clearTimeout(this.#later)
    this.#later = undefined
    this.#watch?.close()
    this.#watch = undefined
    this.#events?.close()
    this.#events = undefined
    this.#table = undefined
    this.#uses = undefined
  }

  close(): void {
    this.unwatch()
    this.#socket?.close()
  }

  #readTable(): MarkTable | undefined {
    if (!this.#isThere()) {
      // The library is asked for early, so that its absence is told before it is needed.
      openNftLibrary()
      return undefined
    }
    try {
      return parseListing(openNftLibrary().run(`list table inet ${markTableName}`))
    } catch (error) {
      // Somebody may have taken it away between the question and the listing.
      if (this.#isThere()) throw error
      return undefined
    }
  }

  /** @throws {NetlinkError} where the kernel has no nfnetlink */
  #ask(): RequestSocket {
    this.#socket ??= new RequestSocket(NetlinkSocket.open({ protocol: NETLINK_PROTOCOL.NETFILTER }))
    return this.#socket
  }

  /** @throws {NetlinkError} */
  #isThere(): boolean {
    const answer = this.#ask().get<true>(tableRequest(markTableName), () => true)
    if (answer instanceof NetlinkError && answer.code !== 'ENOENT') {
      throw answer
    }
    return answer === true
  }

  #run(commands: string): ChangeResult {
    try {
      openNftLibrary().run(commands)
      return { done: true, already: false }
    } catch (error) {
      return { done: false, code: 'nft', message: (error as Error).message }
    } finally {
      this.#table = undefined
      // What we did ourselves is no news; what others did meanwhile, the look that follows finds.
      this.#drain()
    }
  }

  #markUses(thorough: boolean): readonly MarkUse[] {
    const now = performance.now()
    const stale = thorough || this.#usesTouched
    if (this.#uses && !(stale && now >= this.#uses.until)) {
      if (this.#usesTouched) this.#lookAgainIn(this.#uses.until - now)
      return this.#uses.seen
    }
    const { items, interrupted } = this.#ask().dump(NFT_MSG.GETRULE, ruleDumpPayload(), decodeMarkUse, NFT_MSG.NEWRULE)
    this.#usesTouched = interrupted
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
    this.#tell(this.#drain())
  }

  /** Never from within the watch: Node takes no exceptions there. */
  #tell({ ours, rules }: Touched): void {
    if (ours || rules) {
      setImmediate(() => this.#hint(ours ? 'now' : 'soon'))
    }
  }

  #hint(urgency: 'now' | 'soon'): void {
    const what = urgency === 'now' ? 'our nftables table was changed' : 'nftables rules were changed'
    this.#onHint({ urgency, what, sighting: 'nftables changed' })
  }

  /** What could not be read now is read then, also if no further event asks for it. */
  #lookAgainIn(delay: number): void {
    this.#later ??= setTimeout(() => {
      this.#later = undefined
      this.#hint('soon')
    }, delay).unref()
  }

  /** Reads what waits, forgets what it touches, and tells what that was. */
  #drain(): Touched {
    let ours = false
    let rules = false
    for (let count = 0; this.#events && count < PER_WAKE; count++) {
      const got = this.#events.receive(0)
      const emptied = got === 'timeout'
      const lost = emptied ? this.#congested : got instanceof NetlinkError || got.truncated
      this.#congested = !emptied && (this.#congested || lost)
      // What another program sends is for nobody to believe.
      const told = !emptied && !(got instanceof NetlinkError) && got.senderPort === 0
      const events = told ? nftEvents(got.bytes, markTableName) : []
      ours ||= lost || events.some((event) => event.ours)
      rules ||= lost || events.some((event) => event.rules && !event.ours)
      if (emptied || (got instanceof NetlinkError && got.code !== 'ENOBUFS')) break
    }
    if (ours) this.#table = undefined
    this.#usesTouched ||= rules
    return { ours, rules }
  }
}

function explain(error: unknown): Trouble {
  const { message } = error as Error
  if (error instanceof NetlinkError && error.code === 'EPERM') {
    return {
      problem: 'nftables can only be read with CAP_NET_ADMIN: what becomes of published container ports is not known',
      remedy: 'run this command as root',
      blind: true,
    }
  }
  if (error instanceof NetlinkError && absence.includes(error.code)) {
    return {
      problem: `the kernel has no nftables (${error.code}): replies of published container ports can't follow their ENI`,
      remedy: 'load or build the kernel modules nf_tables, nf_conntrack and nft_ct, or set routing.containers = "off"',
      blind: false,
    }
  }
  if (error instanceof NetlinkError || error instanceof NftError) {
    return {
      problem: `nftables could not be read just now (${message}): what becomes of published container ports is not known`,
      remedy: 'it is read again in a moment; if this stays, see what "nft list table inet eni-routed" says',
      blind: true,
    }
  }
  return {
    problem: `libnftables can't be used (${message.split('\n', 1)[0]}): replies of published container ports can't follow their ENI`,
    remedy: 'install the package libnftables1 (Debian, Ubuntu) or nftables (others), or set routing.containers = "off"',
    blind: false,
  }
}
