import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { guard, release, removeNamespaces } from '../../src/lab/cleanup.ts'
import { Namespace } from '../../src/lab/namespace.ts'
import { freshName } from '../../src/lab/topology.ts'

export interface Furniture {
  readonly enis: number
  /** Dealt out to the ENIs in turn, IPv4; the first of each has the length of its subnet, the others are /32. */
  readonly addresses: number
  /** Of the /32: no two neighbours, or a run of neighbours an ENI. */
  readonly lie?: 'scattered' | 'contiguous'
  /** As many IPv6 addresses too. */
  readonly ipv6?: boolean
}

/** A network namespace with ENIs in it (veths whose other end is in it too: nothing is to answer), for one measurement. */
export class Stage {
  readonly namespace: Namespace
  readonly enis: number
  readonly #remove: () => void

  private constructor(namespace: Namespace, enis: number) {
    this.namespace = namespace
    this.enis = enis
    this.#remove = () => {
      namespace.killChildren()
      removeNamespaces([namespace.name])
    }
    guard(this.#remove)
  }

  static async create({ enis, addresses, lie = 'scattered', ipv6 = false }: Furniture): Promise<Stage> {
    const namespace = new Namespace(`${freshName()}-bench`)
    execFileSync('ip', ['netns', 'add', namespace.name])
    const stage = new Stage(namespace, enis)
    const place = lie === 'scattered' ? scattered : contiguous
    const further = Array.from({ length: Math.max(0, addresses - enis) }, (_, n) => ({ n, eni: n % enis }))
    await namespace.exec('sysctl', ['-qw', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0'])
    await namespace.batch([
      'link set lo up',
      ...Array.from({ length: enis }, (_, i) => plugCommands(i, i < addresses, ipv6)).flat(),
      ...further.map(({ n, eni }) => `addr add ${place(n, eni, enis)}/32 dev eth${eni}`),
      ...(ipv6 ? further.map(({ n, eni }) => `addr add ${scattered6(n)}/128 dev eth${eni} nodad`) : []),
    ])
    return stage
  }

  async linkIndex(name: string): Promise<number> {
    return Number((await this.namespace.ip(`-o link show ${name}`)).split(':')[0])
  }

  async destroy(): Promise<void> {
    this.#remove()
    release(this.#remove)
    await this.namespace.childrenGone()
  }
}

function plugCommands(i: number, hasAddress: boolean, ipv6: boolean): string[] {
  return [
    `link add eth${i} type veth peer name peer${i}`,
    `link set eth${i} up`,
    `link set peer${i} up`,
    ...(hasAddress
      ? [
          `addr add ${first(i)}/20 dev eth${i}`,
          `route add default via ${router(i)} dev eth${i} metric ${100 + i}`,
          `neighbour add ${router(i)} lladdr 02:00:00:00:00:01 dev eth${i}`,
        ]
      : []),
    ...(hasAddress && ipv6
      ? [
          `addr add ${first6(i)}/64 dev eth${i} nodad`,
          `route add default via fe80::1 dev eth${i} metric ${100 + i}`,
          `neighbour add fe80::1 lladdr 02:00:00:00:00:01 dev eth${i}`,
        ]
      : []),
  ]
}

/** Runs a TypeScript program of the bench in a namespace with a task for it; resolves to what it prints, as JSON. */
export async function runProgram<Result>(namespace: Namespace, name: string, task: object): Promise<Result> {
  const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  return JSON.parse(await namespace.exec(process.execPath, [file, JSON.stringify(task)]))
}

/** The address of an ENI in its own subnet, and its router. */
export const first = (eni: number): string => `172.${16 + (eni >> 4)}.${(eni & 15) * 16}.5`
export const first6 = (eni: number): string => `fd00:ec2:0:${(eni + 1).toString(16)}::5`
const router = (eni: number): string => `172.${16 + (eni >> 4)}.${(eni & 15) * 16}.1`

/** The n-th of addresses of which no two are neighbours. */
export const scattered = (n: number): string => `10.${1 + (n >> 12)}.${(n >> 4) & 255}.${(n & 15) * 16 + 1}`
export const scattered6 = (n: number): string =>
  `fd00:ec2:1::${(n >> 12).toString(16)}:${((n & 4095) * 16 + 1).toString(16)}`

/** Each ENI has a /20 of its own, filled from its beginning. */
function contiguous(n: number, eni: number, enis: number): string {
  const at = Math.floor(n / enis)
  return `10.${eni >> 4}.${(eni & 15) * 16 + (at >> 8)}.${at & 255}`
}

export async function withStage<T>(furniture: Furniture, work: (stage: Stage) => Promise<T>): Promise<T> {
  const stage = await Stage.create(furniture)
  try {
    return await work(stage)
  } finally {
    await stage.destroy()
  }
}

/** Stages that are there at the same time, so that what is measured on them can take turns. */
export async function withStages<T>(all: readonly Furniture[], work: (stages: Stage[]) => Promise<T>): Promise<T> {
  const stages: Stage[] = []
  try {
    for (const furniture of all) stages.push(await Stage.create(furniture))
    return await work(stages)
  } finally {
    for (const stage of stages) await stage.destroy()
  }
}
