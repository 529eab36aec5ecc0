import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { DaemonProcess, labConfig } from '../../src/lab/daemon-process.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { stopDaemon } from '../support/daemon.ts'
import { eth0, eth1 } from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()
const config = `${labConfig}[log]\nlevel = "debug"\n`

describe('the program beside its compiled code', () => {
  const work = mkdtempSync(join(tmpdir(), 'eni-routed-precompile-test-'))
  const home = join(work, 'eni-routed')
  const compiled = join(home, 'program.compiled')
  const precompile = (...options: string[]) =>
    execFileSync(process.execPath, [...options, join(home, 'main.js'), 'precompile', '--json'], { encoding: 'utf8' })

  beforeAll(() => {
    cpSync('dist', home, { recursive: true })
    symlinkSync(join(process.cwd(), 'node_modules'), join(work, 'node_modules'))
    rmSync(compiled, { force: true })
  })
  afterAll(() => rmSync(work, { recursive: true }))

  /** What the daemon says about how it was loaded; it is ready in any case. */
  async function loading(vpc: Vpc): Promise<string> {
    const daemon = new DaemonProcess(vpc.instance, { program: [join(home, 'main.js')], config })
    await daemon.ready()
    const { msg } = await daemon.waitFor(({ event }) => event === 'load')
    await stopDaemon(daemon)
    return msg
  }

  test('starts without any', async ({ vpc }) => {
    expect(await loading(vpc)).toBe(
      `the program was compiled anew: ENOENT: no such file or directory, open '${compiled}'`,
    )
  })

  test('says what it keeps, which is all that a start needs', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    expect(JSON.parse(precompile())).toEqual({ file: compiled, bytes: statSync(compiled).size })
    expect(await loading(vpc)).toBe('the program was loaded as it was compiled before')
    const { chunks } = JSON.parse(readFileSync(compiled, 'latin1').split('\n')[0]!)
    const names = chunks.map(([name]: [string]) => name.replace(/-[\w-]{8}\.js$/, ''))
    expect(names).toEqual(expect.arrayContaining(['program.js', 'run', 'zod', 'journal', 'libsystemd']))
  })

  test('changes nothing else, and needs nothing else', async ({ vpc }) => {
    await vpc.attach(eth0)
    await vpc.attach(eth1)
    const before = await vpc.instance.ip('rule')
    await vpc.instance.exec(process.execPath, [join(home, 'main.js'), 'precompile'])
    expect(await vpc.instance.ip('rule')).toBe(before)
  })

  test.for([
    { name: 'a wrong byte in it', spoil: () => spoilCode(), why: /is damaged$/ },
    { name: 'its end cut off', spoil: () => truncateSync(compiled, 100_000), why: /is damaged$/ },
    { name: 'nothing in it', spoil: () => truncateSync(compiled, 0), why: /JSON/ },
    { name: 'write permission for others', spoil: () => chmodSync(compiled, 0o666), why: /may be written by others/ },
    { name: 'another program beside it', spoil: () => edit('program.js'), why: /was made of another program\.js$/ },
    { name: 'other flags at its making', spoil: () => precompile('--jitless'), why: /^V8 turned down/ },
    {
      name: 'a folder in its place',
      spoil: () => {
        rmSync(compiled)
        mkdirSync(compiled)
      },
      why: /^EISDIR/,
    },
  ])('is ready with $name, and says so', async ({ spoil, why }, { expect, vpc }) => {
    rmSync(compiled, { recursive: true, force: true })
    precompile()
    spoil()
    const said = await loading(vpc)
    expect(said).toMatch(/^the program was compiled anew: /)
    expect(said.replace('the program was compiled anew: ', '')).toMatch(why)
  })

  /** Of the first chunk, which every start needs. */
  function spoilCode(): void {
    const bytes = readFileSync(compiled)
    const head = bytes.indexOf('\n') + 1
    const [[, text, code]] = JSON.parse(bytes.toString('latin1', 0, head)).chunks
    bytes[head + text + Math.floor(code / 2)]! ^= 0x40
    writeFileSync(compiled, bytes)
  }

  /** The same length and name, and another meaning. */
  function edit(name: string): void {
    const file = join(home, name)
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace('the kernel refused', 'the kernel REFUSED'))
  }

  test('names what hinders it from keeping any', ({ expect, skip }) => {
    skip(process.getuid?.() !== 0, 'needs root, to become somebody else')
    chmodSync(work, 0o755)
    rmSync(compiled, { recursive: true })
    const refused = () =>
      execFileSync(process.execPath, [join(home, 'main.js'), 'precompile'], { uid: 65534, stdio: 'pipe' })
    expect(refused).toThrow(/nothing was kept: EACCES.*; run it as the program's owner/)
  })
})
