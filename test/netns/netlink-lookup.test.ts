import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { RequestSocket } from '../../src/netlink/request.ts'
import { ip, Kernel, unprivileged } from '../support/netlink.ts'

describe.skipIf(unprivileged)('route lookups on the kernel', () => {
  let kernel: Kernel
  let socket: RequestSocket
  const index = (name: string): number => kernel.index(name)

  beforeAll(() => {
    kernel = new Kernel()
    socket = kernel.socket
  })
  afterAll(() => kernel?.close())

  afterEach(() => {
    ip('rule flush table 100000')
    ip('route flush table 100000')
  })

  test('the way a packet would take, and the entry that it matched', () => {
    ip('rule add from 10.0.0.2 lookup 100000')
    ip('route add default via 10.0.0.254 dev nlt0 table 100000')
    const query = { family: 4, source: '10.0.0.2', destination: '192.0.2.1' } as const
    const way = { table: 100_000, type: 'unicast', nexthops: [{ oif: index('nlt0'), gateway: '10.0.0.254' }] }
    expect(socket.routeGet(query)).toMatchObject({ ...way, destination: { address: '192.0.2.1', length: 32 } })
    expect(socket.routeGet({ ...query, fibMatch: true })).toMatchObject({ ...way, destination: { length: 0 } })
  })

  test.each([
    { type: 'unreachable', code: 'EHOSTUNREACH' },
    { type: 'prohibit', code: 'EACCES' },
    { type: 'blackhole', code: 'EINVAL' },
  ])('$type is $code, in both families', ({ type, code }) => {
    ip(`route add ${type} 192.0.2.0/24 table 100000`)
    ip(`-6 route add ${type} 2001:db8:f::/48 table 100000`)
    ip('rule add lookup 100000')
    ip('-6 rule add lookup 100000')
    expect(socket.routeGet({ family: 4, destination: '192.0.2.1' })).toMatchObject({ code })
    expect(socket.routeGet({ family: 6, destination: '2001:db8:f::1' })).toMatchObject({ code })
    ip('-6 rule del lookup 100000')
    ip('-6 route flush table 100000')
  })

  test('no way at all is ENETUNREACH, in both families', () => {
    expect(socket.routeGet({ family: 4, destination: '192.0.2.1' })).toMatchObject({ code: 'ENETUNREACH' })
    expect(socket.routeGet({ family: 6, destination: '2001:db9::1' })).toMatchObject({ code: 'ENETUNREACH' })
  })

  test('a mark and an outgoing link decide', () => {
    ip('rule add fwmark 5 lookup 100000')
    ip('route add default dev nlt2 table 100000')
    const query = { family: 4, destination: '192.0.2.1' } as const
    expect(socket.routeGet({ ...query, mark: 5 })).toMatchObject({ table: 100_000 })
    expect(socket.routeGet({ ...query, oif: index('nlt0') })).toMatchObject({ nexthops: [{ oif: index('nlt0') }] })
    ip('rule del fwmark 5 lookup 100000')
  })
})
