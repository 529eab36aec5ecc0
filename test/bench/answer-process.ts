import { closeSync, openSync } from 'node:fs'
import koffi from 'koffi'
import { RTM } from '../../src/netlink/constants.ts'
import { Echo } from './echo.ts'
import { addressRequest, isRuleOf, type LinkAddress, patience, pause, Stopwatch } from './stopwatch.ts'

/**
 * Runs in the namespace of a host beyond the router, with a foot in the instance's: adds an address there and sends it an
 * echo request every 0.1 ms until the first reply is here. Prints the ms of each try as one JSON list.
 */
export interface AnswerTask extends LinkAddress {
  /** Network namespace of the instance. */
  readonly instance: string
  readonly tries: number
  readonly pauseMs: number
  /** Somebody adds a rule for the address, and takes it away after it. */
  readonly ruled: boolean
}

const interval = 0.1

const task = JSON.parse(process.argv[2] as string) as AnswerTask
const watch = inNamespace(task.instance, () => new Stopwatch())
const echo = new Echo(task.address)
watch.warmUp()
process.stdout.write(JSON.stringify(Array.from({ length: task.tries }, (_, i) => attempt(i + 1))))

function attempt(number: number): number {
  watch.forget()
  const start = performance.now()
  watch.send(addressRequest(RTM.NEWADDR, task))
  const answeredAt = echo.firstReply(number, interval, start + patience)
  pause(task.pauseMs)
  watch.send(addressRequest(RTM.DELADDR, task))
  if (task.ruled) watch.await(RTM.DELRULE, isRuleOf(task.address))
  pause(task.pauseMs)
  return answeredAt === undefined ? Number.NaN : answeredAt - start
}

/** A socket belongs to the namespace of the thread that opens it, whereto this one may go afterwards. */
function inNamespace<T>(name: string, open: () => T): T {
  const CLONE_NEWNET = 0x40000000
  const setns = koffi.load(null).func('int setns(int fd, int type)') as (fd: number, type: number) => number
  const [here, there] = [openSync('/proc/thread-self/ns/net', 'r'), openSync(`/run/netns/${name}`, 'r')]
  try {
    if (setns(there, CLONE_NEWNET) !== 0) throw new Error(`setns ${name}: errno ${koffi.errno()}`)
    return open()
  } finally {
    setns(here, CLONE_NEWNET)
    closeSync(here)
    closeSync(there)
  }
}
