import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { listNamespaces, sweep } from '../../src/lab/cleanup.ts'
import { MissingToolsError, requireTools, run } from '../../src/lab/command.ts'
import { Vpc } from '../../src/lab/vpc.ts'
import { vpcTest } from '../support/vpc.ts'

/** Processes in the namespaces that a process made. */
async function processesOf(pid: number): Promise<string[]> {
  const lists = await Promise.all(listNamespaces(pid).map((name) => run('ip', ['netns', 'pids', name])))
  return lists.join('').trim().split('\n')
}

/** Those that run. An orphan that has ended stays as a zombie (Z) until process 1 takes notice. */
const alive = (pids: string[]): string[] => pids.filter((pid) => !/^$|\) [ZX] /.test(statOf(pid)))

function statOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return ''
  }
}

/** A process that makes a VPC of its own, with something in it that does not end by itself, and then waits. */
async function otherProcess() {
  const program = `
    import { Vpc } from '${new URL('../../src/lab/vpc.ts', import.meta.url)}'
    const vpc = await Vpc.create()
    vpc.instance.spawn('sleep', ['1000']).once('spawn', () => console.log('made'))
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  return child
}

describe.skipIf(process.getuid?.() !== 0)('a VPC leaves no namespace and no process', () => {
  vpcTest()('when it is destroyed', async ({ vpc }) => {
    await vpc.attach({ name: 'eth0', subnet: 'a', addresses: ['172.31.15.216/20'] })
    const sleeper = vpc.instance.spawn('sleep', ['1000'])
    await vpc.client('a').pingFlood('172.31.15.216')
    const pids = await processesOf(process.pid)
    expect(pids).toContain(String(sleeper.pid))
    await vpc.destroy()
    expect(alive(pids)).toEqual([])
    expect(listNamespaces(process.pid)).toEqual([])
  })

  test('when it could not be built to the end', async () => {
    const networks = { ipv4: '10.0.0.0/24', ipv6: 'fd00::/64' }
    const vpc = Vpc.create({ subnets: { a: networks, 'too-long-for-a-link': networks } })
    await expect(vpc).rejects.toThrow(/^ip -n \S+-fabric -batch -: .*"subnet-too-long-for-a-link".* not a valid ifname/)
    expect(listNamespaces(process.pid)).toEqual([])
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('when its process is ended by %s', async (signal) => {
    const child = await otherProcess()
    const pids = await processesOf(child.pid!)
    child.kill(signal)
    expect(await once(child, 'exit')).toEqual([null, signal])
    expect(listNamespaces(child.pid)).toEqual([])
    await expect.poll(() => alive(pids)).toEqual([])
  })

  vpcTest()('once swept, when its process was killed; VPCs of living processes stay', async ({ vpc }) => {
    const child = await otherProcess()
    const pids = await processesOf(child.pid!)
    child.kill('SIGKILL')
    await once(child, 'exit')
    sweep()
    expect(listNamespaces(child.pid)).toEqual([])
    await expect.poll(() => alive(pids)).toEqual([])
    expect(listNamespaces(process.pid)).toContain(vpc.instance.name)
  })
})

test('missing tools are told by name and package', () => {
  const look = () => requireTools('/nowhere:/bin/true')
  expect(look).toThrow(MissingToolsError)
  expect(look).toThrow(
    'ip (Debian package iproute2), nft (Debian package nftables), ping (Debian package iputils-ping)',
  )
})
