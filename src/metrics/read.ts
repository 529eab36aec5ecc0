import { get } from 'node:http'
import { text } from 'node:stream/consumers'

/** ms; a daemon that is stopped (SIGSTOP) accepts and never answers. */
const patience = 2_000

/** What the daemon serves at the socket, in the format of that type. Rejects with the reason where it does not. */
export function readMetrics(socketPath: string, accept: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ socketPath, path: '/metrics', headers: { accept }, timeout: patience }, (response) => {
      if (response.statusCode === 200) {
        text(response).then(resolve, reject)
      } else {
        reject(new Error(`HTTP ${response.statusCode}`))
      }
    })
    request.on('timeout', () => request.destroy(new Error(`no answer within ${patience} ms`)))
    request.on('error', reject)
  })
}
