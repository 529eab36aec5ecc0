import { expect } from 'vitest'
import { bare } from '../../src/lab/addressing.ts'
import type { Vpc } from '../../src/lab/vpc.ts'
import { startDaemon } from './daemon.ts'
import type { EniDocuments } from './imds.ts'
import { eth0, eth1, silent } from './judge-answers.ts'
import { MetadataService, toldOf } from './metadata-service.ts'

/** Mode "imds" in the lab, whose veths are ENIs by their name. */
export const imdsConfig = '[interfaces]\ninclude = ["eth*"]\n[addresses]\nmode = "imds"\n'

/** An instance whose first ENI somebody else configured, and a daemon that may give addresses to the others. */
export async function imdsHost(vpc: Vpc) {
  const first = await vpc.attach(eth0)
  await vpc.outside.tcp(bare(eth0.addresses[0] as string))
  const service = await MetadataService.start(vpc, first.mac)
  await service.document(toldOf(first, 0))
  const daemon = await startDaemon(vpc, imdsConfig)
  await daemon.waitFor(({ event, mac }) => event === 'metadata' && mac === first.mac)
  return { service, daemon, plug: () => vpc.attach({ ...eth1, configure: false }) }
}

/** eth1 with its addresses, by the daemon. */
export async function adopted(vpc: Vpc, more: Partial<EniDocuments> = {}) {
  const world = await imdsHost(vpc)
  const second = await world.plug()
  await world.service.document(toldOf(second, 1, more))
  await expect.poll(() => silent(vpc, [eth1]), { timeout: 5_000 }).toEqual([])
  return { ...world, second }
}

/** The addresses of eth1, with their lengths, but for link-local ones. */
export const addressesOf = async (vpc: Vpc) =>
  (await vpc.instance.ip('-o address show dev eth1 scope global'))
    .split('\n')
    .map((line) => line.trim().split(/\s+/).slice(3, 4).join(' '))
    .filter((line) => line !== '')
