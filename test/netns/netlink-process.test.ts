import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { unprivileged } from '../support/netlink.ts'

const path = (name: string): string => fileURLToPath(new URL(`../../src/netlink/${name}.ts`, import.meta.url))

/** Runs a program that imports from src/netlink; the result is what it prints. It must end by itself within 10 s. */
const run = (program: string, options: { uid?: number; gid?: number } = {}): string =>
  execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    ...{ encoding: 'utf8', timeout: 10_000, env: {}, ...options },
  })

const imports = `
  import { Listener } from '${path('listener')}'
  import { RequestSocket } from '${path('request')}'
  import { addRule, deleteRule } from '${path('rule-request')}'
  import { setLinkGroup } from '${path('link')}'
`

describe.skipIf(unprivileged)('a process with a listener', () => {
  test('is not kept alive by it', () => {
    expect(run(`${imports} Listener.open({ onEvents() {}, onError() {} }); console.log('end')`)).toBe('end\n')
  })

  test('ends in order though events wait', () => {
    const program = `${imports}
      const libc = (await import('koffi')).default.load(null)
      libc.func('int unshare(int flags)')(0x40000000)
      Listener.open({ onEvents() {}, onError() {} })
      const rule = { family: 4, priority: 5, action: 'lookup', table: 5, protocol: 213 }
      console.log(RequestSocket.open().batch([addRule(rule), deleteRule(rule)]).length)
    `
    expect(run(program)).toBe('2\n')
  })

  test('hears events though nobody refers to the listener and the garbage is collected', () => {
    const program = `${imports}
      import { setFlagsFromString } from 'node:v8'
      import { runInNewContext } from 'node:vm'
      const libc = (await import('koffi')).default.load(null)
      libc.func('int unshare(int flags)')(0x40000000)
      setFlagsFromString('--expose-gc')
      const alive = setTimeout(() => {}, 5000)
      Listener.open({ onEvents: ({ events }) => { console.log(events.length); clearTimeout(alive) }, onError() {} })
      for (let i = 0; i < 5; i++) { runInNewContext('gc')(); await new Promise((resolve) => setTimeout(resolve, 10)) }
      RequestSocket.open().batch([addRule({ family: 6, priority: 5, action: 'lookup', table: 5, protocol: 213 })])
    `
    expect(run(program)).toBe('1\n')
  })
})

describe.skipIf(unprivileged)('without privilege', () => {
  const nobody = { uid: 65534, gid: 65534 }

  test('dumps and lookups work, changes are refused with EPERM', () => {
    const program = `${imports}
      const socket = RequestSocket.open()
      console.log(socket.links().items[0].name, socket.rules(4).items.length > 0, socket.strict)
      console.log(socket.batch([setLinkGroup(1, 0)])[0].code, socket.routeGet({ family: 4, destination: '127.0.0.1' }).type)
      console.log(socket.batch(Array(600).fill(setLinkGroup(1, 0))).every(({ code }) => code === 'EPERM'))
    `
    expect(run(program, nobody)).toBe('lo true true\nEPERM local\ntrue\n')
  })

  test('events are heard', () => {
    const program = `${imports}
      const listener = Listener.open({ onEvents() {}, onError() {} })
      console.log(listener.drain().overflow)
    `
    expect(run(program, nobody)).toBe('false\n')
  })
})
