import { type Knowledge, noMetadata } from '../policy/knowledge.ts'
import type { Settings } from '../policy/settings.ts'
import { parsePrefix } from '../state/prefix.ts'
import type { Config } from './schema.ts'

/** The part of a configuration that the decisions depend on, and what is known beside it. */
export function settingsOf(
  config: Config,
  retired: Settings['retired'] = [],
  knowledge: Knowledge = noMetadata,
): Settings {
  const { routing, interfaces } = config
  return {
    numbers: {
      tableBase: routing['table-base'],
      priorityBase: routing['priority-base'],
      protocol: routing.protocol,
      linkGroup: routing['link-group'],
    },
    retired,
    include: interfaces.include,
    exclude: interfaces.exclude,
    manage: interfaces.manage,
    transit: interfaces.transit,
    honour: routing.honour.flatMap((text) => parsePrefix(text) ?? []),
    knowledge,
    addressing: config.addresses.mode,
    ...(routing.containers === 'connmark' ? { markMask: routing['container-mark-mask'] } : {}),
  }
}
