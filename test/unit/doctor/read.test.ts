import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { salvageConfig } from '../../../src/config/salvage.ts'
import { nearest } from '../../../src/doctor/nearest.ts'
import { readFiles } from '../../../src/doctor/read/files.ts'
import { readProcesses } from '../../../src/doctor/read/processes.ts'
import { wildcardsIn } from '../../../src/doctor/read/sockets.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'eni-routed-doctor-'))
})
afterEach(() => rmSync(root, { recursive: true }))

function put(path: string, text: string): string {
  const file = join(root, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

test('files are read under the root, links as the machine sees them', () => {
  put('usr/lib/x/a.conf', 'a')
  put('etc/x/b.conf', 'b')
  mkdirSync(join(root, 'etc/x/folder.conf'))
  symlinkSync('/dev/null', join(root, 'etc/x/masked.conf'))
  symlinkSync('/usr/lib/x/a.conf', join(root, 'etc/x/absolute.conf'))
  symlinkSync('../../usr/lib/x/a.conf', join(root, 'etc/x/relative.conf'))
  symlinkSync('/nowhere', join(root, 'etc/x/dangling.conf'))
  expect(readFiles(['etc/x/*.conf', 'etc/none/*'], { root, proc: '/proc' })).toMatchObject({
    files: new Map([
      ['/etc/x/absolute.conf', 'a'],
      ['/etc/x/b.conf', 'b'],
      ['/etc/x/dangling.conf', ''],
      ['/etc/x/masked.conf', ''],
      ['/etc/x/relative.conf', 'a'],
    ]),
    denied: [],
  })
})

test('UDP sockets without an address, but those that are connected or the kernel’s', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 6623: 00000000:1388 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 197439 2 0000000080067832 0
 6624: 00000000:1389 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 197440 2 0000000080067832 0
 6625: 0100007F:138A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 197441 2 0000000080067832 0
 6626: 00000000:CA6C 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 0 2 0000000080067832 0
`
  expect(wildcardsIn(table, 4)).toEqual([{ family: 4, port: 5000, inode: 197_439 }])
})

test('processes are told with their name, command and start', () => {
  const own = readProcesses('/proc').find(({ pid }) => pid === process.pid)
  expect(own?.command[0]).toBe(process.execPath)
  expect(Math.abs((own?.startedAt ?? 0) - (Date.now() - process.uptime() * 1000))).toBeLessThan(5_000)
})

test('processes of containers are left out, also where their namespaces may not be read', () => {
  put('stat', 'btime 1000\n')
  put('self/status', 'NSpid:\t9\n')
  for (const [pid, numbers] of [
    [9, '9'],
    [10, '10\t1'],
  ] as const) {
    put(`${pid}/comm`, 'systemd-network\n')
    put(`${pid}/cmdline`, 'systemd-networkd\0')
    put(`${pid}/stat`, `${pid} (x) S ${Array(18).fill(0).join(' ')} 100\n`)
    put(`${pid}/status`, `Name:\tx\nNSpid:\t${numbers}\n`)
  }
  expect(readProcesses(root).map(({ pid }) => pid)).toEqual([9])
})

describe('the nearest word', () => {
  test.each([
    { text: '172.31.0.228', near: '172.31.0.218' },
    { text: '172.31.0.21', near: '172.31.0.218' },
    { text: '172.13.0.218', near: '172.31.0.218' },
    { text: '10.0.0.1', near: undefined },
  ])('to $text is $near', ({ text, near }) => {
    expect(nearest(text, ['172.31.15.216', '172.31.0.218'])).toBe(near)
  })
})

test('of a configuration with faults the right keys are used', () => {
  const file = put(
    'c.toml',
    'interfaces.include = ["eth*"]\n[routing]\nprotocol = 4\nlink-group = 7\nnonsense = 1\n[other]\n',
  )
  const config = salvageConfig(file)
  expect(config.interfaces.include).toEqual(['eth*'])
  expect(config.routing).toMatchObject({ protocol: 213, 'link-group': 7 })
  expect(salvageConfig(put('d.toml', 'no toml')).routing.protocol).toBe(213)
})
