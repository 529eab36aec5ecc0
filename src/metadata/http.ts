import { request } from 'node:http'

/** A reply of the service, whatever its status. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface Call {
  readonly method: 'GET' | 'PUT'
  /** `http://169.254.169.254` */
  readonly endpoint: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Ends the call, and with it the connection. */
  readonly signal: AbortSignal
}

/** Bytes; the longest document is a list of some hundred addresses. */
const longestBody = 64 * 1024

/**
 * One call on a connection of its own: the service is a hop away, and a connection that is kept is bound to a source
 * address that may have left its ENI by the next time. Rejects where no whole reply arrives.
 */
export function call({ method, endpoint, path, headers, signal }: Call): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(path, endpoint), { method, headers, signal, agent: false }, (incoming) => {
      const chunks: Buffer[] = []
      let length = 0
      incoming.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        length += chunk.length
        if (length > longestBody) outgoing.destroy(new Error(`the body is longer than ${longestBody} bytes`))
      })
      incoming.on('error', reject)
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      )
      // A connection that breaks in the middle of the body ends without 'end'.
      incoming.on('close', () => reject(new Error('the connection broke in the middle of a document')))
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}
