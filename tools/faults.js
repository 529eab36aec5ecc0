// Tries every fault of test/support/faults.ts many times and reports how long it took to heal. Needs root, and the built
// program. `--tries N`: at most N times each; `--only TEXT`: faults whose name contains it; `--markdown`: writes
// docs/faults.md as well.
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { faults } from '../test/support/faults.ts'
import { asMarkdown, asText, growth, reportRow } from '../test/support/faults-report.ts'
import { SharedStage, tryFault } from '../test/support/faults-run.ts'

const { values } = parseArgs({
  options: { tries: { type: 'string' }, only: { type: 'string', default: '' }, markdown: { type: 'boolean' } },
})
if (process.getuid() !== 0) {
  console.error('network namespaces need root: sudo npm run faults')
  process.exit(77)
}

/** The cycles after which a process has loaded and compiled all that it needs. */
const warmUp = 50

const started = performance.now()
const rows = []
const remarks = []
let failed = false
for (const fault of faults.filter(({ name }) => name.includes(values.only))) {
  const tries = Math.min(fault.tries.full, Number(values.tries ?? Number.POSITIVE_INFINITY))
  progress(`${rows.length + 1} ${fault.name}`)
  // Each fault has a stage of its own: none is measured in the wake of another.
  const stage = new SharedStage()
  try {
    const result = await tryFault(fault, tries, stage)
    rows.push(reportRow(result, fault))
    failed ||= result.lost.length + result.foreign.length + result.idle > 0
    remarks.push(...[...result.lost, ...result.foreign].map((line) => `${fault.name}: ${line}`))
    const grown = growth(result, warmUp)
    if (grown) {
      const { rss, descriptors } = grown
      remarks.push(
        `${fault.name}: memory after ${result.tries} cycles is ${(100 * rss).toFixed(1)} % of that after ${warmUp}, descriptors ${descriptors >= 0 ? '+' : ''}${descriptors}`,
      )
      failed ||= rss > 1.1 || descriptors > 0
    }
  } catch (error) {
    failed = true
    rows.push([fault.name, '-', '-', '-', '-', '-', '-'])
    remarks.push(`${fault.name}: ${error.message}`)
  } finally {
    await stage.close()
  }
}
progress('')
console.log([...asText(rows), '', ...remarks].join('\n'))
if (values.markdown) {
  writeFileSync(new URL('../docs/faults.md', import.meta.url), document())
}
process.exitCode = failed ? 1 : 0

/** Says on a terminal what is being tried. */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

function document() {
  const minutes = ((performance.now() - started) / 60_000).toFixed(0)
  return `# What may happen, and how soon it is healed

Written by \`npm run faults -- --markdown\` on ${new Date().toISOString().slice(0, 10)} (${cpus().length} CPUs, Node ${process.version}, ${minutes} minutes). Every fault is done to an
instance with three ENIs in network namespaces, under a running daemon, beside rules and routes of other programs. A
judge that shares no decision with the product reads the kernel every ms and compares it with a list that is worked out
by hand. The times are upper bounds, too long by up to two of its looks (some 3 ms), and count from the moment at which
healing becomes possible: the last change of links, addresses and main, the start of the daemon, or its SIGCONT. A try
is as slow as the slowest of its steps. "-": nothing of ours was ever wrong.

${asMarkdown(rows).join('\n')}
${remarks.length > 0 ? `\n${remarks.map((remark) => `- ${remark}`).join('\n')}\n` : ''}`
}
