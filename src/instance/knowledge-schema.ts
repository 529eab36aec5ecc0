import { z } from 'zod'
import type { KnowledgeReport } from './knowledge-report.ts'

const prefix = z.object({ address: z.string(), length: z.number() })
const listed = z.object({ latest: z.array(z.string()), before: z.array(z.string()).exactOptional() })

/** What a verb accepts for the daemon's knowledge. */
export const knowledgeSchema: z.ZodType<KnowledgeReport> = z.object({
  expected: z.boolean(),
  primaryMac: z.string().exactOptional(),
  enis: z.array(
    z.object({
      mac: z.string(),
      id: z.string().exactOptional(),
      device: z.number().exactOptional(),
      card: z.number().exactOptional(),
      subnets: z.array(prefix),
      vpc: z.array(prefix),
      delegated: z.array(prefix),
      addresses: z.object({ 4: listed.exactOptional(), 6: listed.exactOptional() }),
    }),
  ),
  adopted: z.array(z.string()),
  raised: z.array(z.number()).default([]),
  troubles: z.array(z.object({ severity: z.enum(['error', 'warning']), problem: z.string(), remedy: z.string() })),
})
