// How soon a bare ENI answers after its documents are there, with a service that is well and with one that is not.
//   npm run load:bare -- --attaches 100
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bare } from '../../src/lab/addressing.ts'
import { monotonicMs } from '../../src/lab/agent.ts'
import { DaemonProcess } from '../../src/lab/daemon-process.ts'
import { Vpc } from '../../src/lab/vpc.ts'
import { type Faults, folderOf } from '../support/imds.ts'
import { MetadataService, toldOf } from '../support/metadata-service.ts'

const rows: readonly { readonly name: string; readonly faults: Faults }[] = [
  { name: 'no fault', faults: {} },
  { name: '30 % 503', faults: { busy: 0.3 } },
  { name: '50 % 401', faults: { denied: 0.5 } },
]
const address = '172.31.0.218'
const config = '[interfaces]\ninclude = ["eth*"]\n[addresses]\nmode = "imds"\n'

const { values } = parseArgs({
  options: { attaches: { type: 'string', default: '100' }, only: { type: 'string', default: '' } },
})
const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
for (const row of rows.filter(({ name }) => name.includes(values.only))) {
  await measure(row, Number(values.attaches))
}

/** Prints how long the addresses took, and what the service was asked meanwhile. */
async function measure({ name, faults }: (typeof rows)[number], attaches: number): Promise<void> {
  const vpc = await Vpc.create({ ipv6: 'static' })
  try {
    const first = await vpc.attach({ name: 'eth0', subnet: 'a', addresses: ['172.31.15.216/20'] })
    await vpc.outside.tcp(bare('172.31.15.216'))
    const service = await MetadataService.start(vpc, first.mac)
    await service.document(toldOf(first, 0))
    const daemon = new DaemonProcess(vpc.instance, { program: [program], config })
    await daemon.ready()
    await daemon.waitFor(({ event, mac }) => event === 'metadata' && mac === first.mac)
    await service.ask('fail', { faults })
    await service.ask('asked', {})
    const taken: number[] = []
    const [numbers, rates]: [string[], number[]] = [[], []]
    for (let i = 0; i < attaches; i++) {
      const second = await vpc.attach({ name: 'eth1', subnet: 'a', addresses: [`${address}/20`], configure: false })
      await service.ask('asked', {})
      const lag = 700 + 100 * Math.random()
      await sleep(lag)
      rates.push(((await service.ask('asked', {})).length * 1000) / lag)
      const start = monotonicMs()
      const [, at] = await Promise.all([
        service.document(toldOf(second, 1)),
        vpc.outside.firstAnswer(address, { timeoutMs: 5_000, intervalMs: 5 }),
      ])
      taken.push((at ?? Number.POSITIVE_INFINITY) - start)
      numbers.push(/from 172\.31\.0\.218 lookup (\d+)/.exec(await vpc.instance.ip('rule show'))?.[1] ?? '-')
      await vpc.detach('eth1')
      await service.ask('remove', { paths: [folderOf(second.mac)] })
      await sleep(50)
    }
    await daemon.stop()
    const sorted = taken.toSorted((a, b) => a - b)
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]?.toFixed(0)
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
    const numbered = numbers.filter((table) => table === '20001').length
    console.log(
      `${name}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, at worst ${at(1)} ms (of ${attaches}); ` +
        `${mean.toFixed(0)} requests a second while waiting, ${Math.max(...rates).toFixed(0)} at most; ` +
        `${numbered} tables of the device's number`,
    )
  } finally {
    await vpc.destroy()
  }
}
