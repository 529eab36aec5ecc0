import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { DaemonProcess, labConfig } from '../../src/lab/daemon-process.ts'
import type { Namespace } from '../../src/lab/namespace.ts'
import { native } from './native.ts'

export const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** Who may react to a change of a namespace in which the daemon has put everything in place: eth1 has table 20001. */
export type Reactor = (namespace: Namespace) => Promise<unknown>

/** Resolves when its first pass is verified. */
export async function daemon(namespace: Namespace): Promise<DaemonProcess> {
  const started = new DaemonProcess(namespace, { program: [program], config: labConfig })
  await started.ready(60_000)
  return started
}

/** Puts everything in place, for somebody else to take over. */
export async function furnish(namespace: Namespace): Promise<void> {
  await (await daemon(namespace)).stop()
}

/** The rule of the address, which is to come, is there already. */
export const ruleBeforehand =
  (address: string): Reactor =>
  (namespace) =>
    namespace.batch([`rule add priority 20001 from ${address} lookup 20001 protocol 213`])
/** A program in C that sends the daemon's messages at once, whatever the kernel has. */
export const floor: Reactor = async (namespace) =>
  startYardstick(namespace, native('floor'), [await eth1Of(namespace), '20001'])

/** The same in JavaScript, over the daemon's own sockets and codecs: what Node takes by itself. */
export const nodeFloor: Reactor = async (namespace) => {
  const file = fileURLToPath(new URL('node-floor.ts', import.meta.url))
  return startYardstick(namespace, process.execPath, [file, await eth1Of(namespace), '20001'])
}

const eth1Of = async (namespace: Namespace): Promise<string> =>
  (await namespace.ip('-o link show eth1')).split(':')[0] as string

/** Starts a yardstick that says "ready" on its stdout. */
export async function startYardstick(
  namespace: Namespace,
  file: string,
  args: readonly string[],
): Promise<ChildProcess> {
  const child = namespace.spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout!, 'data')
  return child
}

/** `ip monitor` and a shell loop that feeds `ip -batch`: what a person would script. */
export const shellOnAddresses: Reactor = (namespace) => startYardstick(namespace, 'sh', ['-c', onAddresses])
export const shellOnRules: Reactor = (namespace) => startYardstick(namespace, 'sh', ['-c', onRules])

const onAddresses = `echo ready
ip -o -4 monitor address dev eth1 | while read -r a b c d e rest; do
  case $a in Deleted) verb=del address=\${e%/*};; *) verb=add address=\${d%/*};; esac
  echo "rule $verb priority 20000 from $address lookup main suppress_prefixlength 1 suppress_ifgroup 20000 protocol 213
rule $verb priority 20001 from $address lookup 20001 protocol 213" | ip -batch -
done`

const onRules = `echo ready
ip -4 monitor rule | while read -r deleted priority from address rest; do
  case "$deleted $priority" in
    "Deleted 20001:") echo "rule add priority 20001 from $address lookup 20001 protocol 213" | ip -batch -;;
  esac
done`
