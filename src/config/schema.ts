import * as z from 'zod/mini'
import { bandSize } from '../policy/settings.ts'
import { parsePrefix } from '../state/prefix.ts'

/** Protocol numbers that iproute2's rt_protos or a well-known routing daemon gives a meaning. */
const takenProtocols: Readonly<Record<number, string>> = {
  1: 'redirect',
  2: 'kernel',
  3: 'boot',
  4: 'static',
  8: 'gated',
  9: 'ra',
  10: 'mrt',
  11: 'zebra',
  12: 'bird',
  13: 'dnrouted',
  14: 'xorp',
  15: 'ntk',
  16: 'dhcp',
  17: 'mrouted',
  18: 'keepalived',
  42: 'babel',
  99: 'openr',
  186: 'bgp',
  187: 'isis',
  188: 'ospf',
  189: 'rip',
  192: 'eigrp',
}

const integer = (from: number, to: number) => {
  const allowed = `must be an integer from ${from} to ${to}`
  return z.int(allowed).check(z.minimum(from, allowed), z.maximum(to, allowed))
}

/** The base of a band, whose every number must lie in `from`-`to`; outside it would overlap `reserved`. */
const bandBase = (size: number, from: number, to: number, reserved: string) =>
  z.int(`must be an integer from ${from} to ${to - size + 1}`).check(
    z.refine((base) => base >= from && base + size - 1 <= to, {
      error: ({ input }) =>
        `begins a band of ${size} numbers that overlaps ${reserved} (${input}-${Number(input) + size - 1}); allowed: ${from} to ${to - size + 1}`,
    }),
  )

const protocol = integer(1, 255).check(
  z.refine((value) => !(value in takenProtocols), {
    error: ({ input }) =>
      `is used by "${takenProtocols[input as number]}", whose routes would pass for ours; choose one that no program here uses, such as 213`,
  }),
)

const markMask = integer(1, 0xffffffff).check(
  z.refine(
    (mask) => (mask & (mask - 1)) !== 0,
    'must have two bits at least: one for the direction, the others number the ENIs',
  ),
)

const choice = <const T extends readonly string[]>(values: T) =>
  z.enum(values, `must be one of ${values.map((value) => JSON.stringify(value)).join(', ')}`)

const matching = (pattern: RegExp, forms: string) => z.string(forms).check(z.regex(pattern, forms))

const patterns = z.array(
  matching(
    /^(mac:([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}|driver:[\w-]+|(?!mac:|driver:)[^\s/]{1,127})$/,
    'must be a link name or glob ("eth1", "ens*"), "mac:02:00:00:00:00:01", "driver:NAME" or an ENI id ("eni-…")',
  ),
  'must be a list of strings',
)

const prefixForm = 'must be a block of addresses, as "10.0.0.0/8" or "2001:db8::/32"'
const prefixes = z.array(
  z.string(prefixForm).check(z.refine((text) => parsePrefix(text) !== undefined, prefixForm)),
  'must be a list of strings',
)

const httpEndpoint = z.url({ protocol: /^http$/, error: 'must be an http:// address' })

const refreshForm = 'must be "auto" or an integer from 10 to 86400'
const refresh = z.union(
  [z.literal('auto'), z.int(refreshForm).check(z.minimum(10, refreshForm), z.maximum(86_400, refreshForm))],
  refreshForm,
)

const textfile = matching(
  /^$|^\/\P{Cc}*[^/\p{Cc}]\.prom$/u,
  'must be an absolute path that ends in .prom, since the node exporter reads no others, or "" for none',
)
/** 107 bytes: sun_path of unix(7). */
const socket = matching(
  /^$|^\/\P{Cc}{0,105}[^/\p{Cc}]$/u,
  'must be an absolute path of at most 107 characters, or "" for the one beside the status socket',
)

/** The configuration file: every table and key, its default and what it allows. Those that are not listed are faults. */
export const tables = {
  interfaces: z.strictObject({
    include: z._default(patterns, ['driver:ena', 'driver:ixgbevf', 'driver:vif']),
    exclude: z._default(patterns, []),
    manage: z._default(patterns, []),
    transit: z._default(patterns, []),
  }),
  routing: z.strictObject({
    'table-base': z._default(
      bandBase(
        bandSize.table,
        256,
        4_294_967_294,
        'the tables default, main and local (253-255) or the end of the numbers',
      ),
      20_000,
    ),
    'priority-base': z._default(
      bandBase(bandSize.priority, 1, 32_765, 'the rules that ask local (0), main (32766) and default (32767)'),
      20_000,
    ),
    protocol: z._default(protocol, 213),
    'link-group': z._default(integer(0, 2_147_483_647), 20_000),
    containers: z._default(choice(['off', 'connmark']), 'off'),
    'container-mark-mask': z._default(markMask, 0x7f000000),
    honour: z._default(prefixes, []),
    'on-stop': z._default(choice(['keep', 'remove']), 'keep'),
  }),
  addresses: z.strictObject({ mode: z._default(choice(['observe', 'imds']), 'observe') }),
  metadata: z.strictObject({
    mode: z._default(choice(['auto', 'off', 'required']), 'auto'),
    endpoint: z._default(httpEndpoint, 'http://169.254.169.254'),
    refresh: z._default(refresh, 'auto'),
  }),
  log: z.strictObject({ level: z._default(choice(['debug', 'info', 'warn', 'error']), 'info') }),
  metrics: z.strictObject({ textfile: z._default(textfile, ''), socket: z._default(socket, '') }),
}

export const configSchema = z
  .strictObject({
    interfaces: z.prefault(tables.interfaces, {}),
    routing: z.prefault(tables.routing, {}),
    addresses: z.prefault(tables.addresses, {}),
    metadata: z.prefault(tables.metadata, {}),
    log: z.prefault(tables.log, {}),
    metrics: z.prefault(tables.metrics, {}),
  })
  .check(
    // A fault that no key has by itself.
    z.refine(({ addresses, metadata }) => addresses.mode !== 'imds' || metadata.mode !== 'off', {
      path: ['addresses', 'mode'],
      error: 'needs the metadata; set metadata.mode to "auto" or "required", or leave addresses.mode at "observe"',
    }),
  )

export type Config = z.infer<typeof configSchema>
