import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { test as base, expect } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import { DaemonProcess, labConfig } from '../../src/lab/daemon-process.ts'
import { Vpc } from '../../src/lab/vpc.ts'
import { Guest } from '../support/guest.ts'
import { DhcpServer, type Lease } from '../support/guest-dhcp.ts'
import { foreignState, plantForeign } from './foreign.ts'
import { type KernelEvent, KernelWatch } from './kernel-watch.ts'
import type { PingCount, Row } from './row.ts'
import { timedPing } from './timed-ping.ts'
import { awaySpans, healed, isAway, isOurs, type Subject } from './timeline.ts'

/** Two ENIs of one subnet and one of another, and a further one to plug in. */
export const enis: readonly (Lease & { readonly addresses: readonly [string, string] })[] = [
  ['eth0', 'a', '172.31.15.216/20', 'fd00:ec2:0:a::216/128'],
  ['eth1', 'a', '172.31.0.218/20', 'fd00:ec2:0:a::218/128'],
  ['eth2', 'b', '172.31.16.220/20', 'fd00:ec2:0:b::220/128'],
  ['eth3', 'a', '172.31.0.221/20', 'fd00:ec2:0:a::221/128'],
].map(([name, subnet, ipv4, ipv6], index) => ({
  name: name!,
  subnet: subnet!,
  addresses: [ipv4!, ipv6!],
  mac: `02:00:00:00:01:0${index}`,
}))

/** At the start; the last one is for attaching. */
export const present = enis.slice(0, 3)
export const extra = enis[3]!

const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** A guest whose network a rival configures, and the daemon in it. */
export class Bench {
  readonly vpc: Vpc
  readonly guest: Guest
  #dhcp: DhcpServer | undefined
  #daemon: DaemonProcess | undefined

  static async create(): Promise<Bench> {
    const vpc = await Vpc.create({ ipv6: 'ra' })
    try {
      return new Bench(vpc, await Guest.boot(vpc.instance))
    } catch (error) {
      await vpc.destroy()
      throw error
    }
  }

  private constructor(vpc: Vpc, guest: Guest) {
    this.vpc = vpc
    this.guest = guest
  }

  get daemon(): DaemonProcess {
    return this.#daemon!
  }

  get dhcp(): DhcpServer {
    return this.#dhcp!
  }

  /** Plugs the ENIs in, bare, with a DHCP server that knows them all. */
  async plug(leaseSeconds?: number): Promise<void> {
    this.#dhcp = await DhcpServer.start(this.vpc, enis, leaseSeconds)
    for (const eni of present) {
      await this.vpc.attach({ ...eni, configure: false })
    }
  }

  /** Waits until the rival has configured the ENIs, then starts the daemon beside it and plants foreign objects. */
  async settle(): Promise<void> {
    await this.configured()
    await plantForeign(this.vpc.instance)
    this.#daemon = new DaemonProcess(this.guest, { program: [program], config: labConfig })
    await this.#daemon.ready()
    await this.inSync()
  }

  /** Resolves when the rival has given every ENI its addresses and default routes. */
  async configured(): Promise<void> {
    await this.#until('every address and a default route are there', () => this.#configured())
  }

  /** Resolves when `eni-routed check` is content: every rule and route is there, and every packet leaves the right way. */
  async inSync(timeoutMs = 8_000): Promise<void> {
    await this.#until('eni-routed check', () => this.#check(), timeoutMs)
  }

  async destroy(): Promise<void> {
    await this.guest.destroy()
    await this.vpc.destroy()
  }

  /** What the daemon has reported as wrong. */
  problems(): string {
    return this.daemon.lines
      .filter(({ event }) => event === 'problem')
      .map(({ msg }) => msg)
      .join('\n')
  }

  /** Does something to the ENIs under pings of 1 ms and tells what came of it. */
  async disturb(
    what: Pick<Row, 'rival' | 'action'> & { times?: number; note?: string; watched?: readonly Lease[] },
    action: () => Promise<void>,
  ): Promise<Row> {
    const { watched = present, times = 1, ...title } = what
    const foreign = await foreignState(this.vpc.instance)
    const changesBefore = this.daemon.changes.length
    const droppedBefore = await this.#wrongWay()
    const watch = await KernelWatch.start(this.vpc.instance)
    const pings = await Promise.all(
      watched.map(async ({ name, addresses = [] }) => ({
        name,
        address: bare(addresses[0]!),
        ping: await timedPing(this.vpc.outside, bare(addresses[0]!)),
      })),
    )
    await setTimeout(200)
    for (let time = 0; time < times; time++) {
      await action()
      await this.#calm(watch)
    }
    const losses = await Promise.all(
      pings.map(async ({ name, address, ping }) => ({ name, address, ...(await ping.stop()) })),
    )
    const events = await watch.stop()
    const subjects = enis.map(subjectOf)
    const changes = this.daemon.changes.slice(changesBefore)
    const foreignAfter = await foreignState(this.vpc.instance)
    if (process.env.RIVALS_DEBUG) {
      console.log(
        events
          .map(
            ({ at, kind, deleted, text }) =>
              `${new Date(at).toISOString().slice(17)} ${kind} ${deleted ? 'Deleted ' : ''}${text}`,
          )
          .join('\n'),
      )
      console.log(this.daemon.lines.map((line) => JSON.stringify(line)).join('\n'))
    }
    return {
      ...title,
      times,
      ...tally(
        events,
        changes.map(({ command }) => command),
      ),
      pings: losses.map(({ name, address, sent, lostAt }) =>
        countPing(name, sent, lostAt, awaySpans(events, subjects, address)),
      ),
      healed: healed(events, subjects),
      wrongWay: (await this.#wrongWay()) - droppedBefore,
      foreignChanged: foreign.filter((line) => !foreignAfter.includes(line)),
      trespasses: changes
        .map(({ command }) => command)
        .filter((command) => !/\bproto(col)? 213\b|^ip link set .* group (20000|default|0)$/.test(command)),
      daemonRuns: this.daemon.process.exitCode === null && this.daemon.process.signalCode === null,
    }
  }

  /** The rival has done what it does, and all is right again. */
  async #calm(watch: KernelWatch): Promise<void> {
    await this.configured()
    await this.inSync()
    await this.#until('nothing happens any more', async () => watch.quietFor() > 300)
  }

