import { RTM } from '../../src/netlink/constants.ts'
import { deleteRule } from '../../src/netlink/rule-request.ts'
import { addressRequest, isRuleOf, type LinkAddress, pause, Stopwatch } from './stopwatch.ts'

/** Runs in the instance's namespace. Prints the ms of each try as one JSON list. */
export interface ReactionTask extends LinkAddress {
  /** `address`: adds the address and waits for its rule; `rule`: deletes that rule and waits until it is back. */
  readonly kind: 'address' | 'rule'
  readonly tries: number
  /** ms between two tries. */
  readonly pauseMs: number
}

const task = JSON.parse(process.argv[2] as string) as ReactionTask
const awaited = isRuleOf(task.address)
const watch = new Stopwatch()
watch.warmUp()
process.stdout.write(JSON.stringify(Array.from({ length: task.tries }, task.kind === 'address' ? arrival : healing)))

function arrival(): number {
  const ms = watch.time(addressRequest(RTM.NEWADDR, task), RTM.NEWRULE, awaited)
  pause(task.pauseMs)
  watch.time(addressRequest(RTM.DELADDR, task), RTM.DELRULE, awaited)
  pause(task.pauseMs)
  return ms
}

function healing(): number {
  const rule = watch.requests.rules(4).items.find(awaited)
  const ms = rule ? watch.time(deleteRule(rule), RTM.NEWRULE, awaited) : Number.NaN
  pause(task.pauseMs)
  return ms
}
