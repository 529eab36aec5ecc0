import { setTimeout as sleep } from 'node:timers/promises'
import { bare } from '../../src/lab/addressing.ts'
import { Vpc } from '../../src/lab/vpc.ts'
import { KernelWatch } from '../rivals/kernel-watch.ts'
import type { Guest } from '../support/guest.ts'
import { DhcpServer, type Lease } from '../support/guest-dhcp.ts'
import { MetadataService, toldOf } from '../support/metadata-service.ts'
import type { FirstAnswer, FirstAnswerTask } from './first-answer-process.ts'
import { runProgram } from './stage.ts'

/** The ENI that is there from the beginning, and the one that comes and goes. */
export const primary: Lease = { name: 'eth0', subnet: 'a', addresses: ['172.31.15.216/20'], mac: '02:00:00:00:01:00' }
export const second: Lease = { name: 'eth1', subnet: 'a', addresses: ['172.31.0.218/20'], mac: '02:00:00:00:01:01' }
/** ms; amazon-ec2-net-utils itself asks the metadata for half a minute. */
const patience = 45_000

/** ms from the link's appearance until its address is there, and until that answers. */
export interface Attachment {
  readonly address: number
  readonly answer: number
}

/** What udev would start for a link that came, or that is gone. */
export type OnLink = (name: string, verb: 'add' | 'remove') => Promise<unknown>

/** An instance in a VPC with DHCP and metadata, to which an ENI is attached again and again. */
export class Bed {
  readonly vpc: Vpc
  readonly #metadata: MetadataService
  #guest: Guest | undefined
  #onLink: OnLink = async () => {}

  static async create(): Promise<Bed> {
    const vpc = await Vpc.create({ ipv6: 'none' })
    try {
      await DhcpServer.start(vpc, [primary, second])
      return new Bed(vpc, await MetadataService.start(vpc, primary.mac))
    } catch (error) {
      await vpc.destroy()
      throw error
    }
  }

  private constructor(vpc: Vpc, metadata: MetadataService) {
    this.vpc = vpc
    this.#metadata = metadata
  }

  /** From now on the instance is this machine, which goes with the bed. */
  inhabit(guest: Guest, onLink: OnLink = this.#onLink): void {
    this.#guest = guest
    this.#onLink = onLink
  }

  /** Plugs the primary in; resolves when it answers. `configure`: nobody in the instance gives it its address. */
  async settle({ configure }: { configure: boolean }): Promise<void> {
    const answer = this.#firstAnswer(primary)
    await this.#plug(primary, 0, configure)
    if ((await answer) === null) throw new Error('the primary ENI does not answer')
    await sleep(5_000)
  }

  /** The second ENI comes, bare, and goes when it has answered. */
  async attachOnce(): Promise<Attachment> {
    const watch = await KernelWatch.start(this.vpc.instance)
    const answer = this.#firstAnswer(second)
    // The program that asks takes a moment to start.
    await sleep(500)
    await this.#plug(second, 1, false)
    const answeredAt = (await answer) ?? Number.NaN
    const events = await watch.stop()
    await this.vpc.detach(second.name)
    await this.#onLink(second.name, 'remove')
    await sleep(3_000)
    const first = (kind: string, text: string) =>
      events.find((event) => event.kind === kind && !event.deleted && event.text.includes(text))?.at ?? Number.NaN
    const link = first('link', ` ${second.name}@`)
    return { address: first('address', ` ${addressOf(second)}/`) - link, answer: answeredAt - link }
  }

  async destroy(): Promise<void> {
    await this.#guest?.destroy()
    await this.vpc.destroy()
  }

  /** The documents are there with the link: on EC2 they come later, piece by piece. */
  async #plug(lease: Lease, device: number, configure: boolean): Promise<void> {
    const eni = { ...lease, subnet: this.vpc.subnet(lease.subnet), addresses: lease.addresses ?? [], defaultMetric: 0 }
    await this.#metadata.document(toldOf(eni, device))
    await this.vpc.attach({ ...lease, configure })
    await this.#onLink(lease.name, 'add')
  }

  #firstAnswer(lease: Lease): Promise<FirstAnswer> {
    const task: FirstAnswerTask = { address: addressOf(lease), interval: 1, patience }
    return runProgram(this.vpc.outside, 'first-answer-process', task)
  }
}

const addressOf = ({ addresses }: Lease): string => bare(addresses?.[0] ?? '')
