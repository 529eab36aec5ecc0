import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseConfig } from '../../../src/config/parse.ts'
import { Informant } from '../../../src/metadata/informant.ts'
import { memoryLog } from '../../support/fake-kernel-log.ts'
import { documentsOf, ImdsEmulator } from '../../support/imds.ts'
import { desiredOf, settings, snapshot } from '../../support/snapshot.ts'

let service: ImdsEmulator
let endpoint: string
beforeEach(async () => {
  service = new ImdsEmulator()
  endpoint = await service.listen()
  service.set({ mac: '02:00:00:00:00:02' })
})
afterEach(() => service.close())

const imds = '[addresses]\nmode = "imds"\n'
const eth0 = 'link eth0 driver ena\naddr 172.31.15.216/20 dev eth0\n'
const eth1 = 'link eth1 driver ena down\n'

/** One that has seen a pass over eth0 alone, and what it was asked to wake the daemon for since. */
function informed(toml = imds) {
  const config = parseConfig(`${toml}[metadata]\nendpoint = "${endpoint}"\n`, 'test.toml')
  const informant = new Informant({ config, log: memoryLog().log, onFailure: () => {} })
  const news: string[] = []
  informant.onNews((what) => news.push(what))
  const sight = (text: string) => {
    const seen = snapshot(text)
    const given = settings(toml, [], informant.knowledge)
    return [seen, desiredOf(seen, { settings: given }), given] as const
  }
  informant.see(...sight(eth0))
  return {
    ...{ informant, news },
    introduce: (text: string) => informant.introduce(...sight(text)),
    see: (text: string) => informant.see(...sight(text)),
  }
}

describe('a link that comes', () => {
  test('is new by its index, in the mode that gives addresses', () => {
    const { informant } = informed()
    const isNewcomer = (linkIndex: number) => informant.isNewcomer({ kind: 'link', linkIndex })
    expect([2, 3].map(isNewcomer)).toEqual([false, true])
    expect(informant.isNewcomer({ kind: 'address', linkIndex: 3 })).toBe(false)
    expect(informed('').informant.isNewcomer({ kind: 'link', linkIndex: 3 })).toBe(false)
    informant.stop()
  })

  test('bare, is worth waiting for, a moment and no longer than to the next pass', () => {
    const { informant, introduce, see } = informed()
    expect(informant.patience).toBe(0)
    introduce(eth0 + eth1)
    expect(informant.patience).toBeGreaterThan(0)
    expect(informant.patience).toBeLessThanOrEqual(20)
    see(eth0 + eth1)
    expect(informant.patience).toBe(0)
    introduce(eth0 + eth1)
    expect(informant.patience).toBe(0)
    informant.stop()
  })

  test('of which the metadata has told is waited for no more, whatever comes before the pass', async () => {
    service.set(
      documentsOf({
        mac: '02:00:00:00:00:03',
        id: 'eni-1',
        device: 1,
        ipv4: ['172.31.0.218'],
        subnet: '172.31.0.0/20',
      }),
    )
    const { informant, news, introduce } = informed()
    introduce(eth0 + eth1)
    while (news.length === 0) await turn()
    expect(informant.knowledge.enis.get('02:00:00:00:00:03')?.addresses[4]?.latest).toEqual(['172.31.0.218'])
    introduce(`${eth0}${eth1}link eth2 driver ena down\n`)
    expect(informant.patience).toBe(0)
    informant.stop()
  })

  test('with an address, is not', () => {
    const { informant, introduce } = informed()
    introduce(`${eth0}${eth1}addr 172.31.0.218/20 dev eth1\n`)
    expect(informant.patience).toBe(0)
    informant.stop()
  })
})