  /** Addresses and default routes of every ENI that is attached, in IPv4, and of IPv6 too. */
  async #configured(): Promise<boolean> {
    const [addresses, links, defaults, defaults6] = await Promise.all([
      this.vpc.instance.ip('-o address show'),
      this.vpc.instance.ip('-o link show'),
      this.vpc.instance.ip('-4 route show default'),
      this.vpc.instance.ip('-6 route show default'),
    ])
    const attached = enis.filter(({ name }) => links.includes(` ${name}@`))
    return attached.every(
      ({ name, addresses: own }) =>
        own.every((address) => addresses.includes(` ${bare(address)}/`)) &&
        defaults.includes(` dev ${name} `) &&
        defaults6.includes(` dev ${name} `),
    )
  }

  async #check(): Promise<boolean> {
    try {
      await this.guest.exec(process.execPath, [program, 'check', '--config', this.daemon.configFile])
      return true
    } catch {
      return false
    }
  }

  async #wrongWay(): Promise<number> {
    const ours = new Set(enis.flatMap(({ addresses }) => addresses.map(bare)))
    const dropped = await this.vpc.dropped()
    return dropped.filter(({ source }) => ours.has(source)).reduce((sum, { packets }) => sum + packets, 0)
  }

  async #until(what: string, holds: () => Promise<boolean>, timeoutMs = 12_000): Promise<void> {
    const end = performance.now() + timeoutMs
    while (!(await holds())) {
      if (performance.now() > end) {
        throw new Error(`in vain awaited: ${what}\n${await this.#account()}`)
      }
      await setTimeout(150)
    }
  }

  async #account(): Promise<string> {
    const instance = this.vpc.instance
    const parts = await Promise.all([
      instance.ip('-o address show'),
      instance.ip('-4 route show table all'),
      instance.ip('-6 route show table all'),
      instance.ip('rule show'),
      this.guest.exec('journalctl', ['--no-pager', '--lines=40']).catch(String),
    ])
    return [...parts, this.#daemon?.account() ?? ''].join('\n')
  }
}

export const subjectOf = ({ name, subnet, addresses = [] }: Lease): Subject => ({
  name,
  subnet,
  addresses: addresses.map(bare),
})

/** Deletions that are not the daemon's own, and what came back without having been deleted. */
function tally(events: readonly KernelEvent[], commands: readonly string[]): Pick<Row, 'deleted' | 'vanished'> {
  const count = (kind: string, deleted: boolean) =>
    events.filter((e) => isOurs(e) && e.kind === kind && e.deleted === deleted).length
  const own = (kind: string) =>
    commands.filter((command) => new RegExp(`^ip (-6 |-4 )?${kind} del`).test(command)).length
  const deleted = {
    rules: Math.max(0, count('rule', true) - own('rule')),
    routes: Math.max(0, count('route', true) - own('route')),
  }
  return { deleted, vanished: Math.max(0, count('route', false) - count('route', true)) }
}

function countPing(
  eni: string,
  sent: number,
  lostAt: readonly number[],
  spans: ReturnType<typeof awaySpans>,
): PingCount {
  const lostAway = lostAt.filter((at) => isAway(spans, at)).length
  return {
    eni,
    sent,
    lost: lostAt.length - lostAway,
    lostAway,
    awayMs: spans.reduce((sum, { from, to }) => sum + (to - from), 0),
  }
}

/** A `test` with a bench of its own. Its row goes to the report. */
export const test = base.extend('stage', async ({ skip }, { onCleanup }) => {
  skip(process.getuid?.() !== 0, 'guests need root')
  const bench = await Bench.create()
  onCleanup(() => bench.destroy())
  return bench
})

/** What holds beside every rival. */
export function expectUnharmed(row: Row): void {
  expect(row.daemonRuns, 'the daemon never exits').toBe(true)
  expect(row.trespasses, 'changes to what is not ours').toEqual([])
}
