import type { Config } from './schema.ts'

/** What the schema makes of an empty file, written out: a start without a file does without the schema's library. */
export const defaults: Config = {
  interfaces: { include: ['driver:ena', 'driver:ixgbevf', 'driver:vif'], exclude: [], manage: [], transit: [] },
  routing: {
    'table-base': 20_000,
    'priority-base': 20_000,
    protocol: 213,
    'link-group': 20_000,
    containers: 'off',
    'container-mark-mask': 0x7f000000,
    honour: [],
    'on-stop': 'keep',
  },
  addresses: { mode: 'observe' },
  metadata: { mode: 'auto', endpoint: 'http://169.254.169.254', refresh: 'auto' },
  log: { level: 'info' },
  metrics: { textfile: '', socket: '' },
}
