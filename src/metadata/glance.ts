import type { Config } from '../config/schema.ts'
import { settingsOf } from '../config/settings.ts'
import { whoConfigures } from '../instance/configurators.ts'
import type { Kernel } from '../kernel/port.ts'
import { createLog } from '../log.ts'
import { look } from '../look.ts'
import { isTouched } from '../policy/addressing.ts'
import { type Knowledge, noMetadata } from '../policy/knowledge.ts'
import { recollect } from '../policy/recollection.ts'
import type { Settings } from '../policy/settings.ts'
import { openSource } from './open.ts'
import { bareOf, watchedLinks } from './watched.ts'

/** ms; the service answers a dozen questions an ENI in 30 ms, and off EC2 nobody shall wait for it. */
const patience = 400

/** What the metadata tells of the links that are there, as far as it does so at once. For a verb without a daemon. */
export async function glanceAtMetadata(config: Config, kernel: Kernel): Promise<Knowledge> {
  const nothing: Knowledge = { ...noMetadata, expected: true, untold: true }
  const settings = settingsOf(config, [], nothing)
  const { snapshot, desired } = look({ kernel, settings, tables: new Map(), thorough: false })
  const watched = watchedLinks(snapshot, desired, settings)
  if (watched.length === 0) {
    return nothing
  }
  const left = desired.enis.filter(
    ({ eni: { link } }) =>
      !isTouched(link, snapshot, settings) || ['nobody', 'untold', 'silent'].includes(whoConfigures(link)),
  )
  /** What a daemon would adopt after a moment. */
  const adoptable = (given: Settings) => new Set(bareOf(snapshot, left, given).map(({ mac }) => mac))
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer)
      source.stop()
      const due = new Set(left.map(({ eni }) => eni.link.mac))
      const told: Knowledge = { ...noMetadata, ...source.knowledge, due }
      resolve({ ...told, adopted: adoptable({ ...settings, knowledge: told }) })
    }
    const timer = setTimeout(finish, patience)
    const source = openSource(config.metadata, createLog('silent', { write: () => {} }), {
      known: { ...nothing, enis: recollect(settings, snapshot) },
      onNews: () => {},
      onFailure: () => {},
      onWalked: finish,
    })
    source.see(watched, () => '')
  })
}
