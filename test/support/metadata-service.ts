import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { bare } from '../../src/lab/addressing.ts'
import type { Eni, Vpc } from '../../src/lab/vpc.ts'
import { familyOf } from '../../src/state/ip.ts'
import { documentsOf, type EniDocuments } from './imds.ts'
import type { ImdsOperations } from './imds-process.ts'

const program = fileURLToPath(new URL('./imds-process.ts', import.meta.url))

/** Where an instance finds the service. */
export const serviceAddress = { 4: '169.254.169.254', 6: 'fd00:ec2::254' } as const

/** The metadata service of a VPC of the lab, at EC2's address: every ENI reaches it by its default route. */
export class MetadataService {
  readonly #send: (line: string) => void
  readonly #pending = new Map<number, (result: never) => void>()
  readonly #stop: () => void
  #requests = 0

  private constructor(vpc: Vpc, family: 4 | 6) {
    const child = vpc.topology.fabric.spawn(process.execPath, [program, serviceAddress[family], '80'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#send = (line) => child.stdin!.write(`${line}\n`)
    this.#stop = () => child.kill('SIGKILL')
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const { id, result } = JSON.parse(line)
      this.#pending.get(id)?.(result as never)
      this.#pending.delete(id)
    })
  }

  /** Starts it, with the MAC of the primary as its only document. */
  static async start(vpc: Vpc, primaryMac: string, family: 4 | 6 = 4): Promise<MetadataService> {
    await vpc.topology.fabric.batch([
      'link set dev lo up',
      `address add ${serviceAddress[family]} dev lo${family === 6 ? ' nodad' : ''}`,
    ])
    const service = new MetadataService(vpc, family)
    await new Promise((resolve) => service.#pending.set(0, resolve))
    await service.ask('set', { documents: { mac: primaryMac } })
    return service
  }

  ask<Name extends keyof ImdsOperations>(
    operation: Name,
    request: Parameters<ImdsOperations[Name]>[0],
  ): Promise<ReturnType<ImdsOperations[Name]>> {
    const id = ++this.#requests
    const answer = new Promise<never>((resolve) => this.#pending.set(id, resolve))
    this.#send(JSON.stringify({ id, operation, ...request }))
    return answer
  }

  /** The documents of an ENI are there. */
  async document(eni: EniDocuments): Promise<void> {
    await this.ask('set', { documents: documentsOf(eni) })
  }

  /** It is gone, and its port is closed. */
  kill(): void {
    this.#stop()
  }
}

/** The documents of an ENI of the lab. */
export function toldOf(eni: Eni, device: number, more: Partial<EniDocuments> = {}): EniDocuments {
  const of = (family: 4 | 6) => eni.addresses.map(bare).filter((address) => familyOf(address) === family)
  const { router } = eni.subnet
  const blocks = { 4: blockOf(router.ipv4), 6: blockOf(router.ipv6) }
  return {
    mac: eni.mac,
    id: `eni-${String(device).padStart(17, '0')}`,
    device,
    ...(of(4).length > 0 ? { ipv4: of(4), subnet: blocks[4] } : {}),
    ...(of(6).length > 0 ? { ipv6: of(6), subnetsIpv6: [blocks[6]] } : {}),
    ...more,
  }
}

/** The router has the first address of its subnet. */
const blockOf = (router: string): string => router.replace(/1\//, familyOf(router) === 4 ? '0/' : '/')
