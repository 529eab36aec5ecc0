import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { folderOf } from '../../src/lab/cleanup.ts'
import { environment } from '../../src/lab/command.ts'
import { labConfig, writeConfig } from '../../src/lab/daemon-process.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { cli, startDaemon, stopDaemon } from '../support/daemon.ts'
import { eth0, eth1 } from '../support/judge-answers.ts'
import { vpcTest } from '../support/vpc.ts'

const test = vpcTest()
const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** Runs a verb where /proc is as under ProcSubset=pid: processes, and nothing of the kernel. */
async function amongProcessesAlone({ instance }: Vpc, verb: string) {
  const remount = 'mount -t proc -o subset=pid proc /proc && test ! -e /proc/locks && exec "$@"'
  const command = [process.execPath, program, verb, '--json', '--config', writeConfig(instance, labConfig)]
  const child = instance.spawn('unshare', ['--mount', 'sh', '-c', remount, 'sh', ...command], {
    env: { ...environment, RUNTIME_DIRECTORY: folderOf(instance.name) },
  })
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)])
  await closed
  return { stdout, stderr }
}

test('a daemon that does not answer is neither named nor taken for dead where the kernel does not list locks', async ({
  vpc,
}) => {
  await vpc.attach(eth0)
  await vpc.attach(eth1)
  const daemon = await startDaemon(vpc)
  daemon.process.kill('SIGSTOP')
  const silent = `process ${daemon.process.pid}`
  expect((await cli(vpc, ['status'])).stdout).toContain(`${silent} does not answer`)
  const status = await amongProcessesAlone(vpc, 'status')
  expect(status.stderr).toBe('')
  expect(JSON.parse(status.stdout)).toMatchObject({ inSync: true })
  const doctor = await amongProcessesAlone(vpc, 'doctor')
  expect(JSON.parse(doctor.stdout).findings).toBeInstanceOf(Array)
  expect(doctor.stdout).not.toContain('was killed or crashed')
  daemon.process.kill('SIGCONT')
  await stopDaemon(daemon)
})
