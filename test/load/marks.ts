import { Vpc } from '../../src/lab/vpc.ts'
import { addContainer, publish } from '../support/container.ts'
import { cli, labConfig } from '../support/daemon.ts'

/**
 * What marks cost a packet: echo requests to a published container, there and back, on the first ENI, which answers with
 * and without. Prints the mean round trip in µs of each round, in turn, and the smallest and the median. Run as root:
 * `node test/load/marks.ts [ROUNDS] [ENIS]`.
 */
const [rounds = 9, enis = 2] = process.argv.slice(2).map(Number)
const packets = 20_000
const connmark = `${labConfig}[routing]\ncontainers = "connmark"\n`

const vpc = await Vpc.create({})
const container = await addContainer(vpc)
try {
  for (let i = 0; i < enis; i++) {
    await vpc.attach({ name: `eth${i}`, subnet: 'a', addresses: [`172.31.1.${10 + i}/20`] })
  }
  await publish(vpc, 'nft')
  const results = new Map<string, number[]>([
    ['off', []],
    ['connmark', []],
  ])
  for (let round = 0; round < rounds; round++) {
    for (const [mode, means] of results) {
      await cli(vpc, ['apply'], mode === 'off' ? labConfig : connmark)
      means.push(await meanRoundTrip())
    }
  }
  for (const [mode, means] of results) {
    const sorted = means.toSorted((a, b) => a - b)
    process.stdout.write(
      `${enis} ENIs, ${mode.padEnd(8)} min ${sorted[0]} median ${sorted[rounds >> 1]} µs of ${means.join(' ')}\n`,
    )
  }
} finally {
  container.remove()
  await vpc.destroy()
}

async function meanRoundTrip(): Promise<number> {
  const text = await vpc.client('a').exec('ping', ['-q', '-f', '-c', String(packets), '172.31.1.10'])
  return Math.round(1000 * Number(/= [\d.]+\/([\d.]+)\//.exec(text)?.[1]))
}
