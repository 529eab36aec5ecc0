import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { labConfig, writeConfig } from '../../src/lab/daemon-process.ts'
import { readyTimes } from './cold.ts'
import { furnish, program } from './reactors.ts'
import type { Row } from './row.ts'
import { spread } from './spread.ts'
import { withStage } from './stage.ts'

/** The daemon's start beside an empty program on the same Node, with everything in place already. */
export function starts({ tries }: { tries: number }): Promise<Row[]> {
  return withStage({ enis: 2, addresses: 2 }, async ({ namespace }) => {
    await furnish(namespace)
    const configured = await readyTimes(namespace, writeConfig(namespace, labConfig), tries)
    const bare = await readyTimes(namespace, undefined, tries)
    const help: number[] = []
    for (let i = 0; i < tries; i++) help.push(await timeHelp())
    const row = (what: string, ours: readonly number[], empty: readonly number[]): Row => ({
      ...{ item: 'start', what, unit: 'ms', ours: spread(ours) },
      yardsticks: [{ name: 'node -e 0', spread: spread(empty) }],
    })
    return [
      { ...row('exec → READY, 2 ENIs', configured.ready, configured.empty), goal: { ratio: 2.5 } },
      { ...row('exec → READY, without a configuration file, no ENI', bare.ready, bare.empty), goal: { ratio: 2.5 } },
      row('eni-routed --help', help, configured.empty),
    ]
  })
}

async function timeHelp(): Promise<number> {
  const start = performance.now()
  await once(spawn(process.execPath, [program, '--help'], { stdio: 'ignore' }), 'exit')
  return performance.now() - start
}
