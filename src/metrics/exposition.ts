import type { Config } from '../config/schema.ts'
import type { LocalServer } from '../instance/local-server.ts'
import { instanceFile } from '../instance/namespace.ts'
import type { Log } from '../log.ts'
import type { Family } from './family.ts'
import { serveMetrics } from './serve.ts'
import { prometheusText } from './text.ts'
import { Textfile } from './textfile.ts'

/** The socket that a configuration names, or the one beside the status socket. */
export const metricsSocket = ({ metrics }: Config): string => metrics.socket || instanceFile('metrics.sock')

/** Where the daemon's metrics can be read: a socket always, a file where the configuration names one. */
export class Exposition {
  readonly #families: () => Family[]
  readonly #log: Log
  #server: { readonly file: string; readonly server: LocalServer } | undefined
  #textfile: { readonly file: string; readonly writer: Textfile } | undefined

  constructor(families: () => Family[], log: Log) {
    this.#families = families
    this.#log = log
  }

  /** Opens what the configuration names, and closes what an earlier one named. */
  configure(config: Config): void {
    const socket = metricsSocket(config)
    if (this.#server?.file !== socket) {
      this.#server?.server.close()
      this.#server = { file: socket, server: serveMetrics(socket, this.#families, this.#log) }
    }
    const { textfile } = config.metrics
    if (this.#textfile?.file !== textfile) {
      this.#textfile?.writer.remove()
      const writer = new Textfile(textfile, () => prometheusText(this.#families()), this.#log)
      this.#textfile = textfile === '' ? undefined : { file: textfile, writer }
    }
    this.touch()
  }

  /** Something happened that the metrics tell of. */
  touch(): void {
    this.#textfile?.writer.touch()
  }

  close(): void {
    this.#server?.server.close()
    this.#textfile?.writer.remove()
  }
}
