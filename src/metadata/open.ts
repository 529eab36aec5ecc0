import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/schema.ts'
import type { Log } from '../log.ts'
import type { Knowledge } from '../policy/knowledge.ts'
import { Imds, type MetadataFailure } from './client.ts'
import { Pace } from './pace.ts'
import { MetadataSource } from './source.ts'

/** Where every instance finds the service; it has the second where that was switched on (EC2 user guide). */
const defaultEndpoint = 'http://169.254.169.254'
const ipv6Endpoint = 'http://[fd00:ec2::254]'

interface Callbacks {
  readonly known: Knowledge
  readonly onNews: (what: string) => void
  readonly onFailure: (reason: MetadataFailure) => void
  readonly onWalked?: () => void
}

/** A source that asks the service of the configuration. */
export function openSource(
  { endpoint, mode, refresh }: Config['metadata'],
  log: Log,
  callbacks: Callbacks,
): MetadataSource {
  const pace = new Pace()
  const client = new Imds({
    endpoints: endpoint === defaultEndpoint ? [endpoint, ipv6Endpoint] : [endpoint],
    pace: async () => {
      const wait = pace.take(performance.now())
      if (wait > 0) await sleep(wait)
    },
  })
  return new MetadataSource({
    ...callbacks,
    client,
    log,
    refresh: refresh === 'auto' ? refresh : refresh * 1000,
    required: mode === 'required',
  })
}
