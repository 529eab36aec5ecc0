import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { test as base, expect, inject } from 'vitest'
import { guard, release } from '../../src/lab/cleanup.ts'
import { labConfig } from '../../src/lab/daemon-process.ts'
import { look } from '../../src/lab/look.ts'
import { type AttachOptions, Vpc } from '../../src/lab/vpc.ts'
import { Guest } from '../support/guest.ts'
import { cacheFolder } from '../support/guest-image.ts'
import { stageProgram } from '../support/stage.ts'
import { JournalReader } from './journal-reader.ts'

export const unit = 'eni-routed.service'
const configFile = '/etc/eni-routed/config.toml'

export const eth0 = { name: 'eth0', subnet: 'a', addresses: ['172.31.15.216/20'] }
export const eth1 = { name: 'eth1', subnet: 'a', addresses: ['172.31.0.218/20'] }
export const eth2 = { name: 'eth2', subnet: 'b', addresses: ['172.31.16.220/20'] }

export interface MachineOptions {
  /** Those that are plugged in, and configured, before it boots. */
  readonly enis: readonly AttachOptions[]
  /** Of the program. */
  readonly config: string
}

/** A machine with ENIs, on which the program is installed and enabled. */
export class Machine {
  readonly vpc: Vpc
  readonly #stage: string
  readonly #removeStage: () => void
  #guest: Guest | undefined

  static async boot({ enis, config }: MachineOptions = { enis: [eth0, eth1], config: labConfig }): Promise<Machine> {
    const vpc = await Vpc.create()
    const machine = new Machine(vpc, config)
    try {
      for (const eni of enis) {
        await vpc.attach(eni)
      }
      await machine.start()
      return machine
    } catch (error) {
      await machine.destroy()
      throw error
    }
  }

  private constructor(vpc: Vpc, config: string) {
    this.vpc = vpc
    mkdirSync(cacheFolder, { recursive: true })
    this.#stage = mkdtempSync(join(cacheFolder, 'stage-'))
    this.#removeStage = () => rmSync(this.#stage, { recursive: true, force: true })
    guard(this.#removeStage)
    chmodSync(this.#stage, 0o755)
    stageProgram(this.#stage, config)
  }

  get guest(): Guest {
    return this.#guest!
  }

  get journal(): JournalReader {
    return new JournalReader(this.guest)
  }

  async start(): Promise<void> {
    this.#guest = await Guest.boot(this.vpc.instance, [this.#stage])
  }

  /** The power goes, and comes again: the kernel remembers nothing but the ENIs that are plugged in. */
  async reboot(): Promise<void> {
    await this.guest.destroy()
    const { instance } = this.vpc
    for (const family of ['-4', '-6']) {
      await instance.ip(`${family} rule flush proto 213`).catch(() => '')
      await instance.ip(`${family} route flush table all proto 213`).catch(() => '')
    }
    for (const { name } of [eth0, eth1]) {
      await instance.ip(`link set dev ${name} group 0`)
    }
    expect(await this.objects()).toEqual([])
    await this.start()
  }

  async destroy(): Promise<void> {
    await this.#guest?.destroy()
    await this.vpc.destroy()
    this.#removeStage()
    release(this.#removeStage)
  }

  /** A property of the unit, as `systemctl show` tells it. */
  async property(name: string): Promise<string> {
    return (await this.guest.systemctl('show', '--value', `--property=${name}`, unit)).trim()
  }

  mainPid = async (): Promise<number> => Number(await this.property('MainPID'))

  configure(toml: string): void {
    this.guest.write(configFile, toml)
  }

  /** Adds settings to the unit's [Service] until `undoOverride`. */
  async override(settings: string): Promise<void> {
    this.guest.write(`/run/systemd/system/${unit}.d/test.conf`, `[Service]\n${settings}\n`)
    await this.guest.systemctl('daemon-reload')
  }

  async undoOverride(): Promise<void> {
    this.guest.remove(`/run/systemd/system/${unit}.d`)
    await this.guest.systemctl('daemon-reload')
  }

  /** Priorities of our rules. */
  async priorities(): Promise<string> {
    return ((await this.vpc.instance.ip('rule show')).match(/^\d+(?=:.*proto 213)/gm) ?? []).join(' ')
  }

  /** What the kernel holds of ours, as the commands that make it, sorted. Read by `ip` from outside of the guest. */
  async objects(): Promise<string[]> {
    const { instance } = this.vpc
    const rules = lines(await instance.ip('rule show')).flatMap((line) => {
      const [, priority, rest] = /^(\d+):\t(.*) proto 213$/.exec(line) ?? []
      return priority ? [`ip rule add priority ${priority} ${rest} protocol 213`] : []
    })
    const routes = lines(await instance.ip('-4 route show table all proto 213')).map(
      (line) => `ip route add ${line} proto 213`,
    )
    const groups = lines(await instance.ip('-o link show group 20000')).map(
      (line) => `ip link set dev ${/^\d+: ([^:@]+)/.exec(line)?.[1]} group 20000`,
    )
    return [...groups, ...routes, ...rules].map(words).sort()
  }

  /** Do all addresses of the ENIs answer from everywhere, with nothing dropped by the VPC's source check? */
  async expectAnswers(enis: readonly AttachOptions[]): Promise<void> {
    const { answers, dropped } = await look(this.vpc, enis)
    expect(answers.filter(({ ok }) => !ok)).toEqual([])
    expect(dropped).toEqual([])
  }

  async until(what: string, holds: () => Promise<boolean>, timeoutMs = 10_000): Promise<void> {
    const end = performance.now() + timeoutMs
    while (!(await holds())) {
      if (performance.now() > end) {
        throw new Error(`in vain awaited: ${what}\n${await this.guest.journal(unit)}`)
      }
      await setTimeout(50)
    }
  }
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '')

/** The words of a command in one order: `ip` prints a table at another place than it is typed. */
export const words = (command: string): string => command.trim().split(/\s+/).sort().join(' ')

/** A `test` with a machine that the tests of one file share: it boots once, and each test leaves it as it was. */
export const test = base.extend(
  'machine',
  { scope: 'file' },
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern which fixtures this one needs
  async ({}, { onCleanup }) => {
    const machine = await Machine.boot()
    onCleanup(() => machine.destroy())
    return machine
  },
)

export const noGuests = (): boolean => inject('noGuests') !== ''
