import * as z from 'zod/mini'
import type { KnowledgeReport } from './knowledge-report.ts'

const prefix = z.object({ address: z.string(), length: z.number() })
const listed = z.object({ latest: z.array(z.string()), before: z.exactOptional(z.array(z.string())) })

/** What a verb accepts for the daemon's knowledge. */
export const knowledgeSchema: z.ZodMiniType<KnowledgeReport> = z.object({
  expected: z.boolean(),
  primaryMac: z.exactOptional(z.string()),
  enis: z.array(
    z.object({
      mac: z.string(),
      id: z.exactOptional(z.string()),
      device: z.exactOptional(z.number()),
      card: z.exactOptional(z.number()),
      subnets: z.array(prefix),
      vpc: z.array(prefix),
      delegated: z.array(prefix),
      addresses: z.object({ 4: z.exactOptional(listed), 6: z.exactOptional(listed) }),
    }),
  ),
  adopted: z.array(z.string()),
  due: z._default(z.array(z.string()), []),
  raised: z._default(z.array(z.number()), []),
  troubles: z.array(z.object({ severity: z.enum(['error', 'warning']), problem: z.string(), remedy: z.string() })),
})
