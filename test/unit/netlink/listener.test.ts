import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NLMSG, RTM } from '../../../src/netlink/constants.ts'
import { NetlinkError } from '../../../src/netlink/errors.ts'
import type { EventView } from '../../../src/netlink/event.ts'
import type { EventBatch } from '../../../src/netlink/event-reader.ts'
import { Listener } from '../../../src/netlink/listener.ts'
import { encodeRoute } from '../../../src/netlink/route-request.ts'
import { encodeRule } from '../../../src/netlink/rule-request.ts'
import type { Route } from '../../../src/state/route.ts'
import { FakeTransport, message } from '../../support/netlink.ts'

const route = (table: number): Buffer =>
  encodeRoute({
    ...{ family: 4, table, type: 'unicast', destination: { address: '10.0.0.0', length: 8 }, tos: 0, metric: 5 },
    ...{ protocol: 213, scope: 253, nexthops: [{ oif: 3, onlink: false, weight: 1 }], metrics: {} },
  } as Route)
const rule = encodeRule({ family: 6, priority: 1, action: 'lookup', table: 254, protocol: 2 })
const link = (family: number): Buffer => Buffer.of(family, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

const listen = (filter?: (view: EventView) => boolean, onEvents?: (batch: EventBatch) => void) => {
  const transport = new FakeTransport()
  const batches: EventBatch[] = []
  const errors: unknown[] = []
  const listener = new Listener(transport, {
    ...(filter ? { filter } : {}),
    onEvents: onEvents ?? ((batch) => batches.push(batch)),
    onError: (error) => errors.push(error),
  })
  const wake = async () => {
    listener.wake()
    await turn()
    await turn()
  }
  return { transport, listener, batches, errors, wake }
}

const described = (batches: readonly EventBatch[]) =>
  batches.map(({ events, overflow }) => [
    ...events.map(({ kind, deleted }) => `${deleted ? '-' : '+'}${kind}`),
    ...(overflow ? ['overflow'] : []),
  ])

test('the events of one wake come together, with who asked for them', async () => {
  const { transport, batches, wake } = listen()
  const mine = message(RTM.DELROUTE, 0, route(254))
  mine.writeUInt32LE(4711, 12)
  transport.queue.push(Buffer.concat([message(RTM.NEWRULE, 0, rule), mine]), message(RTM.NEWADDR, 0, rule))
  await wake()
  expect(described(batches)).toEqual([['+rule', '-route', '+address']])
  expect(batches[0]?.events.map(({ portId }) => portId)).toEqual([0, 4711, 0])
})

test('a payload is a copy: the receive buffer is used again', async () => {
  const { transport, batches, wake } = listen()
  const bytes = message(RTM.NEWRULE, 0, rule)
  transport.queue.push(bytes)
  await wake()
  bytes.fill(0)
  expect(batches[0]?.events[0]?.payload).toEqual(rule)
})

test.each([
  { name: 'ENOBUFS', answer: new NetlinkError({ operation: 'receive', errno: 105 }) },
  { name: 'a datagram longer than the buffer', answer: { bytes: message(RTM.NEWRULE, 0, rule), truncated: true } },
  { name: 'half a message', answer: message(RTM.NEWRULE, 0, rule).subarray(0, 20) },
])('$name says: look again', async ({ answer }) => {
  const { transport, batches, wake } = listen()
  transport.queue.push(message(RTM.NEWNEXTHOP, 0, rule), answer)
  await wake()
  expect(described(batches)[0]).toEqual(expect.arrayContaining(['+nexthop', 'overflow']))
})

test('lost events are told of once more when the queue is empty at last', async () => {
  const { transport, batches, wake } = listen()
  const more = Array.from({ length: 1000 }, () => message(RTM.NEWRULE, 0, rule))
  transport.queue.push(new NetlinkError({ operation: 'receive', errno: 105 }), ...more)
  await wake()
  await wake()
  await wake()
  expect(batches.map(({ overflow }) => overflow)).toEqual([true, true])
})

test.each([
  { name: 'what other programs send', answer: { bytes: message(RTM.NEWRULE, 0, rule), senderPort: 9 } },
  { name: "a bridge's port", answer: message(RTM.DELLINK, 0, link(7)) },
  { name: 'a message that is no event', answer: message(NLMSG.NOOP, 0, rule) },
  { name: 'an event without a body', answer: message(RTM.NEWRULE, 0) },
])('$name is not delivered', async ({ answer }) => {
  const { transport, batches, wake } = listen()
  transport.queue.push(answer)
  await wake()
  expect(batches).toEqual([])
})

describe('filter', () => {
  test('sees the header of a route, and its table above 255', async () => {
    const seen: unknown[] = []
    const { transport, batches, wake } = listen((view) => {
      seen.push([view.kind, view.family, view.routeTable, view.routeProtocol, view.routeType, view.routeFlags])
      return view.routeTable === 20000
    })
    transport.queue.push(message(RTM.NEWROUTE, 0, route(254)), message(RTM.DELROUTE, 0, route(20000)))
    await wake()
    expect(seen).toEqual([
      ['route', 4, 254, 213, 1, 0],
      ['route', 4, 20000, 213, 1, 0],
    ])
    expect(described(batches)).toEqual([['-route']])
  })

  test('sees the index of a link', async () => {
    const seen: number[] = []
    const { transport, wake } = listen((view) => seen.push(view.linkIndex) > 0)
    transport.queue.push(message(RTM.NEWLINK, 0, link(0)))
    await wake()
    expect(seen).toEqual([7])
  })

  test('nothing is delivered where nothing is kept', async () => {
    const { transport, batches, wake } = listen(() => false)
    transport.queue.push(message(RTM.NEWROUTE, 0, route(254)))
    await wake()
    expect(batches).toEqual([])
  })

  test('what it throws is handed over, and says: look again', async () => {
    const { transport, batches, errors, wake } = listen(() => {
      throw new Error('filter')
    })
    transport.queue.push(message(RTM.NEWRULE, 0, rule))
    await wake()
    expect([errors, described(batches)]).toEqual([[new Error('filter')], [['overflow']]])
  })
})

test('one wake reads a part of a flood, drain all of it', async () => {
  const { transport, listener, batches } = listen()
  transport.queue.push(...Array.from({ length: 2500 }, () => message(RTM.NEWRULE, 0, rule)))
  listener.wake()
  expect(transport.queue).toHaveLength(1500)
  expect(listener.drain().events).toHaveLength(1500)
  await turn()
  expect(batches.map(({ events }) => events.length)).toEqual([2500])
})

test('what drain read is delivered afterwards', async () => {
  const { transport, listener, batches } = listen()
  transport.queue.push(message(RTM.NEWRULE, 0, rule))
  expect(described([listener.drain()])).toEqual([['+rule']])
  expect(described([listener.drain()])).toEqual([[]])
  expect(batches).toEqual([])
  await turn()
  expect(described(batches)).toEqual([['+rule']])
})

test('what onEvents throws is handed over', async () => {
  const { transport, errors, wake } = listen(undefined, () => {
    throw new Error('onEvents')
  })
  transport.queue.push(message(RTM.NEWRULE, 0, rule))
  await wake()
  expect(errors).toEqual([new Error('onEvents')])
})

test('a socket that fails is handed over', async () => {
  const { transport, errors, batches, wake } = listen()
  transport.queue.push(new NetlinkError({ operation: 'receive', errno: 9 }))
  await wake()
  expect([errors, described(batches)]).toEqual([[expect.objectContaining({ code: 'EBADF' })], [['overflow']]])
})

test('after close nothing is delivered', async () => {
  const { transport, listener, batches } = listen()
  transport.queue.push(message(RTM.NEWRULE, 0, rule))
  listener.wake()
  listener.close()
  transport.queue.push(message(RTM.NEWRULE, 0, rule))
  expect(described([listener.drain()])).toEqual([[]])
  await turn()
  expect([batches, transport.closed]).toEqual([[], true])
})

test('random bytes are survived', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 5 }), (datagrams) => {
      const { transport, listener, errors } = listen((view) => view.routeTable + view.linkIndex + view.routeFlags >= 0)
      transport.queue.push(...datagrams.map((bytes) => Buffer.from(bytes)))
      listener.drain()
      listener.close()
      expect(errors).toEqual([])
    }),
  )
})
