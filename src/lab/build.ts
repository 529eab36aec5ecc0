import { CommandError, PrivilegeError, run } from './command.ts'
import { bridgeCommands, hostCommands, hostSysctls, outsideCommands, routerSysctls } from './network.ts'
import { advertiseRouters } from './router-advertisement.ts'
import { installSourceCheck } from './source-check.ts'
import { hostsOf, namespacesOf, type Topology, type VpcOptions } from './topology.ts'

/** Makes the namespaces of a topology and all that is in them but ENIs. Throws in the middle where a step fails. */
export async function build(topology: Topology, options: Required<VpcOptions>): Promise<void> {
  await makeNamespaces(topology)
  // The agents take longest to start, and need no link for it.
  const agents = hostsOf(topology).map((host) => host.startAgent())
  await Promise.all([...agents, installSourceCheck(topology.fabric), wire(topology, options)])
  if (options.ipv6 === 'ra') {
    advertiseRouters(
      topology.fabric,
      [...topology.sites.values()].map(({ subnet }) => subnet),
    )
  }
}

async function makeNamespaces(topology: Topology): Promise<void> {
  try {
    await run(
      'ip',
      ['-batch', '-'],
      namespacesOf(topology)
        .map(({ name }) => `netns add ${name}\n`)
        .join(''),
    )
  } catch (error) {
    // Root of a container often may not.
    const refused = error instanceof CommandError && /not permitted/.test(error.stderr)
    throw refused ? new PrivilegeError(error.message) : error
  }
}

async function wire({ fabric, instance, sites, outside }: Topology, options: Required<VpcOptions>): Promise<void> {
  const { ipv6 } = options
  const clients = [...sites.values(), outside]
  // Before there are links: they take their settings from here when they appear.
  await Promise.all([
    fabric.sysctl(routerSysctls(ipv6)),
    instance.sysctl(hostSysctls(options)),
    ...clients.map(({ client }) => client.sysctl(hostSysctls({ ipv6, dad: false, rpFilter: 0 }))),
  ])
  await fabric.batch([
    ...[...sites.values()].flatMap(({ subnet, client }) => bridgeCommands(subnet, client, ipv6)),
    ...outsideCommands(outside.subnet, outside.client, ipv6),
  ])
  await Promise.all([
    instance.ip('link set dev lo up'),
    ...clients.map(({ subnet, client }) => client.batch(hostCommands(subnet, ipv6))),
  ])
}
