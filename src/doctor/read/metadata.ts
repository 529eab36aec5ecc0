import { type Call, call } from '../../metadata/http.ts'
import type { MetadataProbe } from '../evidence.ts'

/** ms; the service answers within some ms, and is 0 hops away. */
const patience = 1_500

/**
 * Asks for a token and, without one, for the root document. The answer to the first is the one that the instance's hop
 * limit holds back (EC2 user guide, "Configure the Instance Metadata Service options"); the second tells whether there is
 * a service at all.
 */
export async function probeMetadata(endpoint: string): Promise<MetadataProbe> {
  const ttl = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' }
  const [token, bare] = await Promise.all([
    statusOf({ endpoint, path: '/latest/api/token', method: 'PUT', headers: ttl }),
    statusOf({ endpoint, path: '/latest/meta-data/', method: 'GET', headers: {} }),
  ])
  return { endpoint, token, bare }
}

/** The HTTP status, or why there was none. */
async function statusOf(question: Omit<Call, 'signal'>): Promise<number | string> {
  const signal = AbortSignal.timeout(patience)
  try {
    return (await call({ ...question, signal })).status
  } catch (error) {
    return signal.aborted ? 'timeout' : ((error as NodeJS.ErrnoException).code ?? String(error))
  }
}
