import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../src/config/parse.ts'

/** As in the contract: every key, with its default. */
const sample = `
[interfaces]
include = ["driver:ena", "driver:ixgbevf", "driver:vif"]  # also names or globs "eth*", "mac:02:…", "eni-…"
exclude = []
manage = []
transit = []
[routing]
table-base = 20000
priority-base = 20000
protocol = 213
link-group = 20000            # 0 = leave link groups alone
containers = "off"
container-mark-mask = 0x7f000000
honour = []
on-stop = "keep"
[addresses]
mode = "observe"
[metadata]
mode = "auto"
endpoint = "http://169.254.169.254"
[log]
level = "info"
[metrics]
textfile = ""
socket = ""
`
const defaults = {
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

test('the sample of the contract is the configuration of an empty file', () => {
  expect(parseConfig(sample, 'sample.toml')).toEqual(defaults)
  expect(parseConfig('', 'empty.toml')).toEqual(defaults)
})

test('a table with one key has the defaults of the others', () => {
  expect(parseConfig('[routing]\nlink-group = 0', 'c.toml').routing).toEqual({ ...defaults.routing, 'link-group': 0 })
})

describe('allowed are', () => {
  test.each([
    { name: 'the lowest table band', text: 'routing.table-base = 256' },
    { name: 'the highest table band', text: 'routing.table-base = 4294957295' },
    { name: 'the lowest priority band', text: 'routing.priority-base = 1' },
    { name: 'the highest priority band', text: 'routing.priority-base = 31766' },
    { name: 'no link group', text: 'routing.link-group = 0' },
    { name: 'the highest protocol', text: 'routing.protocol = 255' },
    {
      name: 'a name, a glob, a MAC in upper case, a driver and an ENI',
      text: 'interfaces.include = ["eth1", "ens?*", "mac:02:AB:00:00:00:01", "driver:virtio_net", "eni-0123456789abcdef0"]',
    },
    { name: 'an endpoint over IPv6', text: 'metadata.endpoint = "http://[fd00:ec2::254]"' },
    { name: 'metadata that has to be there', text: 'metadata.mode = "required"' },
    { name: 'addresses by the metadata', text: 'addresses.mode = "imds"' },
    { name: "a refresh of one's own", text: 'metadata.refresh = 10' },
    { name: 'no metadata', text: 'metadata.mode = "off"' },
  ])('$name', ({ text }) => {
    expect(() => parseConfig(text, 'c.toml')).not.toThrow()
  })
})

test.each(['9', '86401', '"often"', '10.5'])('a refresh of %s is a fault that says what is allowed', (value) => {
  expect(() => parseConfig(`metadata.refresh = ${value}`, 'c.toml')).toThrow(
    `c.toml:1: metadata.refresh: ${value} must be "auto" or an integer from 10 to 86400`,
  )
})

test('addresses by a metadata that is off are a fault', () => {
  expect(() => parseConfig('[metadata]\nmode = "off"\n[addresses]\nmode = "imds"', 'c.toml')).toThrow(
    'c.toml:4: addresses.mode: "imds" needs the metadata; set metadata.mode to "auto" or "required"',
  )
})
