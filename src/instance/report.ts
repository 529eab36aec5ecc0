import { createConnection } from 'node:net'
import * as z from 'zod/mini'
import { knowledgeSchema } from './knowledge-schema.ts'
import { instanceFile } from './namespace.ts'

/** What a running daemon tells of itself, beyond what the kernel shows. */
const daemonReportSchema = z.object({
  pid: z.number(),
  version: z.string(),
  /** ISO 8601. */
  since: z.string(),
  health: z.enum(['starting', 'single', 'in sync', 'repairing', 'degraded']),
  passes: z.number(),
  changes: z.number(),
  /** ISO 8601, and the `ip` command. */
  lastChange: z.optional(z.object({ at: z.string(), command: z.string(), cause: z.string() })),
  contested: z.array(z.object({ object: z.string(), by: z.string(), repairs: z.number() })),
  tables: z.array(z.object({ linkIndex: z.number(), mac: z.string(), table: z.number() })),
  knowledge: knowledgeSchema,
})
export type DaemonReport = z.infer<typeof daemonReportSchema>

/** ms; a daemon that is stopped (SIGSTOP) accepts and never answers. */
const patience = 500
/** Bytes; more is no report of ours. */
const longestReport = 1_000_000

/** The report of the daemon of this network namespace; undefined where none runs or it does not answer. */
export async function readReport(): Promise<DaemonReport | undefined> {
  const text = await readAll(instanceFile('sock'))
  try {
    return daemonReportSchema.parse(JSON.parse(text))
  } catch {
    // Whatever answers there, it is no daemon of this version.
    return undefined
  }
}

function readAll(file: string): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = createConnection(file)
    socket.setEncoding('utf8').setTimeout(patience, () => socket.destroy())
    socket.on('data', (chunk) => {
      text += chunk
      if (text.length > longestReport) socket.destroy()
    })
    socket.on('error', () => resolve(''))
    socket.on('close', () => resolve(text))
  })
}
