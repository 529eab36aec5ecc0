import { expect, test } from 'vitest'
import type { Evidence } from '../../../src/doctor/evidence.ts'
import { unseenOf } from '../../../src/doctor/observe.ts'
import { evidence } from '../../support/doctor.ts'

interface Row {
  readonly name: string
  readonly lacks?: Partial<Evidence>
  readonly denied?: readonly string[]
  readonly unreadable?: string
  readonly says: readonly string[]
}

test.each<Row>([
  { name: 'nothing', says: [] },
  {
    name: 'the packet filter',
    lacks: { redirections: undefined },
    says: ['the packet filter: run as root, with nft or iptables-legacy-save installed'],
  },
  {
    name: 'wires',
    lacks: { wires: undefined },
    says: ['carrier, MTU and ARP of the links: the kernel did not tell them'],
  },
  {
    name: 'sockets',
    lacks: { wildcards: undefined },
    says: ['UDP services without an address: the kernel lists no sockets without udp_diag (modprobe udp_diag)'],
  },
  {
    name: "sockets' processes",
    lacks: { wildcards: [{ families: [4], port: 5 }] },
    says: ['whose UDP sockets are without an address: run as root, where their processes are visible'],
  },
  {
    name: 'no process, where every one is known',
    lacks: { wildcards: [{ families: [4], port: 5, process: { pid: 1, name: 'x', command: [], startedAt: 0 } }] },
    says: [],
  },
  {
    name: 'the kernel',
    lacks: { kernelRefusal: { code: 'EPERM', message: '' } },
    says: ['the kernel: rules, routes and addresses could not be read'],
  },
  {
    name: 'the configuration',
    unreadable: '/etc/x.toml',
    says: ["/etc/x.toml: run as root; rules, routes and interfaces can't be judged without it"],
  },
  { name: 'three files', denied: ['/a', '/b', '/c'], says: ['/a, /b, /c: run as root'] },
  { name: 'four files', denied: ['/a', '/b', '/c', '/d'], says: ['/a, /b, /c and more: run as root'] },
])('not seen: $name', ({ lacks = {}, denied = [], unreadable, says }) => {
  expect(unseenOf({ ...evidence({}), ...lacks }, denied, unreadable)).toEqual(says)
})
