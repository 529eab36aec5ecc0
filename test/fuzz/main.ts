// Random bytes for the decoders, random rules and routes for the model of explain, random histories for the whole program,
// until the time is over:
//   npm run fuzz -- --seconds 60 [--seed N]
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { DaemonProcess } from '../../src/lab/daemon-process.ts'
import { Vpc } from '../../src/lab/vpc.ts'
import { fuzzBytes } from './bytes.ts'
import { fuzzArrivals } from './fib/arrivals.ts'
import { fuzzKernel } from './fib/kernel.ts'
import { fuzzRedirects } from './fib/redirects.ts'
import { report } from './fib/report.ts'
import { fuzzWire } from './fib/wire.ts'
import { History } from './history.ts'
import { Random } from './random.ts'
import { faultsOf } from './verdict.ts'

/** ms that the daemon has to mend everything after the last disturbance. */
const patience = 5_000
const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } } })
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const end = performance.now() + Number(values.seconds) * 1000
console.log(`seed ${seed} (again with: npm run fuzz -- --seed ${seed} --seconds ${values.seconds})`)

const inputs = fuzzBytes(new Random(seed), performance.now() + (end - performance.now()) / 4)
console.log(`${inputs} inputs for the decoders: none threw`)
if (process.getuid?.() !== 0) {
  console.log('not fuzzed, for want of root: the whole pass')
} else {
  process.exitCode = fuzzModel(new Random(seed)) || (await fuzzHistories(new Random(seed)))
}

/** The model of rules and routes against the kernel's answers, and packets that are sent or come in: half of what is left. */
function fuzzModel(random: Random): number {
  const start = performance.now()
  const share = (end - start) / 8
  const asked = fuzzKernel(random, () => performance.now() > start + share)
  console.log(
    asked.first
      ? report(asked.first)
      : `${asked.rounds} configurations, ${asked.questions} packets: model and kernel agree on all`,
  )
  const sent = fuzzWire(random, () => performance.now() > start + 2 * share)
  console.log(
    sent.first
      ? report(sent.first)
      : `${sent.sent} packets sent over ${sent.rounds} configurations, ${sent.left} left by a link: all as the model says`,
  )
  const came = fuzzArrivals(random, () => performance.now() > start + 3 * share)
  console.log(
    came.first
      ? report(came.first)
      : `${came.sent} packets came in over ${came.rounds} configurations, ${came.delivered} for this host, ${came.forwarded} went on, ${came.answered} were answered: all as the model says`,
  )
  const misled = fuzzRedirects(random, () => performance.now() > start + 4 * share)
  console.log(
    misled.first
      ? `a packet went elsewhere than was said: ${JSON.stringify(misled.first, null, 2)}`
      : `${misled.sent} packets over ${misled.rounds} rulesets of nftables and iptables, ${misled.redirected} redirected: all as the model says, but ${misled.vague} of which it says that it does not know`,
  )
  return asked.first || sent.first || came.first || misled.first ? 1 : 0
}

async function fuzzHistories(random: Random): Promise<number> {
  const vpc = await Vpc.create({ ipv6: 'static' })
  try {
    const history = new History(vpc, random)
    await history.start()
    const daemon = new DaemonProcess(vpc.instance, { program: [program] })
    await daemon.ready()
    let rounds = 0
    for (; performance.now() < end; rounds++) {
      const faults = await round(vpc, history, random)
      if (faults.length > 0) {
        console.log(
          [
            'wrong after the history',
            ...history.done,
            '',
            ...faults,
            '',
            ...daemon.lines.slice(-20).map(({ msg }) => msg),
          ].join('\n'),
        )
        return 1
      }
    }
    const code = await daemon.stop()
    console.log(`${rounds} rounds, ${history.done.length} steps: always mended; the daemon ended with ${code}`)
    return code === 0 ? 0 : 1
  } finally {
    await vpc.destroy()
  }
}

/** Some disturbances in quick succession, then quiet: after it nothing may be wrong. */
async function round(vpc: Vpc, history: History, random: Random): Promise<string[]> {
  for (let steps = random.below(8) + 1; steps > 0; steps--) {
    await history.step()
  }
  await history.calm()
  const deadline = performance.now() + patience
  for (;;) {
    const faults = await faultsOf(vpc, history, program)
    if (faults.length === 0 || performance.now() > deadline) {
      return faults
    }
  }
}
