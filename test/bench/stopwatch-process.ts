import { NLM_F, RTM, RTNLGRP } from '../../src/netlink/constants.ts'
import { HEADER_BYTES, type Request } from '../../src/netlink/framing.ts'
import { Payload } from '../../src/netlink/payload.ts'
import { RequestSocket } from '../../src/netlink/request.ts'
import { decodeRule } from '../../src/netlink/rule.ts'
import { deleteRule } from '../../src/netlink/rule-request.ts'
import { NetlinkSocket } from '../../src/netlink/socket.ts'
import { parseAddress } from '../../src/state/ip.ts'
import { table } from '../../src/state/route.ts'
import type { Rule } from '../../src/state/rule.ts'

/*
 * Runs in the instance's namespace: changes the kernel, then blocks on the kernel's announcements until the answer to
 * the change is there. Prints the ms of each try as one JSON list. It stands in for nobody: whoever reacts is measured.
 */

/** What is to be done, from the command line as JSON. */
export interface Task {
  /** `address`: adds an address and waits for its rule; `rule`: deletes that rule and waits until it is back. */
  readonly kind: 'address' | 'rule'
  readonly linkIndex: number
  /** One is used for each try of `address`, in turn; of `rule` the first. */
  readonly addresses: readonly string[]
  readonly prefixLength: number
  readonly tries: number
  /** ms between two tries, at least. */
  readonly pauseMs: number
}

/** ms; a try that takes longer has failed: NaN, null in the result. */
const patience = 2_000
const IFA = { ADDRESS: 1, LOCAL: 2 } as const

const task = JSON.parse(process.argv[2] as string) as Task
const requests = RequestSocket.open()
const events = NetlinkSocket.open({ groups: [RTNLGRP.IPV4_RULE], receiveQueueBytes: 64 << 20 })
const times: number[] = []
for (let i = 0; i < task.tries; i++) {
  times.push(task.kind === 'address' ? addressToRule(i) : ruleToRule())
}
process.stdout.write(JSON.stringify(times))

function addressToRule(i: number): number {
  const address = task.addresses[i % task.addresses.length] as string
  const ms = timed(addressRequest(RTM.NEWADDR, address), RTM.NEWRULE, address)
  pause()
  timed(addressRequest(RTM.DELADDR, address), RTM.DELRULE, address)
  pause()
  return ms
}

function ruleToRule(): number {
  const address = task.addresses[0] as string
  const rule = requests.rules(4).items.find((rule) => isAwaited(rule, address))
  const ms = rule ? timed(deleteRule(rule), RTM.NEWRULE, address) : Number.NaN
  pause()
  return ms
}

/** ms from just before the request until the rule's announcement was read; NaN where it did not come. */
function timed(request: Request, type: number, address: string): number {
  while (events.receive(0) !== 'timeout');
  const start = performance.now()
  const [refused] = requests.batch([request])
  if (refused) throw refused
  return awaitRule(type, address, start + patience) ? performance.now() - start : Number.NaN
}

function awaitRule(type: number, address: string, deadline: number): boolean {
  for (;;) {
    const got = events.receive(deadline)
    if (got === 'timeout' || performance.now() > deadline) return false
    if (!('bytes' in got)) throw got
    const rule =
      got.bytes.readUInt16LE(4) === type && decodeRule(got.bytes.subarray(HEADER_BYTES, got.bytes.readUInt32LE(0)))
    if (rule && isAwaited(rule, address)) return true
  }
}

/** The address's last rule: the one that asks a table of ours, or among thousands the one that goes to it. */
function isAwaited({ source, table: number }: Rule, address: string): boolean {
  return source?.address === address && number !== table.main
}

/** Blocks: nothing else of this process is to be in the way of the next try. */
function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, task.pauseMs * (0.75 + Math.random() / 2))
}

function addressRequest(type: number, address: string): Request {
  const payload = new Payload(8)
  const bytes = parseAddress(address) as Uint8Array
  payload.header[0] = 2
  payload.header[1] = task.prefixLength
  payload.header.writeUInt32LE(task.linkIndex, 4)
  const flags = NLM_F.ACK | (type === RTM.NEWADDR ? NLM_F.CREATE | NLM_F.EXCL : 0)
  return { type, flags, payload: payload.bytes(IFA.LOCAL, bytes).bytes(IFA.ADDRESS, bytes).finish() }
}
