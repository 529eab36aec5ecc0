import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NetlinkError } from '../../src/netlink/errors.ts'
import type { EventBatch } from '../../src/netlink/event-reader.ts'
import { setLinkGroup } from '../../src/netlink/link.ts'
import { Listener } from '../../src/netlink/listener.ts'
import { RequestSocket } from '../../src/netlink/request.ts'
import { decodeRoute } from '../../src/netlink/route.ts'
import { addRoute, deleteRoute } from '../../src/netlink/route-request.ts'
import { addRule, deleteRule } from '../../src/netlink/rule-request.ts'
import type { Route } from '../../src/state/route.ts'
import type { Rule } from '../../src/state/rule.ts'
import { codes, ip, Kernel, unprivileged } from '../support/netlink.ts'

const own: Rule = { family: 4, priority: 20001, action: 'lookup', table: 20000, protocol: 213 }

describe.skipIf(unprivileged)('events of the kernel', () => {
  let kernel: Kernel
  let socket: RequestSocket
  const index = (name: string): number => kernel.index(name)

  beforeAll(() => {
    kernel = new Kernel()
    socket = kernel.socket
  })
  afterAll(() => kernel?.close())

  const listen = (options: Partial<Parameters<typeof Listener.open>[0]> = {}) => {
    const batches: EventBatch[] = []
    const listener = Listener.open({
      onEvents: (batch) => batches.push(batch),
      onError: (error) => {
        throw error
      },
      ...options,
    })
    return { listener, batches, events: () => batches.flatMap(({ events }) => events) }
  }
  const until = async (condition: () => boolean) => {
    for (let i = 0; i < 2_000 && !condition(); i++) await sleep(5)
    expect(condition()).toBe(true)
  }

  test('hears every kind, and who asked', async () => {
    const { listener, events } = listen()
    socket.batch([addRule(own), setLinkGroup(index('nlt2'), 9)])
    for (const command of [
      'rule del priority 20001',
      'addr add 10.5.5.5/32 dev nlt2',
      'route add 10.6.0.0/16 dev nlt2 table 100000',
      '-6 route add 2001:db8:6::/48 dev nlt2 table 100000',
      'nexthop add id 99 dev nlt2',
      'nexthop del id 99',
    ]) {
      ip(command)
    }
    await until(() => events().some(({ kind, deleted }) => kind === 'nexthop' && deleted))
    const heard = events().map(({ kind, deleted, portId }) => [
      `${deleted ? '-' : '+'}${kind}`,
      portId === socket.portId,
    ])
    expect(heard).toEqual(
      expect.arrayContaining([
        ['+rule', true],
        // The kernel does not say who asked about links.
        ['+link', false],
        ['-rule', false],
        ['+address', false],
      ]),
    )
    expect(heard).toEqual(
      expect.arrayContaining([
        ['+route', false],
        ['+nexthop', false],
        ['-nexthop', false],
      ]),
    )
    expect(
      events()
        .filter(({ kind }) => kind === 'route')
        .map(({ payload }) => decodeRoute(payload)?.table),
    ).toContain(100_000)
    listener.close()
    ip('route flush table 100000')
  })

  test('a flood of foreign routes is discarded by their headers, and nothing is lost', async () => {
    const { listener, batches, events } = listen({
      filter: (view) => view.kind !== 'route' || view.routeTable === 20_000,
    })
    const route = (i: number, table: number): Route => ({
      ...{
        family: 4,
        table,
        type: 'unicast',
        destination: { address: `10.100.${i >> 8}.${i & 255}`, length: 32 },
        tos: 0,
      },
      ...{
        metric: 0,
        protocol: 99,
        scope: 253,
        metrics: {},
        nexthops: [{ oif: index('nlt0'), onlink: false, weight: 1 }],
      },
    })
    const flood = Array.from({ length: 5000 }, (_, i) => route(i, 19_000))
    expect(socket.batch([...flood, route(1, 20_000)].map(addRoute)).filter((error) => error)).toEqual([])
    await until(() => events().length > 0)
    expect(events().map(({ payload }) => decodeRoute(payload))).toEqual([route(1, 20_000)])
    expect(batches.every(({ overflow }) => !overflow)).toBe(true)
    listener.close()
    socket.batch([...flood, route(1, 20_000)].map(deleteRoute))
  })

  test('goes on hearing after events were lost', async () => {
    const { listener, batches, events } = listen({ filter: (view) => view.kind === 'rule' })
    const nowhere = (i: number): Route => ({
      ...{
        family: 4,
        table: 19_000,
        type: 'blackhole',
        destination: { address: `10.${i >> 8}.${i & 255}.0`, length: 24 },
      },
      ...{ tos: 0, metric: 0, protocol: 99, scope: 0, metrics: {}, nexthops: [] },
    })
    const flood = Array.from({ length: 60_000 }, (_, i) => nowhere(i))
    socket.batch([...flood.map(addRoute), ...flood.map(deleteRoute)])
    // What comes before the queue is empty may be lost too: the second time says that it is.
    await until(() => batches.filter(({ overflow }) => overflow).length > 1)
    ip('rule add from 10.0.0.1 lookup 100')
    await until(() => events().length === 1)
    listener.close()
    ip('rule del from 10.0.0.1 lookup 100')
  })

  test('drain tells of a change between two dumps, and onEvents hears of it too', async () => {
    const { listener, events } = listen()
    listener.drain()
    ip('rule add from 10.0.0.1 lookup 100')
    expect(listener.drain().events.map(({ kind }) => kind)).toEqual(['rule'])
    expect(listener.drain().events).toEqual([])
    ip('rule del from 10.0.0.1 lookup 100')
    await until(() => events().filter(({ kind }) => kind === 'rule').length === 2)
    listener.close()
  })

  test('close gives every file back', async () => {
    const files = () => readdirSync('/proc/self/fd').length
    await sleep(5)
    const before = files()
    for (let i = 0; i < 20; i++) {
      listen().listener.close()
      RequestSocket.open().close()
    }
    await sleep(5)
    expect(files()).toBe(before)
  })

  test('an event wakes the loop', async () => {
    const { listener } = await new Promise<ReturnType<typeof listen>>((resolve) => {
      const heard = listen({ onEvents: () => resolve(heard) })
      socket.batch([addRule(own)])
    })
    listener.close()
    socket.batch([deleteRule(own)])
  })

  test('after close a request is refused, and does no harm', () => {
    const closed = RequestSocket.open()
    closed.close()
    const sameFile = RequestSocket.open()
    closed.close()
    expect(sameFile.links().items).not.toEqual([])
    sameFile.close()
    expect(codes(closed.batch([addRule(own)]))).toEqual(['EBADF'])
    expect(() => closed.links()).toThrow(NetlinkError)
  })
})
