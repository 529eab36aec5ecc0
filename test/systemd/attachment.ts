import { setTimeout } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import { monotonicMs } from '../../src/lab/agent.ts'
import { look } from '../../src/lab/look.ts'
import type { AttachOptions, Eni } from '../../src/lab/vpc.ts'
import { DhcpServer, type Lease } from '../support/guest-dhcp.ts'
import type { EniDocuments } from '../support/imds.ts'
import { MetadataService, toldOf } from '../support/metadata-service.ts'
import type { Entry } from './journal-reader.ts'
import { Machine, unit } from './machine.ts'

export const config = '[interfaces]\ninclude = ["eth*"]\n[addresses]\nmode = "imds"\n'

const eth0 = {
  name: 'eth0',
  subnet: 'a',
  addresses: ['172.31.15.216/20', 'fd00:ec2:0:a::216/128'],
  mac: '02:00:00:00:02:00',
}
/** Those that a test plugs in: eth1 to eth7, each with an address of its own. */
const pluggable: readonly Lease[] = [1, 2, 3, 4, 5, 6, 7].map((number) => ({
  name: `eth${number}`,
  subnet: 'a',
  addresses: [`172.31.0.${number}0/20`],
  mac: `02:00:00:00:02:0${number}`,
}))

export const ipv4Of = ({ addresses = [] }: Pick<AttachOptions, 'addresses'>): string => bare(addresses[0]!)

/**
 * A machine of the VPC with a metadata service, whose first ENI is configured by nobody that it knows of; the installed
 * unit may bring further ones up. Each test plugs in ENIs of its own.
 */
export class Attachment {
  readonly machine: Machine
  readonly service: MetadataService

  static async boot(): Promise<Attachment> {
    const machine = await Machine.boot({ enis: [eth0], config })
    const service = await MetadataService.start(machine.vpc, eth0.mac)
    const attachment = new Attachment(machine, service)
    await service.document(attachment.first)
    return attachment
  }

  private constructor(machine: Machine, service: MetadataService) {
    this.machine = machine
    this.service = service
  }

  /** The documents of the ENI that is always there. */
  get first(): EniDocuments {
    return toldOf({ ...eth0, defaultMetric: 100, subnet: this.machine.vpc.subnet('a') }, 0)
  }

  get guest() {
    return this.machine.guest
  }

  /** An ENI comes, bare, and goes when the test ends. */
  async plug(number: number): Promise<Eni> {
    const eni = await this.machine.vpc.attach({ ...pluggable[number - 1]!, configure: false })
    onTestFinished(() => this.machine.vpc.detach(eni.name))
    return eni
  }

  /** One comes with its documents; `ipv4` are all addresses that they list. */
  async plugKnown(number: number, ipv4?: readonly string[]): Promise<Eni> {
    const eni = await this.plug(number)
    await this.document(eni, ipv4)
    return eni
  }

  async document(eni: Eni, ipv4: readonly string[] = [ipv4Of(eni)]): Promise<void> {
    const number = Number(eni.name.slice(3))
    await this.service.document(toldOf(eni, number, { ipv4 }))
  }

  /** The VPC's DHCP server, which knows every ENI, answers from now until the test ends. */
  async dhcp(): Promise<void> {
    const server = await DhcpServer.start(this.machine.vpc, pluggable)
    onTestFinished(() => server.stop())
  }

  /** Files of the guest; they go, and what is said is done, when the test ends. */
  async write(files: Readonly<Record<string, string>>, reload: () => Promise<unknown>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      this.guest.write(path, text)
    }
    onTestFinished(async () => {
      for (const path of Object.keys(files)) {
        this.guest.remove(path)
      }
      await reload()
    })
    await reload()
  }

  /** Global addresses of a link, with their lengths. */
  async addresses(name: string): Promise<string[]> {
    const shown = JSON.parse(await this.machine.vpc.instance.ip(`-j address show dev ${name} scope global`))
    type Shown = { addr_info: { local?: string; prefixlen: number }[] }
    return (shown as Shown[])
      .flatMap(({ addr_info }) => addr_info)
      .flatMap(({ local, prefixlen }) => (local ? [`${local}/${prefixlen}`] : []))
  }

  /** ms of CLOCK_MONOTONIC at which an ENI's first address answers a host beyond the router. */
  firstAnswer(eni: Eni, timeoutMs = 10_000): Promise<number | undefined> {
    return this.machine.vpc.outside.firstAnswer(ipv4Of(eni), { timeoutMs })
  }

  /** The ENI's first address answers from everywhere, and nothing of it is dropped by the VPC. */
  async expectAnswer(eni: Eni): Promise<void> {
    const asked: AttachOptions = { ...eni, subnet: 'a', addresses: [eni.addresses[0]!] }
    await expect.poll(async () => (await look(this.machine.vpc, [asked])).answers.filter(({ ok }) => !ok)).toEqual([])
    const { answers, dropped } = await look(this.machine.vpc, [asked])
    expect(answers.filter(({ ok }) => !ok)).toEqual([])
    expect(dropped.filter(({ source }) => source === ipv4Of(eni))).toEqual([])
  }

  /** What the daemon did to a link and its addresses, as commands; routing and the link group are not among it. */
  async handled(name: string, after?: string): Promise<string[]> {
    const changes = await this.machine.journal.entries(
      { ENI_ROUTED_EVENT: 'change', ENI_ROUTED_INTERFACE: name },
      after,
    )
    return changes
      .map(({ ENI_ROUTED_COMMAND }) => ENI_ROUTED_COMMAND!)
      .filter((c) => /^ip (address|link set \S+ \S+ up)/.test(c))
  }

  /**
   * After somebody else has taken the ENI up, since `cursor`: the unit cedes it, and neither that nor a restart of `service`
   * or of the unit leads to another address than `address`, or to a change by the unit.
   */
  async expectCeded(eni: Eni, address: string, service: string, cursor: string): Promise<void> {
    await this.told({ ENI_ROUTED_EVENT: 'ceded', ENI_ROUTED_INTERFACE: eni.name }, cursor)
    await this.expectAnswer(eni)
    await this.restart(service)
    await this.expectAnswer(eni)
    await this.restart()
    await this.expectAnswer(eni)
    await setTimeout(500)
    expect(await this.addresses(eni.name)).toEqual([address])
    expect(await this.handled(eni.name, cursor)).toEqual([])
  }

  /** Waits until the unit has told something of a link in the journal. */
  async told(wanted: Entry, after?: string, timeoutMs = 10_000): Promise<void> {
    const { machine } = this
    await machine.until(
      JSON.stringify(wanted),
      async () => (await machine.journal.entries(wanted, after)).length > 0,
      timeoutMs,
    )
  }

  /** ms from the documents of a bare ENI to its first answer. */
  async timeToAnswer(eni: Eni): Promise<number> {
    const start = monotonicMs()
    const [, at] = await Promise.all([this.document(eni), this.firstAnswer(eni)])
    return (at ?? Number.POSITIVE_INFINITY) - start
  }

  restart = async (...units: readonly string[]): Promise<void> => {
    await this.guest.systemctl('restart', ...(units.length > 0 ? units : [unit]))
  }

  async destroy(): Promise<void> {
    this.service.kill()
    await this.machine.destroy()
  }
}
