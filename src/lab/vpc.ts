import { bare, macOf, type Subnet } from './addressing.ts'
import { build } from './build.ts'
import { guard, release, removeNamespaces } from './cleanup.ts'
import { PrivilegeError, requireTools } from './command.ts'
import { configureCommands, type Eni, mapCommands, plugCommands, sourcesOf, unmapCommands } from './eni.ts'
import type { Host } from './host.ts'
import { admit, changeSources, type Dropped, dismiss, readDropped } from './source-check.ts'
import {
  defaultOptions,
  freshName,
  namespacesOf,
  planTopology,
  type Site,
  type Topology,
  type VpcOptions,
} from './topology.ts'

export type { Dropped, Eni, VpcOptions }

export interface AttachOptions {
  /** Name of the link in the instance. */
  readonly name: string
  readonly subnet: string
  /** Addresses that the VPC gives the ENI, with the subnet's length: `172.31.0.218/20`. */
  readonly addresses?: readonly string[]
  readonly mac?: string
  /** Whether the instance configures the ENI at once (see `Vpc.configure`); else it is bare and down, as when just plugged in. */
  readonly configure?: boolean
  /** Metric of its default routes in main; where not given, 100 for the first ENI, 101 for the second … */
  readonly defaultMetric?: number
}

/**
 * A VPC in network namespaces, as far as routing is concerned: subnets with a router, a client in each, a host beyond
 * the router, and an instance to which ENIs are attached while it runs. Frames with a source that is not the ENI's are
 * dropped and counted. Needs root, ip, nft, ping and sysctl.
 */
export class Vpc {
  readonly topology: Topology
  /** The part of `destroy` that a process can still do while it exits. */
  readonly #remove = (): void => {
    const namespaces = namespacesOf(this.topology)
    for (const namespace of namespaces) {
      namespace.killChildren()
    }
    removeNamespaces(namespaces.map(({ name }) => name))
  }
  readonly #options: Required<VpcOptions>
  readonly #enis = new Map<string, Eni>()
  #attached = 0

  /** Builds a VPC, in about 0.2 s. What was built is removed where a step fails. */
  static async create(options: VpcOptions = {}): Promise<Vpc> {
    requireTools()
    if (process.getuid?.() !== 0) {
      throw new PrivilegeError('you are not root')
    }
    const vpc = new Vpc({ ...defaultOptions, ...options })
    guard(vpc.#remove)
    try {
      await build(vpc.topology, vpc.#options)
      return vpc
    } catch (error) {
      await vpc.destroy()
      throw error
    }
  }

  private constructor(options: Required<VpcOptions>) {
    this.#options = options
    this.topology = planTopology(freshName(), options)
  }

  get instance(): Host {
    return this.topology.instance
  }

  /** The host beyond the router. */
  get outside(): Host {
    return this.topology.outside.client
  }

  /** The host of a subnet that is not the instance. */
  client(subnet: string): Host {
    return this.#site(subnet).client
  }

  /** Who has which address in a subnet. */
  subnet(name: string): Subnet {
    return this.#site(name).subnet
  }

  /** Plugs an ENI into the instance; returns when it is there, and configured unless told otherwise. */
  async attach(options: AttachOptions): Promise<Eni> {
    const { name, addresses = [], configure = true } = options
    const ordinal = ++this.#attached
    const mac = options.mac ?? macOf('02:00:00', ordinal)
    const defaultMetric = options.defaultMetric ?? 99 + ordinal
    const eni: Eni = { name, subnet: this.subnet(options.subnet), mac, addresses, defaultMetric }
    // The check comes first: no frame of a new ENI passes unseen.
    await admit(this.topology.fabric, sourcesOf(eni))
    this.#enis.set(name, eni)
    await Promise.all([this.topology.fabric.batch(plugCommands(eni, this.instance.name)), this.#map(eni, addresses)])
    if (configure) {
      await this.configure(name)
    }
    return eni
  }

  /** Configures an ENI in the instance as a DHCP client would: up, its addresses, default routes in main. */
  async configure(name: string): Promise<void> {
    await this.instance.batch(configureCommands(this.#eni(name), this.#options))
  }

  /** Pulls the ENI out: its link is gone, with whatever the kernel hangs on it. */
  async detach(name: string): Promise<void> {
    const eni = this.#eni(name)
    this.#enis.delete(name)
    await this.topology.fabric.ip(`link delete dev ${name}`)
    await Promise.all([dismiss(this.topology.fabric, sourcesOf(eni)), this.#unmap(eni, eni.addresses)])
  }

  /** The VPC gives the ENI more addresses: it may send with them and gets what is sent to them. The instance is not told. */
  async assign(name: string, ...addresses: string[]): Promise<void> {
    const eni = this.#eni(name)
    this.#enis.set(name, { ...eni, addresses: [...eni.addresses, ...addresses] })
    await Promise.all([
      changeSources(this.topology.fabric, 'add', name, addresses.map(bare)),
      this.#map(eni, addresses),
    ])
  }

  /** The VPC takes addresses from the ENI. */
  async unassign(name: string, ...addresses: string[]): Promise<void> {
    const eni = this.#eni(name)
    const gone = new Set(addresses.map(bare))
    this.#enis.set(name, { ...eni, addresses: eni.addresses.filter((address) => !gone.has(bare(address))) })
    await Promise.all([changeSources(this.topology.fabric, 'delete', name, [...gone]), this.#unmap(eni, addresses)])
  }

  /** What the source check dropped since the VPC was created, by ENI, reason and source. */
  dropped(): Promise<Dropped[]> {
    return readDropped(this.topology.fabric)
  }

  /** Ends every process in the VPC's namespaces and removes them. */
  async destroy(): Promise<void> {
    this.#remove()
    release(this.#remove)
    await Promise.all(namespacesOf(this.topology).map((namespace) => namespace.childrenGone()))
  }

  async #map({ mac, subnet }: Eni, addresses: readonly string[]): Promise<void> {
    await Promise.all([
      this.topology.fabric.batch(mapCommands(mac, addresses, subnet.device)),
      this.client(subnet.name).batch(mapCommands(mac, addresses, 'eth0')),
    ])
  }

  async #unmap({ subnet }: Eni, addresses: readonly string[]): Promise<void> {
    await Promise.all([
      this.topology.fabric.batch(unmapCommands(addresses, subnet.device)),
      this.client(subnet.name).batch(unmapCommands(addresses, 'eth0')),
    ])
  }

  #eni(name: string): Eni {
    const eni = this.#enis.get(name)
    if (!eni) {
      throw new RangeError(`no ENI ${name} is attached`)
    }
    return eni
  }

  #site(name: string): Site {
    const site = this.topology.sites.get(name)
    if (!site) {
      throw new RangeError(`the VPC has no subnet ${name}`)
    }
    return site
  }
}
