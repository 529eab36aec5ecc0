import { defaults } from '../../src/config/defaults.ts'
import { settingsOf } from '../../src/config/settings.ts'
import { Contention } from '../../src/contention.ts'
import { openKernel } from '../../src/kernel/netlink.ts'
import { addressDumpPayload } from '../../src/netlink/address.ts'
import { RTM } from '../../src/netlink/constants.ts'
import { linkDumpPayload } from '../../src/netlink/link.ts'
import { RequestSocket } from '../../src/netlink/request.ts'
import { ruleDumpPayload } from '../../src/netlink/rule.ts'
import { type Memory, noMemory, reconcile } from '../../src/reconcile.ts'

/** Runs in the instance's namespace, with everything in place. Prints the ms of each pass of each kind as JSON. */
export interface PassTask {
  /** Passes of each kind that are not measured: V8 compiles its code. */
  readonly warmUp: number
  readonly passes: number
}

export interface PassTimes {
  /** What an event leads to: what is known of the kernel is kept true by its announcements. */
  readonly cheap: readonly number[]
  /** Everything is read anew. */
  readonly thorough: readonly number[]
  /** Links, addresses and rules asked of the kernel, and thrown away. */
  readonly reading: readonly number[]
}

const task = JSON.parse(process.argv[2] as string) as PassTask
const kernel = openKernel()
const settings = settingsOf({ ...defaults, interfaces: { ...defaults.interfaces, include: ['eth*'] } })
const contention = new Contention()
let memory: Memory = noMemory
const socket = RequestSocket.open()

const kinds = { cheap: () => pass(false), thorough: () => pass(true), reading: read }
pass(true)
const times = { cheap: [] as number[], thorough: [] as number[], reading: [] as number[] }
for (let i = -task.warmUp; i < task.passes; i++) {
  for (const kind of ['cheap', 'thorough', 'reading'] as const) {
    const start = performance.now()
    kinds[kind]()
    if (i >= 0) times[kind].push(performance.now() - start)
  }
}
kernel.close()
process.stdout.write(JSON.stringify(times))

function pass(thorough: boolean): void {
  const outcome = reconcile({
    kernel,
    settings,
    memory,
    contention,
    thorough,
    hint: { what: 'bench' },
    now: performance.now(),
  })
  if (outcome.applied.length > 0 || !outcome.verified) throw new Error('the pass had something to do')
  memory = outcome.memory
}

function read(): void {
  const nothing = () => undefined
  socket.dump(RTM.GETLINK, linkDumpPayload(), nothing)
  socket.dump(RTM.GETADDR, addressDumpPayload(), nothing)
  for (const family of [4, 6] as const) socket.dump(RTM.GETRULE, ruleDumpPayload(family), nothing)
}
