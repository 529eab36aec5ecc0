import { z } from 'zod'
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
  const allowed = `an integer from ${from} to ${to}`
  return z
    .int({ error: `must be ${allowed}` })
    .min(from, `must be ${allowed}`)
    .max(to, `must be ${allowed}`)
}

/** The base of a band, whose every number must lie in `from`-`to`; outside it would overlap `reserved`. */
const bandBase = (size: number, from: number, to: number, reserved: string) =>
  z
    .int({ error: `must be an integer from ${from} to ${to - size + 1}` })
    .refine((base) => base >= from && base + size - 1 <= to, {
      error: ({ input }) =>
        `begins a band of ${size} numbers that overlaps ${reserved} (${input}-${Number(input) + size - 1}); allowed: ${from} to ${to - size + 1}`,
    })

const choice = <const T extends readonly string[]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.map((value) => JSON.stringify(value)).join(', ')}` })

const patternForms =
  'must be a link name or glob ("eth1", "ens*"), "mac:02:00:00:00:00:01", "driver:NAME" or an ENI id ("eni-…")'
const pattern = z
  .string({ error: patternForms })
  .regex(/^(mac:([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}|driver:[\w-]+|(?!mac:|driver:)[^\s/]{1,127})$/, patternForms)
const patterns = z.array(pattern, { error: 'must be a list of strings' })

const prefixForm = 'must be a block of addresses, as "10.0.0.0/8" or "2001:db8::/32"'
const prefix = z.string({ error: prefixForm }).refine((text) => parsePrefix(text) !== undefined, prefixForm)

const httpEndpoint = z.url({ protocol: /^http$/, error: 'must be an http:// address' })

const textfileForm =
  'must be an absolute path that ends in .prom, since the node exporter reads no others, or "" for none'
/** 107 bytes: sun_path of unix(7). */
const socketForm = 'must be an absolute path of at most 107 characters, or "" for the one beside the status socket'

/** The configuration file: every key, its default and what it allows. Keys that are not listed are faults. */
const tables = z.strictObject({
  interfaces: z
    .strictObject({
      include: patterns.default(['driver:ena', 'driver:ixgbevf', 'driver:vif']),
      exclude: patterns.default([]),
      manage: patterns.default([]),
      transit: patterns.default([]),
    })
    .prefault({}),
  routing: z
    .strictObject({
      'table-base': bandBase(
        bandSize.table,
        256,
        4_294_967_294,
        'the tables default, main and local (253-255) or the end of the numbers',
      ).default(20_000),
      'priority-base': bandBase(
        bandSize.priority,
        1,
        32_765,
        'the rules that ask local (0), main (32766) and default (32767)',
      ).default(20_000),
      protocol: integer(1, 255)
        .refine((value) => !(value in takenProtocols), {
          error: ({ input }) =>
            `is used by "${takenProtocols[input as number]}", whose routes would pass for ours; choose one that no program here uses, such as 213`,
        })
        .default(213),
      'link-group': integer(0, 2_147_483_647).default(20_000),
      containers: choice(['off', 'connmark']).default('off'),
      'container-mark-mask': integer(1, 0xffffffff)
        .refine((mask) => (mask & (mask - 1)) !== 0, {
          error: 'must have two bits at least: one for the direction, the others number the ENIs',
        })
        .default(0x7f000000),
      honour: z.array(prefix, { error: 'must be a list of strings' }).default([]),
      'on-stop': choice(['keep', 'remove']).default('keep'),
    })
    .prefault({}),
  addresses: z.strictObject({ mode: choice(['observe', 'imds']).default('observe') }).prefault({}),
  metadata: z
    .strictObject({
      mode: choice(['auto', 'off', 'required']).default('auto'),
      endpoint: httpEndpoint.default('http://169.254.169.254'),
      refresh: integer(10, 86_400).default(300),
    })
    .prefault({}),
  log: z.strictObject({ level: choice(['debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
  metrics: z
    .strictObject({
      textfile: z
        .string({ error: textfileForm })
        .regex(/^$|^\/.*[^/]\.prom$/, textfileForm)
        .default(''),
      socket: z
        .string({ error: socketForm })
        .regex(/^$|^\/.{0,105}[^/]$/, socketForm)
        .default(''),
    })
    .prefault({}),
})

/** Faults that no key has by itself. */
export const configSchema = tables.refine(
  ({ addresses, metadata }) => addresses.mode !== 'imds' || metadata.mode !== 'off',
  {
    path: ['addresses', 'mode'],
    error: 'needs the metadata; set metadata.mode to "auto" or "required", or leave addresses.mode at "observe"',
  },
)

export type Config = z.infer<typeof configSchema>
