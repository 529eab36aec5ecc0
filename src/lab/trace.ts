import { setTimeout } from 'node:timers/promises'
import type { Namespace } from './namespace.ts'

/** By what an ENI is known in rules and routes. */
interface Marks {
  readonly name: string
  readonly table: string | undefined
  readonly addresses: readonly string[]
}

/** The table that packets from an address are looked up in, other than main; undefined where there is none. */
export async function tableOf(instance: Namespace, address: string): Promise<string | undefined> {
  const rules = await instance.ip('rule list')
  const rule = rules
    .split('\n')
    .find((line) => line.includes(`from ${address} lookup `) && !line.includes('lookup main'))
  return /lookup (\S+)/.exec(rule ?? '')?.[1]
}

/** Waits until neither family has a rule, route or link of the ENI; resolves to what is left after `timeoutMs`. */
export async function awaitNoTrace(instance: Namespace, marks: Marks, timeoutMs = 5000): Promise<string[]> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const left = await traces(instance, marks)
    if (left.length === 0 || performance.now() > end) {
      return left
    }
    await setTimeout(5)
  }
}

async function traces(instance: Namespace, { name, table, addresses }: Marks): Promise<string[]> {
  const lists = await Promise.all([
    instance.ip('-o link show'),
    ...['-4', '-6'].flatMap((family) => [
      instance.ip(`${family} rule list`),
      instance.ip(`${family} route show table all`),
    ]),
  ])
  const words = new Set([name, ...addresses])
  const ofTable = new RegExp(`(lookup|table) ${table}( |$)`)
  const lines = lists.join('').split('\n')
  return lines.filter((line) => ofTable.test(line) || line.split(/:?\s+|@/).some((word) => words.has(word)))
}
