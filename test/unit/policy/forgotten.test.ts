import { getBuiltinModule } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { desiredState } from '../../../src/policy/desired.ts'
import { diff } from '../../../src/policy/diff.ts'
import { forgetKept } from '../../../src/policy/kept.ts'
import { plainSources } from '../../../src/policy/rules.ts'
import { ethSettings, snapshot } from '../../support/snapshot.ts'

const settings = ethSettings()
const host = `
  link eth0 index 2
  addr 172.31.15.216/20 dev eth0
  route default via 172.31.0.1 dev eth0
  link eth1 index 3
  addr 172.31.0.218/20 dev eth1
`
const decide = (text: string) => {
  const seen = snapshot(text)
  const desired = desiredState(seen, settings, new Map())
  diff(seen, desired, settings)
  return { seen, desired }
}

/** Each of these ENIs comes with a number, a name and addresses that no other has. */
function comeAndGo(addresses: number): WeakRef<object>[] {
  return Array.from({ length: 40 }, (_, i) => {
    const { seen, desired } = decide(`${host}
      link eth${10 + i} index ${10 + i}
      addr 172.30.0.5/20 dev eth${10 + i}
      addr fd00::5/64 dev eth${10 + i}
      ${Array.from({ length: addresses }, (_, n) => `addr 10.${i}.${n}.7/32 dev eth${10 + i}`).join('\n')}
      route default via 172.30.0.1 dev eth${10 + i} metric 300`)
    return [...seen.links, ...seen.addresses, ...seen.routes, ...desired.rules, ...desired.routes].map(
      (object) => new WeakRef<object>(object),
    )
  }).flat()
}

async function collected(refs: readonly WeakRef<object>[]): Promise<number> {
  await sleep(1)
  getBuiltinModule('node:v8').setFlagsFromString('--expose-gc')
  getBuiltinModule('node:vm').runInNewContext('gc')()
  return refs.filter((ref) => ref.deref() === undefined).length
}

test.each([
  { name: 'few addresses', addresses: 0 },
  { name: 'so many addresses that they have an index', addresses: plainSources },
])(
  'of interfaces that are gone, with $name, nothing is held once what is kept was forgotten',
  async ({ addresses }) => {
    const refs = comeAndGo(addresses)
    decide(host)
    expect(await collected(refs)).toBeLessThan(refs.length)
    forgetKept()
    decide(host)
    // What V8 just compiles on another thread holds some until it is done, on a busy machine beyond the first collection.
    await expect.poll(() => collected(refs)).toBe(refs.length)
  },
)
