import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../src/config/fault.ts'
import { parseConfig } from '../../../src/config/parse.ts'

/** Every fault of a text, as printed. */
function faultsOf(work: () => unknown): string[] {
  try {
    work()
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).message.split('\n')
  }
}
const patternForms =
  'must be a link name or glob ("eth1", "ens*"), "mac:02:00:00:00:00:01", "driver:NAME" or an ENI id ("eni-…")'

describe('parseConfig', () => {
  test.each([
    {
      name: 'an unknown key is named with those that are allowed there',
      text: '[routing]\ntable-base = 20000\ntablebase = 3',
      faults: [
        'c.toml:3: routing.tablebase: unknown key; allowed here: table-base, priority-base, protocol, link-group, containers, container-mark-mask, honour, on-stop',
      ],
    },
    {
      name: 'an unknown table is named with those that there are',
      text: '\n[route]\nx = 1',
      faults: [
        'c.toml:2: route: unknown key; allowed here: [interfaces], [routing], [addresses], [metadata], [log], [metrics]',
      ],
    },
    {
      name: 'a wrong type is shown with its value',
      text: '[routing]\nprotocol = "213"\ntable-base = 1.5\nlink-group = true',
      faults: [
        'c.toml:2: routing.protocol: "213" must be an integer from 1 to 255',
        'c.toml:3: routing.table-base: 1.5 must be an integer from 256 to 4294957295',
        'c.toml:4: routing.link-group: true must be an integer from 0 to 2147483647',
      ],
    },
    {
      name: "a table band over the kernel's own tables is refused",
      text: '[routing]\ntable-base = 100',
      faults: [
        'c.toml:2: routing.table-base: 100 begins a band of 10000 numbers that overlaps the tables default, main and local (253-255) or the end of the numbers (100-10099); allowed: 256 to 4294957295',
      ],
    },
    {
      name: 'a priority band over the rule of main is refused',
      text: '[routing]\npriority-base = 31767',
      faults: [
        'c.toml:2: routing.priority-base: 31767 begins a band of 1000 numbers that overlaps the rules that ask local (0), main (32766) and default (32767) (31767-32766); allowed: 1 to 31766',
      ],
    },
    {
      name: 'the protocol of another program is refused by its name',
      text: '[routing]\nprotocol = 16',
      faults: [
        'c.toml:2: routing.protocol: 16 is used by "dhcp", whose routes would pass for ours; choose one that no program here uses, such as 213',
      ],
    },
    {
      name: 'a choice is told with the choices',
      text: '[routing]\non-stop = "maybe"\n[log]\nlevel = "loud"',
      faults: [
        'c.toml:2: routing.on-stop: "maybe" must be one of "keep", "remove"',
        'c.toml:4: log.level: "loud" must be one of "debug", "info", "warn", "error"',
      ],
    },
    {
      name: 'elements of a list are counted from 0',
      text: '[interfaces]\ninclude = ["eth1", 5, "mac:zz", "a b", "driver:"]',
      faults: ['1]: 5', '2]: "mac:zz"', '3]: "a b"', '4]: "driver:"'].map(
        (where) => `c.toml:2: interfaces.include[${where} ${patternForms}`,
      ),
    },
    {
      name: 'one value is no list',
      text: '[interfaces]\nexclude = "eth1"',
      faults: ['c.toml:2: interfaces.exclude: "eth1" must be a list of strings'],
    },
    {
      name: 'an endpoint is an http address',
      text: '[metadata]\nendpoint = "https://169.254.169.254"',
      faults: ['c.toml:2: metadata.endpoint: "https://169.254.169.254" must be an http:// address'],
    },
    {
      name: 'a textfile has the suffix that is read',
      text: '[metrics]\ntextfile = "/run/eni-routed/metrics.txt"',
      faults: [
        'c.toml:2: metrics.textfile: "/run/eni-routed/metrics.txt" must be an absolute path that ends in .prom, since the node exporter reads no others, or "" for none',
      ],
    },
    {
      name: 'a socket has an absolute path',
      text: '[metrics]\nsocket = "metrics.sock"',
      faults: [
        'c.toml:2: metrics.socket: "metrics.sock" must be an absolute path of at most 107 characters, or "" for the one beside the status socket',
      ],
    },
    {
      name: 'a table is no value',
      text: 'routing = 5',
      faults: ['c.toml:1: routing: 5 must be a table, as in [routing]'],
    },
    {
      name: 'dotted keys have a line, too',
      text: '\nlog.level = "info"\nrouting . protocol = 3',
      faults: [
        'c.toml:3: routing.protocol: 3 is used by "boot", whose routes would pass for ours; choose one that no program here uses, such as 213',
      ],
    },
    {
      name: 'inline tables and quoted keys, too',
      text: '\n"routing" = { link-group = -1 }',
      faults: ['c.toml:2: routing.link-group: -1 must be an integer from 0 to 2147483647'],
    },
    {
      name: 'a long value is cut short',
      text: `[routing]\non-stop = "${'x'.repeat(100)}"`,
      faults: [`c.toml:2: routing.on-stop: "${'x'.repeat(56)}... must be one of "keep", "remove"`],
    },
    {
      name: 'what is no TOML is told with its line',
      text: '[log]\nlevel = "info"\nlevel = "warn"',
      faults: ['c.toml:3: not valid TOML: trying to redefine an already defined table or value'],
    },
  ])('$name', ({ text, faults }) => {
    expect(faultsOf(() => parseConfig(text, 'c.toml'))).toEqual(faults)
  })

  test('every fault is told at once, from the first line to the last', () => {
    const text = 'x = 1\n[log]\nlevel = 1\n[routing]\nprotocol = 0'
    const lines = faultsOf(() => parseConfig(text, 'c.toml')).map((fault) => fault.split(':')[1])
    expect(lines).toEqual(['1', '3', '5'])
  })
})

test('of thousands of faults the first are told, at once, and how many more there are', () => {
  const text = `[routing]\n${Array.from({ length: 20_000 }, (_, i) => `key-${i} = ${i}\n`).join('')}`
  const faults = faultsOf(() => parseConfig(text, 'c.toml'))
  expect(faults).toHaveLength(21)
  expect(faults[0]).toContain('c.toml:2: routing.key-0: unknown key')
  expect(faults.at(-1)).toBe('c.toml: and 19980 faults more')
})

test.each([
  { name: 'lists in lists', text: `[interfaces]\ninclude = ${'['.repeat(50_000)}` },
  { name: 'tables in tables', text: `[${Array(50_000).fill('a').join('.')}]` },
  { name: 'names that objects have anyway', text: '[routing]\nconstructor = 1\n__proto__ = 2\n[toString]\n' },
  { name: 'a key that is there twice', text: '[log]\nlevel = "info"\nlevel = "debug"' },
  { name: 'a table that is there twice', text: '[log]\n[log]' },
])('$name are faults like any other', ({ text }) => {
  expect(faultsOf(() => parseConfig(text, 'c.toml')).join('\n')).toMatch(/^c\.toml(:\d+)?: /)
})
