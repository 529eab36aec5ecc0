import { NLM_F, RTM, RTNLGRP } from '../../src/netlink/constants.ts'
import { HEADER_BYTES, type Request } from '../../src/netlink/framing.ts'
import { Payload } from '../../src/netlink/payload.ts'
import { RequestSocket } from '../../src/netlink/request.ts'
import { decodeRule } from '../../src/netlink/rule.ts'
import { NetlinkSocket } from '../../src/netlink/socket.ts'
import { parseAddress } from '../../src/state/ip.ts'
import { table } from '../../src/state/route.ts'
import type { Rule } from '../../src/state/rule.ts'

/** ms; a try that takes longer has failed. */
export const patience = 2_000
const IFA = { ADDRESS: 1, LOCAL: 2 } as const

/** An IPv4 address of a link, as `ip address` takes it. */
export interface LinkAddress {
  readonly address: string
  readonly prefixLength: number
  readonly linkIndex: number
}

/**
 * Changes the kernel of the network namespace in which it was opened, and waits for the kernel's announcements. It stands in
 * for nobody: whoever reacts is measured.
 */
export class Stopwatch {
  readonly requests = RequestSocket.open()
  readonly #events = NetlinkSocket.open({ groups: [RTNLGRP.IPV4_RULE], receiveQueueBytes: 64 << 20 })

  /** Lets V8 compile what a try runs, without a change that anybody would hear of. */
  warmUp(): void {
    for (let i = 0; i < 100; i++) {
      this.requests.rules(4)
      this.#events.receive(0)
    }
  }

  /** ms from just before the request until the announcement of the rule was read; NaN where it did not come. */
  time(request: Request, type: number, isAwaited: (rule: Rule) => boolean): number {
    this.forget()
    const start = performance.now()
    this.send(request)
    return this.await(type, isAwaited) ? performance.now() - start : Number.NaN
  }

  /** Events so far are of no interest. */
  forget(): void {
    while (this.#events.receive(0) !== 'timeout');
  }

  send(request: Request): void {
    const [refused] = this.requests.batch([request])
    if (refused) throw refused
  }

  /** Waits for the announcement of a rule; false where it does not come in time. */
  await(type: number, isAwaited: (rule: Rule) => boolean): boolean {
    const deadline = performance.now() + patience
    for (;;) {
      const got = this.#events.receive(deadline)
      if (got === 'timeout' || performance.now() > deadline) return false
      if (!('bytes' in got)) throw got
      const rule =
        got.bytes.readUInt16LE(4) === type && decodeRule(got.bytes.subarray(HEADER_BYTES, got.bytes.readUInt32LE(0)))
      if (rule && isAwaited(rule)) return true
    }
  }
}

/** The address's last rule: the one that asks a table of ours, or among thousands the one that goes to it. */
export const isRuleOf =
  (address: string) =>
  ({ source, table: number }: Rule): boolean =>
    source?.address === address && number !== table.main

export function addressRequest(type: number, { address, prefixLength, linkIndex }: LinkAddress): Request {
  const payload = new Payload(8)
  const bytes = parseAddress(address) as Uint8Array
  payload.header[0] = 2
  payload.header[1] = prefixLength
  payload.header.writeUInt32LE(linkIndex, 4)
  const flags = NLM_F.ACK | (type === RTM.NEWADDR ? NLM_F.CREATE | NLM_F.EXCL : 0)
  return { type, flags, payload: payload.bytes(IFA.LOCAL, bytes).bytes(IFA.ADDRESS, bytes).finish() }
}

/** Blocks for about `ms`: nothing else of this process is to be in the way of the next try. */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms * (0.75 + Math.random() / 2))
}
