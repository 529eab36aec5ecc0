import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { bare } from '../../src/lab/addressing.ts'
import { folderOf } from '../../src/lab/cleanup.ts'
import { changeSources } from '../../src/lab/source-check.ts'
import type { AttachOptions, Vpc } from '../../src/lab/vpc.ts'
import { familyOf } from '../../src/state/ip.ts'
import { parsePrefix } from '../../src/state/prefix.ts'
import { guestImage } from './guest-image.ts'

/** An ENI whose MAC is known before it is attached. */
export type Lease = AttachOptions & { readonly mac: string }

/**
 * The VPC's DHCP server, for IPv4: ISC's dhcpd in the fabric, whose leases may be as short as a test needs them. It runs
 * from the guest's image, so that nothing is installed on the machine: it needs no library but libc.
 */
export class DhcpServer {
  readonly #vpc: Vpc
  readonly #args: readonly string[]
  readonly #file: string
  #stop: (() => Promise<void>) | undefined

  /** Gives each ENI its first IPv4 address, for `leaseSeconds`, with the subnet's router. */
  static async start(vpc: Vpc, leases: readonly Lease[], leaseSeconds = 3600): Promise<DhcpServer> {
    const folder = folderOf(vpc.topology.fabric.name)
    mkdirSync(folder, { recursive: true })
    const [config, database] = [join(folder, 'dhcpd.conf'), join(folder, 'dhcpd.leases')]
    writeFileSync(config, configText(vpc, leases, leaseSeconds))
    writeFileSync(database, '')
    const links = [...vpc.topology.sites.values()].map(({ subnet }) => subnet.device)
    const args = ['-4', '-f', '-d', '--no-pid', '-cf', config, '-lf', database, ...links]
    // A client that has no address yet sends from 0.0.0.0, which a VPC lets pass.
    for (const { name } of leases) {
      await changeSources(vpc.topology.fabric, 'add', name, ['0.0.0.0'])
    }
    const server = new DhcpServer(vpc, join(await guestImage(), 'usr/sbin/dhcpd'), args)
    await server.start()
    return server
  }

  private constructor(vpc: Vpc, file: string, args: readonly string[]) {
    this.#vpc = vpc
    this.#file = file
    this.#args = args
  }

  /** Resolves when the server listens. */
  async start(): Promise<void> {
    const child = this.#vpc.topology.fabric.spawn(this.#file, this.#args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const said: string[] = []
    const lines = createInterface({ input: child.stderr! }).on('line', (line) => said.push(line))
    this.#stop = async () => {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    await new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => line.startsWith('Server starting service') && resolve())
      child.once('exit', () => reject(new Error(`dhcpd ended: ${said.join('\n')}`)))
    })
  }

  /** From now on nobody answers: leases run out. */
  async stop(): Promise<void> {
    await this.#stop?.()
  }
}

function configText(vpc: Vpc, leases: readonly Lease[], leaseSeconds: number): string {
  const subnets = [...vpc.topology.sites.values()].map(({ subnet }) => {
    const { address, length } = parsePrefix(subnet.router.ipv4)!
    return `subnet ${address} netmask ${maskOf(length)} { option routers ${bare(subnet.router.ipv4)}; }`
  })
  const hosts = leases.flatMap(({ name, mac, addresses = [] }) => {
    const address = addresses.find((candidate) => familyOf(candidate) === 4)
    return address ? `host ${name} { hardware ethernet ${mac}; fixed-address ${bare(address)}; }` : []
  })
  const times = [
    `default-lease-time ${leaseSeconds};`,
    `max-lease-time ${leaseSeconds};`,
    `min-lease-time ${leaseSeconds};`,
  ]
  return `${['authoritative;', 'ping-check false;', ...times, ...subnets, ...hosts].join('\n')}\n`
}

function maskOf(length: number): string {
  const bits = length === 0 ? 0 : (-1 << (32 - length)) >>> 0
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.')
}
