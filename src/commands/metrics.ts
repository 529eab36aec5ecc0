import { loadConfig } from '../config/load.ts'
import { ExitError, exit } from '../exit.ts'
import { metricsSocket } from '../metrics/exposition.ts'
import { readMetrics } from '../metrics/read.ts'
import { printJson } from './output.ts'
import type { CommonOptions } from './session.ts'

/** Prints the metrics of the daemon of this network namespace, as a scraper gets them. */
export async function metrics(options: CommonOptions): Promise<number> {
  const socket = metricsSocket(await loadConfig(options.config))
  const text = await readMetrics(socket, options.json ? 'application/json' : 'text/plain').catch((error: Error) => {
    throw new ExitError(
      exit.unavailable,
      `no daemon answers at ${socket} (${error.message}); start it with: systemctl start eni-routed`,
    )
  })
  if (options.json) {
    printJson(JSON.parse(text))
  } else {
    process.stdout.write(text)
  }
  return exit.ok
}
