import type { Settings } from '../policy/settings.ts'
import type { Config } from './schema.ts'

/** The part of a configuration that the decisions depend on. */
export function settingsOf(config: Config, retired: Settings['retired'] = []): Settings {
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
  }
}
