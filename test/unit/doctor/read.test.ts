import { createSocket } from 'node:dgram'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { salvageConfig } from '../../../src/config/salvage.ts'
import { numberIn } from '../../../src/doctor/files.ts'
import { bySeverity } from '../../../src/doctor/finding.ts'
import { nearest } from '../../../src/doctor/nearest.ts'
import { readFiles } from '../../../src/doctor/read/files.ts'
import { readProcesses } from '../../../src/doctor/read/processes.ts'
import { readUdpSockets, readWildcards, wildcardsAmong } from '../../../src/doctor/read/sockets.ts'
import { readWires } from '../../../src/doctor/read/wires.ts'
import { RequestSocket } from '../../../src/netlink/request.ts'
import type { UdpSocket } from '../../../src/netlink/udp-socket.ts'
import { FakeTransport } from '../../support/netlink.ts'

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

describe('a UDP socket', () => {
  const socket = { family: 4, address: '0.0.0.0', port: 5000, oif: 0, inode: 197_439, v6only: false } as const
  test.each<{ name: string; takes: readonly number[] | undefined; but?: Partial<UdpSocket> }>([
    { name: 'of IPv4', takes: [4] },
    { name: 'of IPv6, which takes IPv4 too', but: { family: 6, address: '::' }, takes: [4, 6] },
    { name: 'of IPv6 alone', but: { family: 6, address: '::', v6only: true }, takes: [6] },
    { name: 'that has an address', but: { address: '127.0.0.1' }, takes: undefined },
    { name: 'that is bound to a link', but: { oif: 3 }, takes: undefined },
    { name: 'of the kernel itself', but: { inode: 0 }, takes: undefined },
  ])('$name', ({ but = {}, takes }) => {
    const found = wildcardsAmong([{ ...socket, ...but }], [], root)
    expect(found).toEqual(takes ? [{ families: takes, port: 5000 }] : [])
  })

  test('is told with the first process that holds it', () => {
    for (const [pid, held] of [
      [7, 'socket:[1]'],
      [8, 'socket:[197439]'],
      [9, 'socket:[197439]'],
      [10, '/dev/null'],
    ] as const) {
      put(`${pid}/comm`, 'x\n')
      mkdirSync(join(root, `${pid}/fd`))
      symlinkSync(held, join(root, `${pid}/fd/3`))
    }
    const processes = [7, 8, 9, 10, 11].map((pid) => ({ pid, name: 'x', command: [], startedAt: 0 }))
    expect(wildcardsAmong([socket, { ...socket, inode: 5 }], processes, root)).toEqual([
      { families: [4], port: 5000, process: processes[1] },
      { families: [4], port: 5000 },
    ])
  })
})

test('the kernel tells the wires', () => {
  expect(readWires()?.find(({ name }) => name === 'lo')).toMatchObject({ arp: true, mtu: expect.any(Number) })
})

test('the kernel tells the sockets, and /proc whose they are', async () => {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, resolve))
  const own = readProcesses('/proc').filter(({ pid }) => pid === process.pid)
  const found = readWildcards(own, '/proc')?.find(({ port }) => port === socket.address().port)
  socket.close()
  expect(found).toMatchObject({ families: [4], process: { pid: process.pid } })
})

test('a kernel that does not tell is no fault of the machine, and any other error is one of ours', () => {
  const silent = () => new RequestSocket(new FakeTransport())
  const broken = () =>
    new RequestSocket(
      new FakeTransport(() => {
        throw new TypeError('a slip')
      }),
    )
  expect([readWires(silent()), readUdpSockets(silent())]).toEqual([undefined, undefined])
  expect(() => readWires(broken())).toThrow('a slip')
  expect(() => readUdpSockets(broken())).toThrow('a slip')
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

test('a masked file is empty, whatever stands at /dev/null under the root', () => {
  put('dev/null', 'something')
  mkdirSync(join(root, 'etc'))
  symlinkSync('/dev/null', join(root, 'etc/masked.conf'))
  expect(readFiles(['etc/*'], { root, proc: '/proc' }).files).toEqual(new Map([['/etc/masked.conf', '']]))
})

describe('the number in a file', () => {
  test.each([
    { text: '1\n', number: 1 },
    { text: '-2', number: -2 },
    { text: 'one', number: undefined },
    { text: '', number: undefined },
    { text: undefined, number: undefined },
  ])('$text is $number', ({ text, number }) => {
    expect(numberIn(new Map(text === undefined ? [] : [['/x', text]]), '/x')).toBe(number)
  })
})

test('errors come before warnings, each in their order', () => {
  const finding = (severity: 'error' | 'warning', id: string) => ({ severity, id, what: '', evidence: [], cure: '' })
  const found = [finding('warning', 'a'), finding('error', 'b'), finding('warning', 'c'), finding('error', 'd')]
  expect(bySeverity(found).map(({ id }) => id)).toEqual(['b', 'd', 'a', 'c'])
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
  expect(salvageConfig(put('e.toml', '[routing]\nconstructor = 1\nprotocol = 214')).routing.protocol).toBe(214)
})
