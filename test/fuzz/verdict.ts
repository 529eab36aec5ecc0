import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { labConfig, startProgram, writeConfig } from '../../src/lab/daemon-process.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import type { Foreign, History } from './history.ts'

/** What is wrong in the instance now, by the kernel's own words where that is possible; empty where nothing is. */
export async function faultsOf(vpc: Vpc, history: History, program: string): Promise<string[]> {
  return [
    ...(await foreignFaults(vpc, history.foreign)),
    ...(await wayFaults(vpc, history)),
    ...(await planFaults(vpc, program)),
  ]
}

async function foreignFaults({ instance }: Vpc, foreign: Foreign): Promise<string[]> {
  const rules: { priority: number; src: string; srclen?: number; table?: string; protocol?: string }[] = JSON.parse(
    await instance.ip('-j -N rule list'),
  )
  const others = rules.filter(({ table }) => table === '77')
  const listed = others.map(
    ({ priority, src, srclen, protocol }) => `${priority} from ${src}/${srclen} lookup 77 ${protocol}`,
  )
  const routes: { dst: string; table?: string; protocol?: string }[] = JSON.parse(
    await instance.ip('-j -N route show table all proto 99'),
  )
  const present = routes.map(({ dst, table }) => `${dst} ${table ?? '254'}`)
  return [
    ...differences('foreign rule', foreign.rules, listed),
    ...differences('foreign route', foreign.routes, present),
  ]
}

function differences(what: string, expected: ReadonlySet<string>, present: readonly string[]): string[] {
  const missing = [...expected].filter((one) => !present.includes(one)).map((one) => `${what} is gone: ${one}`)
  const extra = present.filter((one) => !expected.has(one)).map((one) => `${what} nobody added: ${one}`)
  return [...missing, ...extra]
}

/** Each address leaves by its own link, or, without a router, not by that of another ENI. */
async function wayFaults({ instance }: Vpc, history: History): Promise<string[]> {
  const addresses = history.addresses
  if (addresses.length < 2) {
    return []
  }
  const defaults = await instance.ip('route show default')
  const faults = await Promise.all(
    addresses.map(async ({ address, name }) => {
      const way = await instance.ip(`route get 8.8.8.8 from ${address}`).catch((error: Error) => error.message)
      return way.includes(`dev ${name} `) || !defaults.includes(`dev ${name} `) ? [] : [`${address} of ${name}: ${way}`]
    }),
  )
  return faults.flat()
}

async function planFaults(vpc: Vpc, program: string): Promise<string[]> {
  const args = ['plan', '--config', writeConfig(vpc.instance, labConfig)]
  const child = startProgram(vpc.instance, [program], args)
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)])
  await closed
  return child.exitCode === 0 ? [] : [`plan ended with ${child.exitCode}: ${stdout}${stderr}`]
}
