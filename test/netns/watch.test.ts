import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect } from 'vitest'
import { environment } from '../../src/lab/command.ts'
import { labConfig, writeConfig } from '../../src/lab/daemon-process.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { cli } from '../support/daemon.ts'
import { eth0, eth1 } from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()
const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const enter = '\u001b[?1049h'
const leave = '\u001b[?1049l'

async function setUp(vpc: Vpc): Promise<string[]> {
  await vpc.attach(eth0)
  await vpc.attach(eth1)
  await cli(vpc, ['apply'])
  return [process.execPath, program, 'watch', '--config', writeConfig(vpc.instance, labConfig)]
}

/** What a process has printed so far, and a wait until it holds a text. */
function printed(child: ChildProcess): { text(): string; until(part: string): Promise<void> } {
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (more) => {
    text += more
  })
  const until = async (part: string) => {
    while (!text.includes(part)) await once(child.stdout as NodeJS.ReadableStream, 'data')
  }
  return { text: () => text, until }
}

/** In a terminal of its own (util-linux' script). */
const onTerminal = (vpc: Vpc, command: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  vpc.instance.spawn('script', ['-qec', command.join(' '), '/dev/null'], {
    env: { ...environment, TERM: 'xterm', ...env },
  })

describe('watch on a terminal', () => {
  test('shows ENIs and changes, and gives the terminal back at q', async ({ vpc }) => {
    const child = onTerminal(vpc, await setUp(vpc))
    const screen = printed(child)
    await screen.until('172.31.0.218')
    expect(screen.text()).toContain(enter)
    await vpc.instance.ip('rule del priority 20001 from 172.31.0.218')
    await screen.until('- rule priority 20001 from 172.31.0.218 lookup 20001')
    child.stdin?.write('q')
    const [code] = await once(child, 'exit')
    expect(code).toBe(0)
    expect(screen.text()).toContain(leave)
    expect(screen.text().lastIndexOf(leave)).toBeGreaterThan(screen.text().lastIndexOf('q quits'))
  })

  test('gives it back after Ctrl-C, and without colour where NO_COLOR says so', async ({ vpc }) => {
    const child = onTerminal(vpc, await setUp(vpc), { NO_COLOR: '1' })
    const screen = printed(child)
    await screen.until('172.31.0.218')
    child.stdin?.write('\u0003')
    await once(child, 'exit')
    expect(screen.text()).toContain(leave)
    expect(screen.text()).not.toContain('\u001b[3')
  })
})

describe('watch elsewhere', () => {
  test.for(['--json', ''])('prints a line for each change (%s), until SIGTERM', async (option, { vpc }) => {
    const [file, ...args] = await setUp(vpc)
    const child = vpc.instance.spawn(file as string, option ? [...args, option] : args)
    const lines = printed(child)
    await lines.until('in sync')
    await vpc.instance.ip('address add 172.31.0.219/20 dev eth1')
    await lines.until('+ address 172.31.0.219 dev eth1')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(lines.text()).not.toContain('\u001b')
    if (option) {
      const events = lines
        .text()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(events[0]).toMatchObject({ event: 'state', what: 'in sync, 2 ENIs, no daemon' })
      expect(events).toContainEqual(
        expect.objectContaining({ event: 'change', what: '+ address 172.31.0.219 dev eth1' }),
      )
    }
  })
})
