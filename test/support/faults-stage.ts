import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { bare } from '../../src/lab/addressing.ts'
import { run } from '../../src/lab/command.ts'
import { DaemonProcess } from '../../src/lab/daemon-process.ts'
import { Vpc, type VpcOptions } from '../../src/lab/vpc.ts'
import { cli } from './daemon.ts'
import { type GoldenEni, golden } from './golden.ts'
import { Judge } from './judge.ts'

const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

const config = `[interfaces]
include = ["eth*", "ens*"]
[metadata]
mode = "off"
`

const attachments = [
  { name: 'eth0', subnet: 'a', addresses: ['172.31.15.216/20', 'fd00:ec2:0:a::216/64'] },
  { name: 'eth1', subnet: 'a', addresses: ['172.31.0.218/20', 'fd00:ec2:0:a::218/64'] },
  { name: 'eth2', subnet: 'b', addresses: ['172.31.16.217/20', 'fd00:ec2:0:b::217/64'] },
] as const
export type BaseEni = (typeof attachments)[number]['name']

/** Objects of other programs that resemble ours: inside our bands, inside a table of ours, with our protocol outside. */
const foreignObjects = [
  'rule add priority 150 fwmark 0x77 lookup 700 protocol static',
  'rule add priority 15000 from 10.99.0.0/16 lookup 700',
  'rule add priority 20500 from 10.98.0.0/16 lookup 700 protocol static',
  'rule add priority 25000 from 10.97.0.0/16 lookup 20000 protocol 213',
  '-6 rule add priority 150 fwmark 0x77 lookup 700',
  '-6 rule add priority 20500 from fd77::/16 lookup 700 protocol static',
  'route add blackhole 10.96.0.0/16 table 700 proto 213',
  'route add blackhole 10.95.0.0/16 table 25000 proto static',
  'route add 10.94.0.0/16 dev fence table 20000 proto static',
  'route add 10.93.0.0/16 dev fence',
  '-6 route add blackhole fd96::/16 table 700 proto 213',
  '-6 route add blackhole fd95::/16 table 20000 proto static',
]

/** What a process of the daemon holds. */
export interface Resources {
  readonly rssKiB: number
  readonly descriptors: number
}

/** An instance with three ENIs under a running daemon, other programs' objects beside ours, and a judge that watches. */
export class Stage {
  readonly vpc: Vpc
  readonly judge: Judge
  /** Does what ip(8) can't, or not fast enough, without keeping the judge from watching. */
  readonly foe: Judge
  daemon: DaemonProcess
  /** All that was logged by daemons that ended. */
  earlierChanges = 0
  planted: readonly string[] = []

  static async open(options: VpcOptions = {}): Promise<Stage> {
    const vpc = await Vpc.create(options)
    try {
      for (const eni of attachments) {
        await vpc.attach(eni)
      }
      const stage = new Stage(vpc)
      await stage.daemon.ready()
      await stage.type(
        'link add fence type bridge',
        'link set dev fence group 7 up',
        'address add 10.77.0.1/24 dev fence',
      )
      await stage.type(...foreignObjects)
      stage.planted = (await stage.judge.look()).foreign
      return stage
    } catch (error) {
      await vpc.destroy()
      throw error
    }
  }

  private constructor(vpc: Vpc) {
    this.vpc = vpc
    this.judge = new Judge(vpc.instance)
    this.foe = new Judge(vpc.instance)
    this.daemon = this.newDaemon()
  }

  /** Runs ip commands in the instance, those of one family that follow one another in one process. */
  async type(...commands: string[]): Promise<void> {
    const batches: { family: string[]; lines: string[] }[] = []
    for (const command of commands) {
      const family = command.startsWith('-6 ') ? ['-6'] : []
      const last = batches.at(-1)
      const batch = last && last.family.length === family.length ? last : { family, lines: [] }
      if (batch !== last) batches.push(batch)
      batch.lines.push(command.replace('-6 ', ''))
    }
    for (const { family, lines } of batches) {
      await run('ip', ['-n', this.vpc.instance.name, ...family, '-batch', '-'], `${lines.join('\n')}\n`)
    }
  }

  /** Puts back those foreign objects that a fault takes away by its nature (`ip rule flush`). */
  async replant(what: 'rule' | '-6 rule'): Promise<void> {
    await this.type(...foreignObjects.filter((command) => command.startsWith(what)))
  }

  /** What should be there of ours: that of the three ENIs, each with what differs from how it was attached. */
  golden(differing: Partial<Record<BaseEni, Partial<GoldenEni>>> = {}, further: readonly GoldenEni[] = []): string[] {
    const base = attachments.map(({ name, subnet, addresses }, index): GoldenEni => {
      const { router } = this.vpc.subnet(subnet)
      const gateways = { gateway4: bare(router.ipv4), gateway6: router.linkLocal }
      return { name, table: 20000 + index, addresses, ...gateways, ...differing[name] }
    })
    return golden([...base, ...further])
  }

  newDaemon(): DaemonProcess {
    return new DaemonProcess(this.vpc.instance, { program: [program], config })
  }

  /** Ends the daemon without a chance for a last word. */
  async killDaemon(): Promise<void> {
    const exited = once(this.daemon.process, 'exit')
    this.daemon.process.kill('SIGKILL')
    await exited
    this.earlierChanges += this.daemon.changes.length
  }

  get changes(): number {
    return this.earlierChanges + this.daemon.changes.length
  }

  /** Does the daemon log more changes than so many, within a second? */
  async changesMore(than: number): Promise<boolean> {
    for (const end = performance.now() + 1_000; this.changes <= than && performance.now() < end; ) await sleep(5)
    return this.changes > than
  }

  /** A number that the daemon counts, by the name under which a scraper gets it; 0 where it is not there. */
  async metric(name: string): Promise<number> {
    const { stdout } = await cli(this.vpc, ['metrics'])
    const value = stdout.split('\n').find((line) => line.startsWith(`${name} `))
    return Number(value?.split(' ')[1] ?? 0)
  }

  resources(): Resources {
    const { pid } = this.daemon.process
    const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return { rssKiB: Number(rss), descriptors: readdirSync(`/proc/${pid}/fd`).length }
  }

  close(): Promise<void> {
    return this.vpc.destroy()
  }
}
