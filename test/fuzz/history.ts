import { bare } from '../../src/lab/addressing.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import type { Random } from './random.ts'

/** What others have put into the instance, as `ip` lists it; none of it may ever change. */
export interface Foreign {
  readonly rules: Set<string>
  readonly routes: Set<string>
}

const names = ['eth1', 'eth2', 'eth3', 'eth4']

/** A random history of the instance's kernel: attaches, faults, and the writes of others. */
export class History {
  readonly foreign: Foreign = { rules: new Set(), routes: new Set() }
  /** What was done, for the report of a failure. */
  readonly done: string[] = []
  readonly #vpc: Vpc
  readonly #random: Random
  readonly #attached = new Map<string, readonly string[]>()
  #serial = 0

  constructor(vpc: Vpc, random: Random) {
    this.#vpc = vpc
    this.#random = random
  }

  async start(): Promise<void> {
    await this.#attach('eth0', 'a')
  }

  /** Does one random thing. */
  async step(): Promise<void> {
    const name = this.#random.pick(names)
    switch (this.#random.below(10)) {
      case 0:
      case 1:
        return this.#attached.has(name) ? this.#detach(name) : this.#attach(name, this.#random.pick(['a', 'b']))
      case 2:
        return this.#ip(`link set dev ${this.#any()} ${this.#random.pick(['down', 'up', 'up'])}`)
      case 3:
        return this.#moveAddress(this.#any())
      case 4:
        return this.#ip(`${this.#family()}rule del priority ${20_000 + this.#random.below(3)} protocol 213`)
      case 5:
        return this.#ip(`${this.#family()}route flush table ${20_000 + this.#random.below(4)} proto 213`)
      case 6:
        return this.#ip(`link set dev ${this.#any()} group 0`)
      case 7:
        return this.#foreignRule()
      case 8:
        return this.#foreignRoute()
      default:
        return this.#ip(`route del default dev ${this.#any()}`)
    }
  }

  /** Ends every fault that nobody but its author could end: links that are down. */
  async calm(): Promise<void> {
    for (const name of this.#attached.keys()) {
      await this.#ip(`link set dev ${name} up`)
    }
  }

  #any = (): string => this.#random.pick([...this.#attached.keys()])
  #family = (): string => this.#random.pick(['', '-6 '])

  async #attach(name: string, subnet: string): Promise<void> {
    const host = 100 + (this.#serial++ % 3_000)
    const ipv4 = `172.31.${(subnet === 'a' ? 0 : 16) + (host >> 8)}.${host & 255}/20`
    const addresses = this.#random.below(3) === 0 ? [ipv4] : [ipv4, `fd00:ec2:0:${subnet}::${host.toString(16)}/64`]
    this.done.push(`attach ${name} to ${subnet} with ${addresses.join(' ')}`)
    this.#attached.set(name, addresses)
    await this.#vpc.attach({ name, subnet, addresses })
  }

  async #detach(name: string): Promise<void> {
    this.done.push(`detach ${name}`)
    this.#attached.delete(name)
    await this.#vpc.detach(name)
  }

  async #moveAddress(name: string): Promise<void> {
    const address = this.#random.pick(this.#attached.get(name) as string[])
    await this.#ip(`addr del ${address} dev ${name}`)
    await this.#ip(`addr add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`)
  }

  async #foreignRule(): Promise<void> {
    const priority = this.#random.pick([100, 5_210, 19_000, 20_001, 20_500, 21_000, 32_000])
    // Protocol 213 is foreign outside the band alone.
    const protocol = this.#random.pick(priority >= 20_000 && priority < 21_000 ? [4, 99] : [4, 99, 213])
    const selector = `from 10.${this.#random.below(250)}.0.0/16`
    const rule = `${priority} ${selector} lookup 77 ${protocol}`
    if (this.foreign.rules.delete(rule)) {
      await this.#ip(`rule del priority ${priority} ${selector} lookup 77 protocol ${protocol}`)
    } else {
      this.foreign.rules.add(rule)
      await this.#ip(`rule add priority ${priority} ${selector} lookup 77 protocol ${protocol}`)
    }
  }

  async #foreignRoute(): Promise<void> {
    const table = this.#random.pick([77, 254, 20_000, 20_001, 20_005, 29_999])
    const destination = `10.${this.#random.below(250)}.${this.#random.below(250)}.0/24`
    this.foreign.routes.add(`${destination} ${table}`)
    await this.#ip(`route replace ${destination} dev lo table ${table} proto 99`)
  }

  /** Some of what is tried is not possible at that moment; that is life on a host. */
  async #ip(command: string): Promise<void> {
    const done = await this.#vpc.instance.ip(command).then(
      () => '',
      () => ' (refused)',
    )
    this.done.push(`ip ${command}${done}`)
  }

  /** IPv4 addresses and the links that they ought to leave by. */
  get addresses(): { address: string; name: string }[] {
    return [...this.#attached].map(([name, [ipv4]]) => ({ name, address: bare(ipv4 as string) }))
  }
}
